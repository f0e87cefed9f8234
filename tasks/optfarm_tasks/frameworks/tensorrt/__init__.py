"""What the techniques and the runtime of TensorRT share; TensorRT, of versions 10 and 11, and TensorRT-RTX alike."""
