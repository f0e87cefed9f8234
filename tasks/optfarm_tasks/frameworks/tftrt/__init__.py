"""TF-TRT: segments of a TensorFlow graph computed by TensorRT's engines, from within TensorFlow."""
