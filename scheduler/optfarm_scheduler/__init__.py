"""The scheduler: HTTP API, planner, state machine, loop and dispatch."""
