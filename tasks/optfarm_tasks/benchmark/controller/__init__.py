"""Starts and drives the timed processes: pairs, ladders, the Server scenario, repeated attempts."""
