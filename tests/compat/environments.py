"""Keras versions whose files people still have, each with a Python and packages that it runs on."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Environment:
    """A Keras of the past, or the newest."""

    name: str
    python: str
    """The version of the interpreter, such as 3.8."""
    packages: tuple[str, ...]
    library: str
    """keras, or the one within TensorFlow."""
    ways: tuple[str, ...]
    """In which it saves."""


_OLD = ("h5py<3", "protobuf<3.21")
_TF, _KERAS = "tensorflow.keras", "keras"
ENVIRONMENTS = (
    Environment("keras-2.2.4", "3.7", ("keras==2.2.4", "tensorflow==1.14.0", "numpy<1.19", *_OLD), _KERAS, ("h5",)),
    Environment("tf-1.15", "3.7", ("tensorflow==1.15.5", "numpy<1.19", *_OLD), _TF, ("h5", "save")),
    Environment("tf-2.3", "3.8", ("tensorflow-cpu==2.3.4", "numpy<1.19", *_OLD), _TF, ("h5", "save")),
    Environment("tf-2.11", "3.10", ("tensorflow-cpu==2.11.1", "numpy<1.24"), _TF, ("h5", "save")),
    Environment("tf-2.12", "3.11", ("tensorflow-cpu==2.12.1",), _TF, ("keras",)),
    Environment("tf-2.15", "3.11", ("tensorflow-cpu==2.15.1",), _TF, ("keras", "save")),
    # Keras 3.0 saves no .h5 of a compiled model whose layers' weights have one name.
    Environment("keras-3.0", "3.11", ("keras==3.0.5", "tensorflow-cpu==2.16.2"), _KERAS, ("keras", "export")),
    Environment("keras-3.6", "3.12", ("keras==3.6.0", "tensorflow-cpu==2.18.1"), _KERAS, ("keras", "h5")),
    Environment("newest", "3.13", ("keras", "tensorflow-cpu"), _KERAS, ("keras",)),
)
