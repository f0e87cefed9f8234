"""TensorFlow: runs the serving signature of a SavedModel, or a frozen graph from its placeholders to its ends.

On a GPU an op without a kernel there runs on the CPU, as TensorFlow places it; the op profile shows where.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optfarm_tasks import formats, instruction_sets
from optfarm_tasks.data_sets import model_inputs
from optfarm_tasks.description import Format, ModelDescription, Signature, Tensor
from optfarm_tasks.errors import BadModel, Internal
from optfarm_tasks.frameworks import saved_names
from optfarm_tasks.frameworks.imports import blamed, blaming, require
from optfarm_tasks.frameworks.tensorflow import gpu, graph_file
from optfarm_tasks.runtime import Arrays, check_device
from optfarm_tasks.schema.device import CPU, DeviceKind, DeviceSpec

FORMATS = frozenset({Format.SAVED_MODEL, Format.FROZEN_GRAPH})
MODULES = ("tensorflow",)
DEVICES = frozenset({DeviceKind.CPU, DeviceKind.GPU})
BUILT_FOR_CPUS = ("tensorflow-cpu",)
INSTRUCTION_SETS = instruction_sets.FLOATS


class Model:
    """A loaded model and the function of its serving signature."""

    def __init__(
        self, loaded: Any, function: Any, *, signature: Signature, precision: str, variables: Iterable[Any] = ()
    ) -> None:
        """Takes what TensorFlow loaded; `function` captures its variables only as long as `loaded` lives.

        Args:
            loaded: the model.
            function: what runs.
            signature: how that is called.
            precision: in which it computes.
            variables: those that a request may change.
        """
        from tensorflow import constant

        self.signature = signature
        self.precision = precision
        self._loaded = loaded
        self._function = function
        self._constant = constant
        self._initial = [(each, each.numpy()) for each in variables]

    def feed(self, inputs: Arrays) -> Any:
        """Arrays of the signature's types."""
        return model_inputs.fitted(inputs, self.signature)

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

    def reset(self) -> None:
        """Sets the variables that it changes to what they were when it was loaded."""
        for variable, value in self._initial:
            variable.assign(value)

    def exact(self) -> None:
        """Nothing: no kernel of a graph that the farm makes computes in bytes."""


def load(model: Path, *, threads: int, device: DeviceSpec = CPU) -> Model:
    """Loads a SavedModel or a frozen graph, with as many threads within an op and between ops.

    Raises:
        BadModel: TensorFlow cannot load it.
        Internal: TensorFlow already runs in this process, with another number of threads.
        MissingToolchain: TensorFlow does not import here, or sees no GPU and is to compute on one.
        UnsupportedOp: an end of a frozen graph gives outputs that its file does not name.
    """
    check_device(device, DEVICES, user="the tensorflow runtime")
    require(MODULES, user="the tensorflow runtime")
    if device.kind is DeviceKind.GPU:
        gpu.here(user="the tensorflow runtime")
    described = formats.describe(model)
    set_threads(threads)
    return loaded(model, described)


def loaded(model: Path, described: ModelDescription) -> Model:
    """As `load`, onto whatever TensorFlow computes on in this process."""
    load_format = _load_frozen if described.format is Format.FROZEN_GRAPH else _load_saved
    return load_format(model, described)


def _load_saved(model: Path, described: ModelDescription) -> Model:
    import tensorflow as tf

    with blaming(BadModel, "TensorFlow cannot load the SavedModel"):
        whole = tf.saved_model.load(str(model))
        function = whole.signatures[described.signature.name]
        specs, arguments = function.structured_input_signature[1], saved_names.arguments_of(function)
        signature = Signature(
            name=described.signature.name,
            inputs=_tensors({name: specs[argument] for name, argument in arguments.items()}),
            outputs=_tensors(function.structured_outputs),
        )
    return Model(
        whole,
        # Inputs may have names that no argument can have.
        lambda **named: function(**{arguments[name]: tensor for name, tensor in named.items()}),
        signature=signature,
        precision=graph_file.precision(model),
        variables=function.variables if described.state else (),
    )


def _load_frozen(model: Path, described: ModelDescription) -> Model:
    import tensorflow as tf

    definition = graph_file.definition(model)
    with blaming(BadModel, "TensorFlow cannot load the frozen graph"):
        whole = tf.compat.v1.wrap_function(lambda: tf.graph_util.import_graph_def(definition, name=""), [])
        inputs, outputs = graph_file.tensors(whole.graph, described.signature)
        function = whole.prune(list(inputs.values()), outputs)
    signature = described.signature.model_copy(update={"outputs": _tensors(function.structured_outputs)})
    # A function made of a graph takes its inputs in order, without names.
    return Model(
        whole,
        lambda **named: function(*(named[name] for name in inputs)),
        signature=signature,
        precision=graph_file.precision(model),
    )


def ends(model: Path) -> tuple[str, ...]:
    """The nodes of the outermost graph that nothing takes."""
    return graph_file.ends(model)


def _tensors(specs: dict[str, Any]) -> tuple[Tensor, ...]:
    return tuple(
        Tensor(name=name, dtype=spec.dtype.name, shape=None if spec.shape.rank is None else tuple(spec.shape))
        for name, spec in sorted(specs.items())
    )


def set_threads(threads: int) -> None:
    """Has TensorFlow take as many threads within an op and between ops.

    Raises:
        Internal: it already runs in this process, with another number of threads.
    """
    from tensorflow import config

    threading = config.threading
    if threading.get_intra_op_parallelism_threads() == threads == threading.get_inter_op_parallelism_threads():
        return
    try:
        threading.set_intra_op_parallelism_threads(threads)
        threading.set_inter_op_parallelism_threads(threads)
    except RuntimeError as error:
        raise Internal(f"TensorFlow runs already, so it cannot be set to {threads} threads: {error}") from error
