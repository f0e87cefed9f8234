"""Computes the published numbers from raw samples: pure functions, and all that clients import of the benchmark."""
