"""Keras models: exported, rebuilt in tf_keras, fine-tuned, pruned, clustered, quantised."""
