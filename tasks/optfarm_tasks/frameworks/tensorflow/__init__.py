"""Graphs of TensorFlow: frozen, read, changed, and written back."""
