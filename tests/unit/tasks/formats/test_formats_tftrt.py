"""A SavedModel with engines is a format of its own, read and judged without TensorFlow."""

from pathlib import Path

import pytest

from optfarm_tasks import formats, registry
from optfarm_tasks.description import Format
from optfarm_tasks.errors import BadModel, BadParameter
from optfarm_tasks.formats import tftrt
from optfarm_tasks.formats.tftrt import Built
from optfarm_tasks.frameworks.tensorflow.gpu import Gpu
from optfarm_tasks.frameworks.tftrt import precision
from optfarm_tasks.resolved import resolve
from optfarm_tasks.runtimes.tftrt import refuse_others
from optfarm_tasks.schema.recipe import Recipe, Step
from tests.unit.protobuf import field

FLOAT, STRING, BOOLEAN = 1, 2, 5
SEGMENT = "TRTEngineOp_000_000_native_segment"
MADE = Built(batch=8, ahead=True, gpu="NVIDIA L4", compute_capability="8.9", tensorrt="8.6.1")


def word(text: str) -> bytes:
    """An AttrValue that is a text."""
    return field(2, text.encode())


def node(name: str, op: str, **attributes: bytes) -> bytes:
    """A NodeDef."""
    parts = (field(5, field(1, key.encode()) + field(2, value)) for key, value in attributes.items())
    return field(1, name.encode()) + field(2, op.encode()) + b"".join(parts)


def engine(mode: str, **attributes: bytes) -> bytes:
    """A segment that TensorRT is to compute."""
    segment = field(10, field(1, SEGMENT.encode()))
    return node("TRTEngineOp_000_000", "TRTEngineOp", precision_mode=word(mode), segment_func=segment, **attributes)


def tensor(name: str) -> bytes:
    """An entry of a signature: images whose batch varies."""
    sizes = b"".join(field(2, field(1, size)) for size in (2**64 - 1, 4))
    return field(1, name.encode()) + field(2, field(1, f"{name}:0".encode()) + field(2, FLOAT) + field(3, sizes))


def write(folder: Path, *nodes: bytes, within: str = "Relu") -> Path:
    """A SavedModel of some nodes, and of a function with one."""
    folder.mkdir(exist_ok=True)
    function = field(1, field(1, SEGMENT.encode())) + field(3, node("inner", within))
    graph = b"".join(field(1, each) for each in nodes) + field(2, field(1, function))
    signature = field(1, b"serving_default") + field(2, field(1, tensor("x")) + field(2, tensor("y")))
    meta = field(1, field(4, b"serve")) + field(2, graph) + field(5, signature)
    (folder / "saved_model.pb").write_bytes(field(1, 1) + field(2, meta))
    return folder


def test_engines_make_it_another_format(tmp_path: Path) -> None:
    plain, ours = write(tmp_path / "plain", node("x", "Relu")), write(tmp_path / "ours", engine("FP16"))

    assert (formats.detect(plain), formats.detect(ours)) == (Format.SAVED_MODEL, Format.TFTRT)
    assert formats.describe(ours).ops["TRTEngineOp"] == 1


def test_a_name_alone_does_not(tmp_path: Path) -> None:
    assert formats.detect(write(tmp_path / "named", node("TRTEngineOp", "Relu"))) is Format.SAVED_MODEL


def test_the_batch_is_that_of_the_engines(tmp_path: Path) -> None:
    folder = write(tmp_path / "ours", engine("FP16"))
    assert formats.describe(folder).signature.fixed_batch is None

    tftrt.record(folder, MADE)

    assert formats.describe(folder).signature.fixed_batch == 8
    assert [str(each) for each in formats.describe(folder).signature.outputs] == ["y: float32[8, 4]"]
    assert tftrt.built(folder) == MADE


def test_the_batch_may_lie_along_another_axis(tmp_path: Path) -> None:
    folder = write(tmp_path / "ours", engine("FP16"))
    tftrt.record(folder, MADE.model_copy(update={"batch_axes": {"x": None}}))

    assert [str(each) for each in formats.describe(folder).signature.inputs] == ["x: float32[?, 4]"]
    assert formats.describe(folder).signature.fixed_batch is None


@pytest.mark.parametrize("written", ["", "{", '{"batch": 0}', '{"batch": 1, "ahead": true}'])
def test_a_damaged_record_is_refused(written: str, tmp_path: Path) -> None:
    folder = write(tmp_path / "ours", engine("FP16"))
    tftrt.record(folder, MADE)
    (folder / "assets.extra/optfarm.json").write_text(written)

    with pytest.raises(BadModel, match=r"assets\.extra/optfarm\.json is damaged"):
        formats.describe(folder)


@pytest.mark.parametrize("size", range(0, 400, 23))
def test_a_truncated_model_is_refused(size: int, tmp_path: Path) -> None:
    folder = write(tmp_path / "ours", engine("FP16"))
    whole = (folder / "saved_model.pb").read_bytes()
    (folder / "saved_model.pb").write_bytes(whole[: min(size, len(whole) - 1)])

    with pytest.raises(BadModel):
        formats.describe(folder)


@pytest.mark.parametrize(
    ("made", "within", "found"),
    [
        (engine("FP32"), "Relu", "float32"),
        (engine("FP16"), "Relu", "float16"),
        (engine("INT8"), "Relu", "float16"),
        (engine("INT8", use_calibration=field(BOOLEAN, 1)), "Relu", "float16"),
        (engine("INT8", use_calibration=field(BOOLEAN, 1)), "QuantizeAndDequantizeV2", "float16"),
        (engine("INT8", use_calibration=field(BOOLEAN, 1), calibration_data=word("TRT-8601")), "Relu", "int8"),
        (engine("INT8"), "FakeQuantWithMinMaxVars", "int8"),
    ],
)
def test_int8_is_int8_only_with_ranges(made: bytes, within: str, found: str, tmp_path: Path) -> None:
    assert precision.read_back(write(tmp_path / "ours", made, within=within)) == found


def test_an_engine_is_built_where_its_file_has_something(tmp_path: Path) -> None:
    folder = write(tmp_path / "ours", engine("FP16"))
    file = folder / "assets/trt-serialized-engine.TRTEngineOp_000_000"
    file.parent.mkdir()
    states = [precision.engines_of(folder)]
    for written in (b"", b"plan"):
        file.write_bytes(written)
        states.append(precision.engines_of(folder))

    assert [each.is_built for (each,) in states] == [False, False, True]


def test_engines_run_on_their_kind_of_gpu_with_their_tensorrt_alone() -> None:
    same = Gpu("NVIDIA L4", "8.9")
    refuse_others(MADE, same, version="8.6.1")
    refuse_others(None, same, version="8.6.1")
    refuse_others(MADE.model_copy(update={"ahead": False}), Gpu("NVIDIA T4", "7.5"), version="8.6.1")

    with pytest.raises(
        BadModel, match=r"built for NVIDIA L4 \(compute capability 8\.9\) with TensorRT 8\.6\.1, and here"
    ):
        refuse_others(MADE, Gpu("NVIDIA T4", "7.5"), version="8.6.1")
    with pytest.raises(BadModel, match=r"and here is NVIDIA L4 \(compute capability 8\.9\) with TensorRT 8\.6\.2"):
        refuse_others(MADE, same, version="8.6.2")


def test_one_runtime_takes_it_and_on_a_gpu_alone() -> None:
    assert registry.runtimes_of(Format.TFTRT, "gpu") == ("tftrt",)
    with pytest.raises(BadParameter, match="no runtime runs tftrt on a cpu"):
        registry.runtime_for(Format.TFTRT)


@pytest.mark.parametrize("given", [Format.TFTRT, Format.KERAS])
def test_what_has_engines_already_or_is_no_graph_is_not_converted(given: Format) -> None:
    with pytest.raises(BadParameter, match="tftrt takes frozen_graph, saved_model; what reaches it is"):
        resolve(Recipe.parse("tftrt"), given)


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"build": "later"}, r"build is 'later'; it takes ahead \| first-request"),
        ({"shapes": "dynamic"}, r"shapes is 'dynamic'; it takes static \| optimal \| range \| range\+optimal"),
        ({"workspace_mib": 0}, r"workspace_mib is 0; it takes \[1, 1048576\]"),
        ({"minimum_segment_size": 0}, r"minimum_segment_size is 0; it takes \[1, 10000\]"),
    ],
)
def test_a_parameter_that_does_not_fit_is_refused_at_submit(params: dict[str, int | str], words: str) -> None:
    with pytest.raises(BadParameter, match=words):
        registry.params_of(Step(technique="tftrt", params=params))
