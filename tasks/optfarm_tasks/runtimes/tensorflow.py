"""TensorFlow: runs the serving signature of a SavedModel."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optfarm_tasks import formats
from optfarm_tasks.description import Format, Signature, Tensor
from optfarm_tasks.errors import BadModel, Internal
from optfarm_tasks.frameworks import blamed, blaming, require
from optfarm_tasks.runtime import Arrays
from optfarm_tasks.runtimes import _graph, _inputs

FORMATS = frozenset({Format.SAVED_MODEL})
MODULES = ("tensorflow",)


class SavedModel:
    """A loaded SavedModel and the function of its serving signature."""

    def __init__(self, loaded: Any, function: Any, *, signature: Signature, precision: str) -> None:
        """Takes what TensorFlow loaded; `function` captures its variables only as long as `loaded` lives."""
        from tensorflow import constant

        self.signature = signature
        self.precision = precision
        self._loaded = loaded
        self._function = function
        self._constant = constant

    def feed(self, inputs: Arrays) -> Any:
        """Arrays of the signature's types."""
        return _inputs.fitted(inputs, self.signature)

    def run(self, feed: Any) -> Any:
        """Copies the arrays into tensors, computes, and copies the results back."""
        constant = self._constant
        try:
            results = self._function(**{name: constant(array) for name, array in feed.items()})
            return {name: tensor.numpy() for name, tensor in results.items()}
        except Exception as error:
            raise blamed(error, BadModel, "TensorFlow cannot run the model") from error

    def outputs(self, raw: Any) -> dict[str, NDArray[np.generic]]:
        """The arrays as they are; bfloat16, which NumPy does not know, as float32."""
        return {name: array.astype(np.float32) if array.dtype.kind == "V" else array for name, array in raw.items()}


def load(model: Path, threads: int) -> SavedModel:
    """Loads a SavedModel, with as many threads within an op and between ops.

    Raises:
        BadModel: TensorFlow cannot load it.
        Internal: TensorFlow already runs in this process, with another number of threads.
        MissingToolchain: TensorFlow does not import here.
    """
    require(MODULES, user="the tensorflow runtime")
    import tensorflow as tf

    name = formats.describe(model).signature.name
    _set_threads(tf.config.threading, threads)
    with blaming(BadModel, "TensorFlow cannot load the SavedModel"):
        loaded = tf.saved_model.load(str(model))
        function = loaded.signatures[name]
        signature = Signature(
            name=name,
            inputs=_tensors(function.structured_input_signature[1]),
            outputs=_tensors(function.structured_outputs),
        )
    return SavedModel(loaded, function, signature=signature, precision=_graph.precision(model))


def ends(model: Path) -> tuple[str, ...]:
    """The nodes of the outermost graph that nothing takes."""
    return _graph.ends(model)


def _tensors(specs: dict[str, Any]) -> tuple[Tensor, ...]:
    return tuple(
        Tensor(name=name, dtype=spec.dtype.name, shape=None if spec.shape.rank is None else tuple(spec.shape))
        for name, spec in sorted(specs.items())
    )


def _set_threads(threading: Any, threads: int) -> None:
    if threading.get_intra_op_parallelism_threads() == threads == threading.get_inter_op_parallelism_threads():
        return
    try:
        threading.set_intra_op_parallelism_threads(threads)
        threading.set_inter_op_parallelism_threads(threads)
    except RuntimeError as error:
        raise Internal(f"TensorFlow runs already, so it cannot be set to {threads} threads: {error}") from error
