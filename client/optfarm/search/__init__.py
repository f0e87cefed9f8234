"""Searches for the best recipes of a model: draws recipes, has the farm measure them, keeps the Pareto front."""
