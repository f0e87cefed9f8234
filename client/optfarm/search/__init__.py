"""Looks for the best recipes of a model: draws them, has the farm measure them, keeps what nothing beats."""
