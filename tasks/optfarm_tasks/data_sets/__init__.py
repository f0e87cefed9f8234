"""Data sets: read, checked, and fed to the inputs of a model."""
