"""Estimates the computation that similar neuron vectors would save per convolution, and its error.

Activations of calibration samples are watched at the input of every Conv2D, and similar parts of them are clustered by
locality-sensitive hashing, as in "Deep Reuse" (Ning and Shen, ICS '19). The notes give, for each convolution, the
fraction of multiplications that reuse would save and the error of its output. The artifact is the model, unchanged.

When it helps: deciding whether an implementation of reuse is worth writing, for which layers, and with which length and
hash.

Traps: an estimate of multiplications, not of time: gathering clusters costs memory traffic that is not counted. Errors
are those of each layer alone; they add up through a network. More hash bits are more exact and save less.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from pydantic import Field

from optfarm_tasks import formats
from optfarm_tasks.data_sets import calibration
from optfarm_tasks.errors import BadModel, NothingToDo
from optfarm_tasks.frameworks.imports import blaming
from optfarm_tasks.frameworks.tensorflow import graph_edit, reuse, shapes
from optfarm_tasks.frameworks.tensorflow.freeze import MetaGraph
from optfarm_tasks.technique import Done, Params, Work
from optfarm_tasks.techniques import baseline

CARD = graph_edit.card(needs_calibration=True, tolerance_nmse=1e-10)


class PARAMS(Params):
    """How vectors are cut and hashed."""

    length: int = Field(default=12, ge=1, le=4096, description="elements of a sub-vector of the unfolded input")
    hash_bits: int = Field(default=8, ge=1, le=62, description="random hyperplanes that a sub-vector is hashed by")
    samples: int = Field(default=8, ge=1, le=10_000, description="samples of the calibration split that are watched")


def run(work: Work, params: PARAMS) -> Done:
    """Watches the convolutions, and gives the model as it is."""
    graph, warnings = graph_edit.frozen(work)
    graph_edit.keep_main(graph)
    convolutions = _convolutions(graph)
    samples = calibration.calibration_of(work, formats.describe(work.model).signature, params.samples)
    estimate = reuse.Reuse(length=params.length, hash_bits=params.hash_bits, seed=work.seed)
    total = len(convolutions) * samples.count
    for at, (name, rows, kernel) in enumerate(_unfolded(graph, convolutions, samples)):
        estimate.add(name, rows, kernel)
        work.on_progress("watching", 0.2 + 0.6 * min(1.0, at / total))
    copied = baseline.run(work, baseline.PARAMS())
    left_out = [node.name for node in convolutions if node.name not in estimate.notes] + _in_functions(graph)
    grouped = (f"convolutions in groups or in functions are left out: {', '.join(left_out)}",) if left_out else ()
    notes = {"samples": samples.count, "saved": estimate.saved, "layers": estimate.notes}
    return Done(warnings=tuple(dict.fromkeys((*warnings, *samples.fed, *grouped, *copied.warnings))), notes=notes)


def _convolutions(graph: MetaGraph) -> list[Any]:
    """The Conv2D nodes over images (N, H, W, C)."""
    found = [node for node in graph.graph_def.node if node.op == "Conv2D" and node.attr["data_format"].s != b"NCHW"]
    if not found:
        raise NothingToDo("reuse is estimated for Conv2D over images (batch, height, width, channels); there is none")
    return found


def _in_functions(graph: MetaGraph) -> list[str]:
    """Conv2D nodes in functions that are called, such as the grouped ones of Keras."""
    functions = graph.graph_def.library.function
    return [f"{each.signature.name}/{node.name}" for each in functions for node in each.node_def if node.op == "Conv2D"]


def _unfolded(
    graph: MetaGraph, convolutions: list[Any], samples: calibration.Calibration
) -> Iterator[tuple[str, reuse.Matrix, reuse.Matrix]]:
    """For each sample and convolution its name, its unfolded input (R, K) and its kernel (K, M)."""
    watch = _watching(graph, convolutions)
    with blaming(BadModel, "TensorFlow cannot run the model"):
        for feed in samples.feeds():
            values = watch(feed)
            for node in convolutions:
                images, kernel = values[f"{node.name}/images"], values[f"{node.name}/kernel"]
                if images.shape[3] != kernel.shape[2]:
                    continue  # in groups, each with a kernel of its own; the caller says what is left out
                flat = kernel.astype(np.float32).reshape(-1, kernel.shape[3])
                for sample in _patches(images, kernel, node):
                    yield node.name, sample.reshape(-1, sample.shape[-1]).astype(np.float32), flat


def _watching(graph: MetaGraph, convolutions: list[Any]) -> Any:
    """A function of the model's inputs that gives what each convolution takes."""
    import tensorflow as tf

    # A session, because functions of a graph that is called eagerly must not have the names of an earlier one's.
    with tf.Graph().as_default() as imported:
        tf.graph_util.import_graph_def(graph.graph_def, name="")
    session = tf.compat.v1.Session(graph=imported)
    inputs = {key: info.name for key, info in shapes.main_signature(graph).inputs.items()}
    fetched = {
        f"{node.name}/{part}": imported.get_operation_by_name(node.name).inputs[at]
        for node in convolutions
        for at, part in enumerate(("images", "kernel"))
    }
    return lambda feed: session.run(fetched, {tensor: feed[key] for key, tensor in inputs.items()})


def _patches(images: Any, kernel: Any, node: Any) -> Any:
    """What the kernel meets at each place: (N, height out, width out, kernel height x width x channels)."""
    import tensorflow as tf

    padding = node.attr["padding"].s.decode()
    if padding == "EXPLICIT":
        sides = list(node.attr["explicit_paddings"].list.i)
        images = tf.pad(images, list(zip(sides[::2], sides[1::2], strict=True)))
        padding = "VALID"
    patches = tf.image.extract_patches(
        images,
        sizes=[1, kernel.shape[0], kernel.shape[1], 1],
        strides=list(node.attr["strides"].list.i),
        rates=list(node.attr["dilations"].list.i) or [1, 1, 1, 1],
        padding=padding,
    )
    return patches.numpy()
