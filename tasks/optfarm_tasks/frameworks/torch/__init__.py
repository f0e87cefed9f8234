"""What the techniques and the runtime of PyTorch share."""
