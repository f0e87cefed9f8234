"""From raw samples to published numbers: pure functions, the only part of the benchmark that clients import."""
