"""Models as the Keras versions save them that people still use: python -m tests.compat records them anew."""
