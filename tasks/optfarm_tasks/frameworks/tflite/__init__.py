"""TFLite models: converted, and read through the C API of LiteRT."""
