"""Has TensorFlow believe in a GPU as far as TF-TRT asks for one before it segments; nothing can run on it."""

from types import SimpleNamespace
from typing import Any

import tensorflow as tf
from tensorflow.python.compiler.tensorrt import trt_convert

NAME, CAPABILITY = "NVIDIA that is not here", (8, 6)
_DEVICE = "/job:localhost/replica:0/task:0/device:GPU:0"


class _Operations:
    """TensorFlow's, but that a tensor lies on the GPU when TF-TRT makes one to see where it does."""

    def __getattr__(self, name: str) -> Any:
        return getattr(_REAL, name)

    def zeros(self, *_: Any, **__: Any) -> SimpleNamespace:
        return SimpleNamespace(device=_DEVICE)


_REAL = trt_convert.array_ops


def install() -> None:
    """Takes effect for the rest of the process."""
    trt_convert.array_ops = _Operations()
    real = tf.config.list_physical_devices
    gpu = SimpleNamespace(name="/physical_device:GPU:0", device_type="GPU")
    tf.config.list_physical_devices = lambda kind=None: [gpu] if kind == "GPU" else real(kind)
    tf.config.experimental.set_memory_growth = lambda *_, **__: None
    tf.config.experimental.get_device_details = lambda _: {"device_name": NAME, "compute_capability": CAPABILITY}
