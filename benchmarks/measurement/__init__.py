"""Whether the measuring method holds what it promises: `python -m benchmarks.measurement`."""
