"""Turns a sweep into tasks with keys and needs; pure."""
