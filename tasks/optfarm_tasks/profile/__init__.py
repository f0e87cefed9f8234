"""Turns the ops that a profiler observed into times by op type and into a Chrome trace."""
