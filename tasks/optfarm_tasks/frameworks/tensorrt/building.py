"""The steps that all techniques of TensorRT share: an ONNX model in, an engine for one kind of GPU out."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field

from optfarm_tasks import formats
from optfarm_tasks.description import Format, ModelDescription
from optfarm_tasks.errors import NothingToDo, UnsupportedOp
from optfarm_tasks.formats import tensorrt as engine_format
from optfarm_tasks.formats.tensorrt import Builder, Sizes
from optfarm_tasks.frameworks.tensorrt import profiles, targets
from optfarm_tasks.frameworks.tensorrt.device import Gpu
from optfarm_tasks.frameworks.tensorrt.library import MODULES, Library, library
from optfarm_tasks.frameworks.tensorrt.network import Network, parsed, refuse_other_ends
from optfarm_tasks.frameworks.tensorrt.sparsity import sparse_weights
from optfarm_tasks.technique import Bound, Card, Done, Params, Work

FILE = "model.engine"
_MIB = 1 << 20


class Building(Params):
    """What an engine is built for, and how."""

    target: float = Field(
        default=0, ge=0, le=99.9, description="compute capability of its GPUs, such as 8.9; 0: of the GPU that is timed"
    )
    batch: int = Field(default=1, ge=1, le=65536, description="batch for which kernels are chosen, where it varies")
    max_batch: int = Field(default=64, ge=1, le=65536, description="largest batch that the engine takes")
    shapes: str = Field(
        default="",
        pattern=profiles.PATTERN,
        description="where more than the batch varies: ids=1x8:1x64:8x512, least, usual and largest; ; between inputs",
    )
    workspace_mib: int = Field(default=0, ge=0, le=1 << 20, description="memory that kernels may use; 0: all there is")
    optimization_level: int = Field(default=3, ge=0, le=5, description="how long the builder looks for fast kernels")
    sparse: bool = Field(default=False, description="kernels for weights two of four of which are zero, where it is so")
    cuda_graph: bool = Field(default=False, description="kernels of a request are launched as one CUDA graph")


@dataclass(frozen=True)
class Typed:
    """An ONNX file that computes in the types that its engine shall, and what is said of how it became so."""

    file: Path
    precision: str
    warnings: tuple[str, ...] = ()
    notes: dict[str, Any] | None = None


def card(builder: Builder, **more: Any) -> Card:
    """The card of a technique that builds with one of the two libraries."""
    module = MODULES[builder]
    return Card(
        accepts=frozenset({Format.ONNX}),
        yields={Format.ONNX: Format.TENSORRT},
        modules=("onnx", "onnxruntime", module),
        bound=Bound(target="target", module=module),
        # TensorRT times kernels on the GPU; TensorRT-RTX has them compiled there, when the engine is loaded.
        needs_gpu=builder == "tensorrt",
        **more,
    )


@contextmanager
def source(work: Work) -> Iterator[Path]:
    """The .onnx file of a model in a folder of its own, which passes with the context."""
    with tempfile.TemporaryDirectory(dir=work.output.parent, prefix="engine-") as folder:
        # The files of a task may be links, and onnx reads no weights through one.
        yield formats.file_of(shutil.copytree(work.model, Path(folder, "model")))


def build(work: Work, params: Building, typed: Typed, *, builder: Builder, allows_tf32: bool = False) -> Done:
    """Builds the engine of a graph, and writes it down with what it is for.

    Raises:
        BadModel: the library cannot read the graph, or fails on it.
        BadParameter: it builds for no such GPU, or the shapes do not fit the inputs.
        NothingToDo: kernels for sparse weights are asked for, and there are none.
        OutOfMemory: memory ran out.
        UnsupportedOp: it does not take an op of the model, or the GPU not a type.
    """
    if params.sparse and not sparse_weights(formats.file_of(work.model)):
        raise NothingToDo("none of the weights has two zeros in each four; prune-2-4 and torch-prune-2-4 make them")
    work.on_progress("parsing", 0.5)
    found, described = library(builder), formats.describe(work.model)
    signature = described.signature.with_batch_axes(work.batch_axes)
    profile = profiles.profile_of(signature, batch=params.batch, max_batch=params.max_batch, shapes=params.shapes)
    gpu = targets.target_of(found, params.target, work.device)
    network = parsed(found, typed.file)
    refuse_other_ends(network, signature)
    config = _config(found, network, params, gpu=gpu, profile=profile, allows_tf32=allows_tf32)
    work.on_progress("building", 0.6)
    data = network.builder.build_serialized_network(network.network, config)
    if data is None:
        what = f"{found.name} builds no engine of {typed.precision} for compute capability {gpu.compute_capability}"
        raise found.failure(UnsupportedOp, what)
    _write(work, params, typed, found=found, gpu=gpu, described=described, profile=profile, data=data)
    return Done(
        warnings=(*typed.warnings, *_said_of_doubles(work)),
        notes=_notes(found, gpu, profile, network) | (typed.notes or {}),
    )


def _config(
    found: Library, network: Network, params: Building, *, gpu: Gpu, profile: dict[str, Sizes], allows_tf32: bool
) -> Any:
    config, trt = network.builder.create_builder_config(), found.trt
    targets.choose(found, config, gpu)
    config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED
    config.builder_optimization_level = params.optimization_level
    wanted = {trt.BuilderFlag.TF32: allows_tf32, trt.BuilderFlag.SPARSE_WEIGHTS: params.sparse}
    for flag, is_set in wanted.items():
        (config.set_flag if is_set else config.clear_flag)(flag)
    if params.workspace_mib:
        config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, params.workspace_mib * _MIB)
    if profile:
        made = network.builder.create_optimization_profile()
        for name, sizes in profile.items():
            made.set_shape(name, sizes.min, sizes.opt, sizes.max)
        config.add_optimization_profile(made)
    return config


def _said_of_doubles(work: Work) -> tuple[str, ...]:
    """A warning of what the parser computes in a narrower type than the model says."""
    import onnx

    model = onnx.shape_inference.infer_shapes(onnx.load(formats.file_of(work.model), load_external_data=False))
    wide = onnx.TensorProto.DOUBLE
    doubles = [each.name for each in model.graph.value_info if each.type.tensor_type.elem_type == wide]
    doubles += [each.name for each in model.graph.initializer if each.data_type == wide]
    return (f"{len(doubles)} values of float64 are computed in float32, such as {doubles[0]}",) if doubles else ()


def _write(
    work: Work,
    params: Building,
    typed: Typed,
    *,
    found: Library,
    gpu: Gpu,
    described: ModelDescription,
    profile: dict[str, Sizes],
    data: Any,
) -> None:
    engine_format.write(
        work.output / FILE,
        data,
        builder=found.builder,
        version=found.trt.__version__,
        compute_capability=gpu.compute_capability,
        gpu_name=gpu.name if found.builder == "tensorrt" else "",
        precision=typed.precision,
        signature=described.signature,
        profile=profile,
        parameters=described.parameters or 0,
        ops=described.ops,
        uses_cuda_graph=params.cuda_graph,
    )


def _notes(found: Library, gpu: Gpu, profile: dict[str, Sizes], network: Network) -> dict[str, Any]:
    return {
        "builder": found.name,
        "compute_capability": gpu.compute_capability,
        "network_layers": network.network.num_layers,
        "profile": {name: sizes.model_dump(mode="json") for name, sizes in profile.items()},
    }
