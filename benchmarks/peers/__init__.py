"""The farm's best artifact against the best that other optimisers find: `python -m benchmarks.peers`."""
