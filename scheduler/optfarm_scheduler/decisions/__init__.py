"""Decides from a snapshot of tasks and devices what happens next; pure."""
