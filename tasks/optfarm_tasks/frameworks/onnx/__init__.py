"""ONNX models: exported from TensorFlow and TFLite, converted and inspected."""
