"""Bundles: one file with all that a sweep's numbers rest on, checked without the farm; see docs/bundle.md."""
