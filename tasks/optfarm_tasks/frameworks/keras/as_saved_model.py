"""Exports a Keras model, of Keras 3 or Keras 2, as a SavedModel with the inputs that its file names.

Keras 2 (tf_keras) and Keras 3 cannot read each other's files. The version in the file says whom to ask first.
"""

import importlib
import json
import os
import re
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from optfarm_tasks import formats
from optfarm_tasks.description import Format, Signature
from optfarm_tasks.errors import BadModel
from optfarm_tasks.formats.raw import MAIN
from optfarm_tasks.frameworks import saved_names
from optfarm_tasks.frameworks.imports import blaming, line_of, require
from optfarm_tasks.frameworks.keras import emulation, operations
from optfarm_tasks.frameworks.keras.counterpart import own_classes
from optfarm_tasks.frameworks.keras.weights import finalise

MODULES = ("tensorflow", "keras", "tf_keras")
_UNKNOWN = re.compile(r"(?:Could not locate|Unknown) (class|function|layer|activation)[: ]+'?(\w+)'?")
_KERAS_3, _KERAS_2 = "keras", "tf_keras"


def export(folder: Path, target: Path) -> None:
    """Writes the Keras model of a folder as a SavedModel; loading a model runs its code.

    Inputs are named as the file names them, outputs as their layers.

    Raises:
        BadModel: neither Keras loads or exports it.
        MissingToolchain: TensorFlow or a Keras is not installed.
        OutOfMemory: memory ran out.
    """
    model, library = load(folder)
    write(model, library, formats.describe(folder).signature, target)


def write(model: Any, library: str, signature: Signature, target: Path, *, casts_to: str | None = None) -> None:
    """As `export`, of a model in memory.

    Args:
        model: of Keras 3 or tf_keras.
        library: which of the two.
        signature: names, types and shapes of its inputs.
        target: the folder of the SavedModel.
        casts_to: the type that floating-point outputs get.

    Raises:
        BadModel: it cannot be exported.
        OutOfMemory: memory ran out.
    """
    with blaming(BadModel, f"{library} cannot export the model"):
        _export(model, library, signature, target=target, casts_to=casts_to)


def load(folder: Path) -> tuple[Any, str]:
    """The Keras model of a folder, not compiled, and the library that it is of, keras or tf_keras; runs its code.

    Raises:
        BadModel: neither Keras loads it.
        MissingToolchain: TensorFlow or a Keras is not installed, or what wrapped the model's layers is not.
        OutOfMemory: memory ran out.
    """
    # Keras 3 would otherwise take whatever backend the user's own configuration names.
    os.environ["KERAS_BACKEND"] = "tensorflow"
    require(MODULES, user="a Keras model")
    with _wrappers(folder):
        return _loaded(formats.file_of(folder))


def is_quantised(folder: Path) -> bool:
    """Whether layers of a Keras model emulate quantisation, as quantisation-aware training leaves them."""
    return any(name.startswith("Quantize") for name in formats.describe(folder).ops)


@contextmanager
def _wrappers(folder: Path) -> Iterator[None]:
    """Makes the wrappers of quantisation-aware training known to tf_keras, where a model has some."""
    if not is_quantised(folder):
        yield
        return
    require(("tensorflow_model_optimization",), user="a model with quantised layers")
    with emulation.quantising():
        yield


def _loaded(file: Path) -> tuple[Any, str]:
    faults = []
    for library in _libraries(_version(file)):
        try:
            with blaming(BadModel, library):
                return _load(file, library), library
        except BadModel as error:
            _refuse_unknown(error, library)
            faults.append(line_of(error))
    raise BadModel(f"no Keras loads {file.name}: {'; '.join(faults)}")


def _refuse_unknown(error: BaseException, library: str) -> None:
    """Says what a file names that Keras does not have: code of its author's, which no file of Keras holds."""
    cause: BaseException | None = error
    while cause is not None:
        found = _UNKNOWN.search(str(cause))
        if found is not None:
            raise BadModel(
                f"the model is made of {found[2]!r}, a {found[1].lower()} of its author's that {library} does not "
                f"have, and the file holds none of its code; bring the model as a SavedModel: model.export(FOLDER)"
            ) from error
        cause = cause.__cause__ or cause.__context__


def _load(file: Path, library: str) -> Any:
    # Code inside a model may run here: this process is the sandbox that is made for it.
    module = importlib.import_module(library)
    # Where a model is rebuilt from its configuration later, its Lambda layers are trusted as they are here.
    (module.__internal__ if library == _KERAS_2 else module.config).enable_unsafe_deserialization()
    known = own_classes() if library == _KERAS_2 else {}
    if library == _KERAS_3 and formats.detect(file) is Format.H5:
        known = operations.classes()
    with module.utils.custom_object_scope(known), _by_right_name(file) as named:
        model = module.models.load_model(named, compile=False, safe_mode=False)
    finalise(model)
    return model


@contextmanager
def _by_right_name(file: Path) -> Iterator[Path]:
    """The file under a suffix by which every Keras knows its format."""
    suffix = f".{formats.detect(file)}"
    if file.suffix == suffix:
        yield file
        return
    with TemporaryDirectory() as folder:
        named = Path(folder, f"model{suffix}")
        named.symlink_to(file.absolute())
        yield named


def _libraries(version: str) -> tuple[str, str]:
    return (_KERAS_3, _KERAS_2) if version.startswith("3") else (_KERAS_2, _KERAS_3)


def _version(file: Path) -> str:
    """The version of Keras that wrote a file; of an old one that does not say it, an empty string."""
    if formats.detect(file) is Format.KERAS:
        with zipfile.ZipFile(file) as archive:
            return str(json.loads(archive.read("metadata.json")).get("keras_version", ""))
    h5py = importlib.import_module("h5py")
    with h5py.File(file, "r") as stored:
        said = stored.attrs.get("keras_version", "")
        return said.decode() if isinstance(said, bytes) else str(said)


def _export(model: Any, library: str, signature: Signature, *, target: Path, casts_to: str | None) -> None:
    import tensorflow as tf

    arguments = saved_names.argument_names(each.name for each in signature.inputs)
    specs = [tf.TensorSpec(each.shape, each.dtype, name=arguments[each.name]) for each in signature.inputs]
    archive = importlib.import_module(library).export.ExportArchive()
    archive.track(model)
    archive.add_endpoint(MAIN, _serving(model, signature, casts_to), input_signature=specs)
    archive.write_out(str(target), **({"verbose": False} if library == _KERAS_3 else {}))
    saved_names.restore(target, arguments)


def _serving(model: Any, signature: Signature, casts_to: str | None) -> Callable[..., dict[str, Any]]:
    import tensorflow as tf

    names = [each.name for each in signature.inputs]

    def serve(*tensors: Any) -> dict[str, Any]:
        outputs = model(_arranged(model, dict(zip(names, tensors, strict=True))), training=False)
        named = outputs if isinstance(outputs, dict) else dict(_named(model, outputs))
        if casts_to is None:
            return named
        return {name: tf.cast(each, casts_to) if each.dtype.is_floating else each for name, each in named.items()}

    return serve


def _arranged(model: Any, tensors: dict[str, Any]) -> Any:
    """The inputs in the structure in which the model takes them."""
    # A Sequential of Keras 3 has no such attribute before it is called, and takes one tensor.
    structure = getattr(model, "input", None)
    if isinstance(structure, dict):
        return {key: tensors[layer_name(tensor)] for key, tensor in structure.items()}
    if len(tensors) == 1:
        return next(iter(tensors.values()))
    return [tensors[layer_name(tensor)] for tensor in model.inputs]


def _named(model: Any, outputs: Any) -> Iterator[tuple[str, Any]]:
    names = getattr(model, "output_names", None) or [layer_name(tensor) for tensor in model.outputs]
    values = outputs if isinstance(outputs, (list, tuple)) else [outputs]
    seen: dict[str, int] = {}
    for name, value in zip(names, values, strict=True):
        seen[name] = seen.get(name, 0) + 1
        # A layer that gives several outputs is named once for each.
        yield name if seen[name] == 1 else f"{name}_{seen[name] - 1}", value


def layer_name(tensor: Any) -> str:
    """The name of the layer that gives a tensor of a model."""
    history = tensor._keras_history  # noqa: SLF001 (the one way to a tensor's layer that both Keras have)
    layer = getattr(history, "operation", None) or history.layer
    return str(layer.name)
