"""What is read from ONNX and OpenVINO models is what their own libraries tell, and bad ones are refused."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from optfarm.inputs import new_model
from optfarm_tasks.description import Tensor
from optfarm_tasks.errors import BadModel
from optfarm_tasks.formats import describe, files, onnx_graph, openvino
from optfarm_tasks.formats.onnx import graph_of
from optfarm_tasks.formats.raw import view
from tests.path_cases import ESCAPING, PLAIN, REDUNDANT
from tests.unit.protobuf import field, value_info, varint

MODELS = ["branching.onnx", "apart", "linear"]
QUICK = settings(max_examples=80, deadline=10_000, suppress_health_check=[HealthCheck.function_scoped_fixture])


def model_file(folder: Path, *, tensor: bytes = b"", graph: bytes = b"", rest: bytes = field(8, field(2, 18))) -> Path:
    """An .onnx with x as input and output, and one constant."""
    ends = field(11, value_info("x", 1, field(1, 2))) + field(12, value_info("x", 1, field(1, 2)))
    constant = field(5, tensor) if tensor else b""
    path = folder / "model.onnx"
    path.write_bytes(field(1, 9) + field(7, graph + constant + ends) + rest)
    return path


@pytest.fixture(scope="module")
def expected(exchange_models: Path) -> dict[str, Any]:
    """What the libraries tell."""
    found: dict[str, Any] = json.loads((exchange_models / "expected.json").read_text())
    return found


@pytest.mark.parametrize("name", MODELS)
def test_a_description_is_what_the_library_says(name: str, exchange_models: Path, expected: dict[str, Any]) -> None:
    description = describe(exchange_models / name)

    for tensors, wanted in (
        (description.signature.inputs, expected[name]["inputs"]),
        (description.signature.outputs, expected[name]["outputs"]),
    ):
        assert [[tensor.dtype, shape_of(tensor)] for tensor in tensors] == [each[1:] for each in wanted]
        assert all(tensor.name in names for tensor, (names, *_) in zip(tensors, wanted, strict=True))
    assert description.signature.name == "serving_default"
    assert description.parameters == expected[name]["parameters"]
    assert description.ops == expected[name]["ops"]


def shape_of(tensor: Tensor) -> list[int | None] | None:
    """The shape as JSON has it."""
    return None if tensor.shape is None else list(tensor.shape)


def test_of_several_names_the_plainest_is_taken(exchange_models: Path) -> None:
    signature = describe(exchange_models / "linear").signature

    assert [each.name for each in signature.inputs] == ["im,age", "steps"]
    assert [each.name for each in signature.outputs] == ["scores", "again", "counted"]


def test_the_ends_are_what_nothing_takes(exchange_models: Path) -> None:
    path = exchange_models / "branching.onnx"

    assert onnx_graph.ends(graph_of(path, view(path))) == ("y", "half")
    assert len(openvino.ends(exchange_models / "linear/model.xml")) == 2


@pytest.mark.parametrize(
    ("name", "listed"),
    [("apart/model.onnx", ["model.onnx", "weights.data"]), ("linear/model.xml", ["model.bin", "model.xml"])],
)
def test_a_model_given_as_a_file_brings_its_weights(name: str, listed: list[str], exchange_models: Path) -> None:
    path = exchange_models / name

    assert sorted(files(path)) == listed
    assert [file.path for file in new_model(path, None).tree.files] == listed
    assert new_model(path, None).tree.digest == new_model(path.parent, None).tree.digest
    assert describe(path).size_bytes == describe(path.parent).size_bytes


@pytest.mark.parametrize(
    ("name", "file"),
    [("branching.onnx", "branching.onnx"), ("apart", "apart/model.onnx"), ("linear", "linear/model.xml")],
)
@QUICK
@given(part=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_no_damage_raises_anything_else(part: float, bit: int, name: str, file: str, exchange_models: Path) -> None:
    place = exchange_models / f"damaged-{Path(name).stem}"
    if not place.exists():
        whole = exchange_models / name
        shutil.copytree(whole if whole.is_dir() else file_alone(whole), place)
    data = (exchange_models / file).read_bytes()
    at = int(part * len(data))

    harmed = data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :]
    for harm in (data[:at], harmed):
        (place / Path(file).name).write_bytes(harm)
        refused_or_described(place)


def file_alone(path: Path) -> Path:
    """A folder with nothing but a copy of the file."""
    folder = path.parent / f"alone-{path.stem}"
    folder.mkdir()
    shutil.copy(path, folder)
    return folder


def refused_or_described(folder: Path) -> None:
    """Whatever else happens is an error of the reader."""
    try:
        describe(folder)
    except BadModel:
        return


@pytest.mark.parametrize("name", ["branching.onnx", "linear/model.xml"])
def test_no_cut_of_a_file_is_taken(name: str, exchange_models: Path, tmp_path: Path) -> None:
    whole = exchange_models / name
    for file in whole.parent.glob("*.bin"):
        shutil.copy(file, tmp_path)
    data = whole.read_bytes()

    for end in range(1, len(data.rstrip()), 5):
        (tmp_path / whole.name).write_bytes(data[:end])
        with pytest.raises(BadModel):
            describe(tmp_path)


@pytest.mark.parametrize("dims", [field(1, 2) + field(1, 3), field(1, varint(2) + varint(3))])
def test_sizes_may_lie_packed_or_one_by_one(dims: bytes, tmp_path: Path) -> None:
    path = model_file(tmp_path, tensor=dims + field(2, 1) + field(8, b"w") + field(9, bytes(24)))

    assert describe(path).parameters == 6


def test_a_signature_keeps_the_name_that_the_file_remembers(tmp_path: Path) -> None:
    entry = field(1, b"optfarm.signature") + field(2, b"detect")
    path = model_file(tmp_path, rest=field(8, field(2, 18)) + field(14, entry))

    assert describe(path).signature.name == "detect"


@pytest.mark.parametrize(
    ("tensor", "message"),
    [
        (field(1, 2) + field(2, 1) + field(8, b"w") + field(9, bytes(7)), "'w' has 7 bytes where 8 belong"),
        (field(1, 2) + field(2, 1) + field(8, b"w"), "'w' has no values"),
        (field(1, 2) + field(2, 99) + field(8, b"w"), "ONNX has no type 99"),
        (field(1, (1 << 64) - 1) + field(2, 1) + field(8, b"w"), "negative size"),
    ],
)
def test_a_constant_that_makes_no_sense_is_refused(tensor: bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(BadModel, match=f"{message}.*Copy or export the model again"):
        describe(model_file(tmp_path, tensor=tensor))


def weights_at(location: str) -> bytes:
    """A constant of two floats whose values lie in another file."""
    entry = field(1, b"location") + field(2, location.encode())
    return field(1, 2) + field(2, 1) + field(8, b"w") + field(13, entry) + field(14, 1)


@pytest.mark.parametrize("location", ESCAPING)
def test_weights_outside_the_folder_are_refused(location: str, tmp_path: Path) -> None:
    with pytest.raises(BadModel, match="outside the model's folder"):
        describe(model_file(tmp_path, tensor=weights_at(location)))


@pytest.mark.parametrize("location", [path for path in PLAIN + REDUNDANT if not path.endswith("/")])
def test_weights_are_found_wherever_in_the_folder_they_lie(location: str, tmp_path: Path) -> None:
    weights = tmp_path / location
    weights.parent.mkdir(parents=True, exist_ok=True)
    weights.write_bytes(bytes(8))

    assert describe(model_file(tmp_path, tensor=weights_at(location))).parameters == 2


def test_weights_apart_that_are_missing_or_short_are_refused(exchange_models: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(exchange_models / "apart", tmp_path / "apart"))
    (folder / "weights.data").write_bytes(bytes(63))

    with pytest.raises(BadModel, match=r"weights\.data is truncated: the constant 'w' wants bytes 0 to 64 of 63"):
        describe(folder)
    (folder / "weights.data").unlink()
    with pytest.raises(BadModel, match=r"'w' lies in weights\.data, which is not in"):
        describe(folder)


def test_graphs_that_never_end_are_refused(tmp_path: Path) -> None:
    graph = b""
    for _ in range(40):
        graph = field(1, field(4, b"If") + field(5, field(6, graph)))

    with pytest.raises(BadModel, match="more than 32 deep"):
        describe(model_file(tmp_path, graph=graph))


def test_an_input_that_is_no_tensor_is_refused(tmp_path: Path) -> None:
    sequence = field(1, b"boxes") + field(2, field(4, b""))

    with pytest.raises(BadModel, match="'boxes' is no tensor"):
        describe(model_file(tmp_path, graph=field(11, sequence)))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"see the wiki", r"is no ONNX model: it begins with b'see the '"),
        (field(1, 9), "lacks its version, its graph or its opset"),
        (field(1, 9) + field(99, b""), "has no field 99"),
    ],
)
def test_what_is_no_onnx_model_is_refused(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(content)

    with pytest.raises(BadModel, match=message):
        describe(tmp_path)
