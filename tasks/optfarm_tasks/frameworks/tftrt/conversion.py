"""The steps that the techniques of TF-TRT share: a frozen graph in, a SavedModel with engines out, checked."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from optfarm_tasks import formats
from optfarm_tasks.data_sets.calibration import Calibration, calibration_of
from optfarm_tasks.description import Format, Signature
from optfarm_tasks.errors import BadModel, BadParameter, NothingToDo, UnsupportedOp
from optfarm_tasks.formats import tftrt
from optfarm_tasks.formats.tftrt import Built, at_batch
from optfarm_tasks.frameworks import saved_names
from optfarm_tasks.frameworks.imports import blaming
from optfarm_tasks.frameworks.tensorflow import gpu, graph_edit
from optfarm_tasks.frameworks.tensorflow.gpu import Gpu
from optfarm_tasks.frameworks.tftrt import feeds, library, log, precision
from optfarm_tasks.frameworks.tftrt.report import Segmentation, segmentation_of
from optfarm_tasks.runtime import check_device
from optfarm_tasks.schema.device import DeviceKind
from optfarm_tasks.technique import Bound, Card, Done, Params, Work

ACCEPTS = frozenset({Format.SAVED_MODEL, Format.FROZEN_GRAPH})
DISTRIBUTIONS = {"tensorflow": "2.17.1"}
"""The last TensorFlow with TF-TRT; later ones still have its modules."""
MODULES = ("tensorflow",)
card = partial(
    Card,
    accepts=ACCEPTS,
    yields=dict.fromkeys(ACCEPTS, Format.TFTRT),
    modules=MODULES,
    distributions=DISTRIBUTIONS,
    needs_gpu=True,
    fixes_batch="batch",
    bound=Bound(target="target", module="tensorflow"),
)
"""The card of a technique that makes engines."""

_MIB = 1 << 20


class Engines(Params):
    """Which nodes become engines, and for which inputs those are built."""

    minimum_segment_size: int = Field(
        default=3, ge=1, le=10_000, description="nodes that a segment has at least; smaller ones stay in TensorFlow"
    )
    maximum_engines: int = Field(
        default=20, ge=1, le=10_000, description="the largest segments become engines, so many"
    )
    workspace_mib: int = Field(default=1024, ge=1, le=1 << 20, description="GPU memory that an engine may work with")
    batch: int = Field(default=1, ge=1, le=65536, description="samples of a request, for which engines are built")
    shapes: Literal["static", "optimal", "range", "range+optimal"] = Field(
        default="optimal",
        description="static: no varying shapes, which fewer ops take; else the profile of varying ones: for the batch "
        "alone, for all from 1 to the batch, or both",
    )
    target: float = Field(
        default=0,
        ge=0,
        le=99,
        description="compute capability of the GPU that builds and runs; 0 is that of the device",
    )
    build: Literal["ahead", "first-request"] = Field(
        default="ahead", description="when engines are built: now, into the files, or by the first request each time"
    )


@dataclass(frozen=True)
class Source:
    """A frozen model in a folder that passes."""

    folder: Path
    signature: Signature
    """With the batch of the engines."""
    is_open: bool
    """Whether the batch varies in the graph."""
    arguments: dict[str, str]
    """Input → the argument of TensorFlow's function that takes it."""


def convert(work: Work, params: Engines, kind: str, *, calibration_samples: int = 0) -> Done:
    """Makes engines of one precision for the GPU that is here.

    Raises:
        BadParameter: the device is no GPU, or another one than is asked for.
        MissingToolchain: TensorRT or the GPU is not here.
        NothingToDo: no segment of the graph can be converted; the ops are told, and why.
        UnsupportedOp: an engine was not built, or not in that precision.
        BadModel: TensorFlow or TensorRT does not take the model.
    """
    check_device(work.device, {DeviceKind.GPU}, user="TF-TRT")
    version = library.loaded_version(user="TF-TRT")
    here = gpu.here(user="TF-TRT")
    if params.target not in (0, float(here.compute_capability)):
        raise BadParameter(
            f"engines are built on the GPU that runs them, and {here.name} has compute capability "
            f"{here.compute_capability}, not {params.target}"
        )
    return make(work, params, kind, here=here, version=version, samples=calibration_samples)


def make(work: Work, params: Engines, kind: str, *, here: Gpu, version: str, samples: int) -> Done:
    """As `convert`, for a GPU and a TensorRT that were found."""
    with tempfile.TemporaryDirectory(dir=work.output.parent, prefix="frozen-") as folder:
        source, warnings = _frozen(work, Path(folder), params.batch)
        calibration = calibration_of(work, source.signature, samples) if samples else None
        converter = _converter(source, params, kind)
        segmentation = _segmented(converter, source, params, calibration)
        work.on_progress("building engines", 0.5)
        _build(converter, source, params, calibration)
        work.on_progress("writing", 0.9)
        with blaming(BadModel, "TF-TRT cannot store the model"):
            converter.save(str(work.output), save_gpu_specific_engines=params.build == "ahead")
    check(work.output, kind, are_built=params.build == "ahead")
    tftrt.record(work.output, _built(work, params, here, version))
    said = () if calibration is None else tuple(calibration.warnings)
    sizes = {"before": formats.describe(work.model).size_bytes, "after": formats.describe(work.output).size_bytes}
    notes = segmentation.notes() | {"precision": kind, "tensorrt": version, "gpu": here.name, "size_bytes": sizes}
    return Done(warnings=(*warnings, *said, *_left(segmentation)), notes=notes)


def check(output: Path, kind: str, *, are_built: bool) -> None:
    """Passes when all engines of an artifact have a precision, and are among its files if they are to be.

    Raises:
        UnsupportedOp: one has not; TensorRT takes another precision, and TensorFlow the place of an engine, silently.
    """
    engines = precision.engines_of(output)
    others = [f"{each.name} ({each.precision})" for each in engines if each.precision != kind]
    if others:
        raise UnsupportedOp(
            f"{len(others)} of {len(engines)} engines are not {kind}, for no ranges of activations were found for "
            f"them: {', '.join(others)}"
        )
    absent = [each.name for each in engines if not each.is_built]
    if are_built and absent:
        raise UnsupportedOp(
            f"TensorRT built no engine for {len(absent)} of {len(engines)} segments ({', '.join(absent)}), whose "
            f"reason is in the log; build=first-request or a larger minimum_segment_size may do without them"
        )


def _frozen(work: Work, folder: Path, batch: int) -> tuple[Source, tuple[str, ...]]:
    import tensorflow as tf

    graph, warnings = graph_edit.frozen(work)
    others = graph_edit.keep_main(graph)
    graph_edit.write(graph, folder, Format.SAVED_MODEL)
    given = formats.describe(folder).signature.with_batch_axes(work.batch_axes)
    if given.fixed_batch not in (None, batch):
        raise BadModel(f"the model has a fixed batch of {given.fixed_batch}; write batch={given.fixed_batch}")
    with blaming(BadModel, "TensorFlow cannot load the frozen model"):
        function = tf.saved_model.load(str(folder)).signatures[given.name]
    arguments = saved_names.arguments_of(function)
    source = Source(folder, at_batch(given, batch), is_open=given.fixed_batch is None, arguments=arguments)
    left_out = (f"signatures left out, for engines are made for one: {', '.join(others)}",) if others else ()
    return source, (*warnings, *left_out)


def _converter(source: Source, params: Engines, kind: str) -> Any:
    from tensorflow.python.compiler.tensorrt import trt_convert

    with blaming(BadModel, "TF-TRT does not take the model"):
        return trt_convert.TrtGraphConverterV2(
            input_saved_model_dir=str(source.folder),
            input_saved_model_signature_key=source.signature.name,
            use_dynamic_shape=params.shapes != "static",
            dynamic_shape_profile_strategy=None if params.shapes == "static" else params.shapes.title(),
            max_workspace_size_bytes=params.workspace_mib * _MIB,
            precision_mode=precision.MODES[kind],
            minimum_segment_size=params.minimum_segment_size,
            use_calibration=kind == precision.INT8,
            allow_build_at_runtime=params.build != "ahead",
        )


def _segmented(converter: Any, source: Source, params: Engines, calibration: Calibration | None) -> Segmentation:
    """Has TF-TRT cut the graph into segments, and watch ranges where shapes are static."""
    watched = None if calibration is None else partial(feeds.of_calibration, calibration, source.arguments)
    settings = {"TF_TRT_SHOW_DETAILED_REPORT": "1", "TF_TRT_MAX_ALLOWED_ENGINES": str(params.maximum_engines)}
    with log.recording(settings) as told, blaming(BadModel, "TF-TRT cannot convert the model"):
        function = converter.convert(calibration_input_fn=watched) if watched else converter.convert()
    graph = memoryview(function.graph.as_graph_def().SerializeToString())
    found = segmentation_of(graph, told.text, minimum_segment_size=params.minimum_segment_size)
    if not found.engines:
        raise NothingToDo(
            f"TensorRT takes no segment of {params.minimum_segment_size} nodes or more; not converted: {found}"
        )
    return found


def _left(found: Segmentation) -> tuple[str, ...]:
    if not found.left:
        return ()
    total = found.converted + found.not_converted
    return (f"{found.not_converted} of {total} nodes are not converted, and TensorFlow computes them: {found}",)


def _build(converter: Any, source: Source, params: Engines, calibration: Calibration | None) -> None:
    """Builds engines; ranges for varying shapes are watched only then."""
    watches = calibration is not None and params.shapes != "static"
    if params.build != "ahead" and not watches:
        return
    smallest = {1} if "range" in params.shapes and source.is_open else set()
    with blaming(BadModel, "TensorRT cannot build the engines"):
        converter.build(lambda: _requests(source, smallest | {params.batch}))


def _requests(source: Source, sizes: set[int]) -> Iterator[dict[str, Any]]:
    for size in sorted(sizes):
        yield feeds.blank(source.signature, source.arguments, size)


def _built(work: Work, params: Engines, here: Gpu, version: str) -> Built:
    return Built(
        batch=params.batch,
        batch_axes=work.batch_axes,
        ahead=params.build == "ahead",
        gpu=here.name,
        compute_capability=here.compute_capability,
        tensorrt=version,
    )
