"""A frozen graph says its inputs and outputs without TensorFlow, and anything else named .pb is refused."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from optfarm_tasks.description import Format, ModelDescription
from optfarm_tasks.errors import BadModel
from optfarm_tasks.formats import describe
from optfarm_tasks.formats.wire import varint

SCRIPT = Path(__file__).parents[3] / "frozen_graphs.py"
NAMES = ["classifier", "strings", "loop", "functional_loop", "several"]


@pytest.fixture(scope="module")
def graphs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with frozen graphs, and expected.json with what TensorFlow says of them."""
    folder = tmp_path_factory.mktemp("graphs")
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(folder)], check=False, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return folder


@pytest.fixture(scope="module")
def expected(graphs: Path) -> dict[str, Any]:
    """What TensorFlow says of the graphs."""
    found: dict[str, Any] = json.loads((graphs / "expected.json").read_text())
    return found


def length_of(size: int) -> bytes:
    """A length as protocol buffers write it."""
    return bytes([size & 0x7F | 0x80, size >> 7]) if size > 0x7F else bytes([size])


def field(number: int, value: bytes) -> bytes:
    """A field of bytes."""
    return bytes([number << 3 | 2]) + length_of(len(value)) + value


def node(name: str, op: str, *inputs: str, **attributes: bytes) -> bytes:
    """A node of a GraphDef; attributes are AttrValues."""
    parts = [field(1, name.encode()), field(2, op.encode()), *(field(3, each.encode()) for each in inputs)]
    parts += [field(5, field(1, key.encode()) + field(2, value)) for key, value in attributes.items()]
    return field(1, b"".join(parts))


def kind(number: int) -> bytes:
    """An AttrValue that is a type."""
    return bytes([6 << 3, number])


X = node("x", "Placeholder", dtype=kind(1))
Y = node("y", "Relu", "x", T=kind(1))


def described(folder: Path, data: bytes) -> ModelDescription:
    """The description of a .pb of these bytes."""
    (folder / "graph.pb").write_bytes(data)
    return describe(folder)


@pytest.mark.parametrize("name", NAMES)
def test_inputs_outputs_and_ops_are_what_tensorflow_says(name: str, graphs: Path, expected: dict[str, Any]) -> None:
    description = describe(graphs / f"{name}.pb")

    (signature,) = description.signatures
    assert description.format is Format.FROZEN_GRAPH
    assert signature.name == "serving_default"
    assert {each.name: [each.dtype, list(each.shape or ())] for each in signature.inputs} == expected[name]["inputs"]
    assert {each.name: each.dtype for each in signature.outputs} == expected[name]["outputs"]
    assert [each.name for each in signature.optional] == expected[name]["optional"]
    assert description.ops == expected[name]["ops"]
    assert description.parameters == expected[name]["parameters"]


def test_an_op_of_which_no_type_is_known_says_so(tmp_path: Path) -> None:
    signature = described(tmp_path, X + node("y", "MyOwnOp", "x")).signature

    assert [str(each) for each in signature.outputs] == ["y: unknown[…]"]


def test_a_scalar_of_an_old_producer_is_of_unknown_shape(tmp_path: Path) -> None:
    scalar = node("x", "Placeholder", dtype=kind(1), shape=field(7, b""))
    versions = field(4, bytes([1 << 3, 21])), field(4, bytes([1 << 3, 24]))

    old, new = (described(tmp_path, scalar + Y + version).signature.inputs[0].shape for version in versions)

    assert (old, new) == (None, ())


def test_a_control_input_takes_a_node(tmp_path: Path) -> None:
    nodes = X + node("checked", "CheckNumerics", "x", T=kind(1)) + node("y", "Relu", "x", "^checked", T=kind(1))

    assert [each.name for each in described(tmp_path, nodes).signature.outputs] == ["y"]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (bytes([8, 1]) + field(2, b""), r"begins with a number, as a SavedModel's saved_model\.pb or an ONNX"),
        (field(9, b"abc"), "it has a field 9, and a GraphDef has 1 to 5"),
        (field(4, bytes([8, 27])), "it has no node"),
        (field(1, field(1, b"1.2") + field(2, b"\n\x04Add ")), "another protocol buffer, or damaged"),
        (b"node { name: 'x' }", "graph.pb"),
        (X + node("y", "Relu", "z"), "truncated or damaged: the node y takes z, which is not there"),
        (X + Y + Y, "2 nodes have the name y"),
        (Y.replace(b"x", b"y"), "has no Placeholder"),
        (X + node("y", "NoOp", "^x"), "has no output"),
        (X + node("w", "VariableV2") + node("y", "Add", "x", "w"), r"is not frozen: .* w \(VariableV2\) lies outside"),
        (X + node("t", "HashTableV2") + node("y", "LookupTableFindV2", "t", "x"), r"t \(HashTableV2\) lies outside"),
        (X + node("y", "Split", "x", T=kind(1), num_split=bytes([24, 255, 255, 127])), "has 2097151 outputs"),
        (X + node("y", "Relu", "x", T=kind(99)), "no type 99"),
    ],
)  # fmt: skip
def test_what_is_no_frozen_graph_is_refused_with_the_reason(data: bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(BadModel, match=message):
        described(tmp_path, data)


def test_a_saved_model_under_another_name_is_refused(tiny_models: Path, tmp_path: Path) -> None:
    shutil.copy(tiny_models / "maths/saved_model.pb", tmp_path / "maths.pb")

    with pytest.raises(BadModel, match=r"is no frozen GraphDef.*name it saved_model\.pb"):
        describe(tmp_path)


@pytest.mark.parametrize("name", ["float32.tflite", "tf_keras_functional.keras", "keras_functional.h5"])
def test_a_model_of_another_format_named_pb_is_refused(name: str, tiny_models: Path, tmp_path: Path) -> None:
    shutil.copy(tiny_models / name, tmp_path / "model.pb")

    with pytest.raises(BadModel, match=r"model\.pb"):
        describe(tmp_path)


def test_a_cut_is_taken_only_between_two_nodes(graphs: Path, tmp_path: Path) -> None:
    good = (graphs / "strings.pb").read_bytes()

    taken = {end for end in range(1, len(good)) if is_taken(tmp_path, good[:end])}

    assert taken < set(ends_of_fields(memoryview(good)))


def ends_of_fields(data: memoryview) -> Iterator[int]:
    """Where each field of a message ends; all of them are bytes."""
    at = 0
    while at < len(data):
        _, at = varint(data, at)
        size, at = varint(data, at)
        at += size
        yield at


def is_taken(folder: Path, data: bytes) -> bool:
    """Whether the bytes are described."""
    try:
        described(folder, data)
    except BadModel:
        return False
    return True


@settings(max_examples=60, deadline=10_000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(part=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_flipped_bit_anywhere_raises_nothing_else(part: float, bit: int, graphs: Path, tmp_path: Path) -> None:
    data = bytearray((graphs / "functional_loop.pb").read_bytes())
    data[int(part * len(data))] ^= 1 << bit

    is_taken(tmp_path, bytes(data))


def test_reading_imports_no_framework(graphs: Path) -> None:
    code = (
        "import sys, pathlib; from optfarm_tasks.formats import describe\n"
        "describe(pathlib.Path(sys.argv[1]))\n"
        "print(sorted({'tensorflow', 'keras', 'google.protobuf'} & set(sys.modules)))"
    )

    done = subprocess.run(
        [sys.executable, "-c", code, str(graphs / "loop.pb")], check=True, capture_output=True, text=True
    )

    assert done.stdout.strip() == "[]"
