"""The steps that all conversions to ONNX share: any model in, model.onnx with the same signature out."""

import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from optfarm_tasks import formats
from optfarm_tasks.description import Format, Signature
from optfarm_tasks.errors import BadModel, UnsupportedOp
from optfarm_tasks.formats.onnx import SIGNATURE_KEY
from optfarm_tasks.formats.raw import MAIN
from optfarm_tasks.frameworks.imports import blaming
from optfarm_tasks.frameworks.onnx import from_tensorflow
from optfarm_tasks.frameworks.tensorflow import graph_edit
from optfarm_tasks.technique import Card, Done, Work

CONVERTED = graph_edit.ACCEPTS | {Format.TFLITE}
ACCEPTS = graph_edit.ACCEPTS | {Format.ONNX}
YIELDS = dict.fromkeys(ACCEPTS, Format.ONNX)
MODULES = (*graph_edit.MODULES, "onnx", "onnxruntime", "tf2onnx")
card = partial(Card, accepts=ACCEPTS, yields=YIELDS, modules=MODULES)
"""The card of a technique that makes an .onnx."""
FILE = "model.onnx"

_NO_KERNEL = re.compile(r"Could not find an implementation for (\w+)")

_NEWER = "the model {} {}, and this ONNX Runtime takes {} at most"
_NEWER_IR = re.compile(r"Unsupported model IR version: (\d+), max supported IR version: (\d+)")
_NEWER_OPSET = re.compile(r"Opset (\d+) is under development.*? is till opset (\d+)", re.DOTALL)


@contextmanager
def source(
    work: Work, *, opset: int = from_tensorflow.NEWEST_OPSET
) -> Iterator[tuple[Path, Signature, tuple[str, ...]]]:
    """The model as an .onnx file, its signature, and warnings; the file passes with the context.

    Raises:
        BadModel: the model cannot be loaded or converted.
        UnsupportedOp: an op has no counterpart; the message names it.
    """
    with tempfile.TemporaryDirectory(dir=work.output.parent, prefix="onnx-") as folder:
        if work.format is Format.ONNX:
            # The files of a task may be links, and onnx reads no weights through one.
            copied = shutil.copytree(work.model, Path(folder, "model"))
            file = formats.file_of(copied)
            refuse_unloadable(file, "ONNX Runtime cannot load the model")
            yield file, formats.describe(work.model).signature, ()
            return
        file = Path(folder, FILE)
        model, name, warnings = from_tensorflow.converted(work, opset=opset)
        save(model, file, signature=name)
        yield file, formats.describe(file).signature, warnings


def save(model: Any, file: Path, *, signature: str) -> None:
    """Writes a model with the name of the signature that it was made from.

    Raises:
        BadModel: it is larger than a file of this kind can be.
    """
    others = [entry for entry in model.metadata_props if entry.key != SIGNATURE_KEY]
    del model.metadata_props[:]
    model.metadata_props.extend(others)
    if signature != MAIN:
        model.metadata_props.add(key=SIGNATURE_KEY, value=signature)
    with blaming(BadModel, "the model cannot be stored as one .onnx file"):
        file.write_bytes(model.SerializeToString(deterministic=True))


def done(work: Work, before: Path | None, warnings: tuple[str, ...], **notes: Any) -> Done:
    """Checks that the artifact loads in ONNX Runtime, and counts its nodes by op, and those of what it was made from.

    Raises:
        BadModel: ONNX Runtime refuses it.
        UnsupportedOp: it has no kernel for an op.
    """
    work.on_progress("checking", 0.95)
    artifact = work.output / FILE
    refuse_unloadable(artifact, "ONNX Runtime cannot load what was made of the model")
    counts = {} if before is None else {"nodes_before": _counts(before)}
    return Done(warnings=warnings, notes=notes | counts | {"nodes_after": _counts(artifact)})


def refuse_unloadable(file: Path, what: str) -> None:
    """Passes when ONNX Runtime loads a file; `what` begins the message if it does not.

    Raises:
        BadModel: it refuses it.
        UnsupportedOp: it has no kernel for an op, which is named.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    with blaming(BadModel, what), _naming_causes():
        onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])


@contextmanager
def _naming_causes() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        kernel, version, opset = (each.search(str(error)) for each in (_NO_KERNEL, _NEWER_IR, _NEWER_OPSET))
        if kernel is not None:
            raise UnsupportedOp(f"ONNX Runtime has no kernel for {kernel[1]}") from error
        if version is not None:
            raise BadModel(_NEWER.format("is of ONNX's IR version", *version.groups())) from error
        if opset is not None:
            raise BadModel(_NEWER.format("is written in opset", *opset.groups())) from error
        raise


def _counts(file: Path) -> dict[str, int]:
    ops = Counter(formats.describe(file).ops)
    return {"total": ops.total(), **ops}
