"""What is read of exported programs, which PyTorch 2.13 wrote (tests/recorded/torch), and of what is none."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from optfarm_tasks.description import Format
from optfarm_tasks.errors import BadModel
from optfarm_tasks.formats import describe, pt2

RECORDED = Path(__file__).parents[3] / "recorded/torch"
QUICK = settings(max_examples=80, deadline=10_000, suppress_health_check=[HealthCheck.function_scoped_fixture])


def rewritten(path: Path, change: Callable[[str, bytes], tuple[str, bytes] | None]) -> Path:
    """A copy of a recorded program, some of whose members are others or left out."""
    with zipfile.ZipFile(RECORDED / "named/model.pt2") as good, zipfile.ZipFile(path, "w") as made:
        for name in good.namelist():
            member = change(name, good.read(name))
            if member is not None:
                made.writestr(*member)
    return path


def with_program(path: Path, change: Callable[[Any], None]) -> Path:
    """A copy whose JSON was changed."""

    def changed(name: str, data: bytes) -> tuple[str, bytes]:
        if not name.endswith("models/model.json"):
            return name, data
        program = json.loads(data)
        change(program)
        return name, json.dumps(program).encode()

    return rewritten(path, changed)


def test_a_dict_in_and_out_is_read_by_its_names() -> None:
    found = describe(RECORDED / "named")

    assert found.format is Format.PT2
    assert list(map(str, found.signature.inputs)) == ["given_x: float32[?, 8]", "given_count: int32[?, 3]"]
    assert list(map(str, found.signature.outputs)) == [
        "logits: float32[?, 4]",
        "total: float32[?, 1]",
        "twice: float32[?, 3]",
    ]
    assert found.parameters == 32 * 8 + 32 + 2 * 32 + 4 * 32 + 4 + 2 * 32 + 1
    assert found.ops["aten.linear"] == 2
    assert not found.state


def test_an_argument_that_is_no_tensor_is_no_input() -> None:
    ends = pt2.ends(RECORDED / "constant/model.pt2")

    assert [(leaf.name, leaf.tensor is None) for leaf in ends.inputs] == [("x", False), ("", True), ("shift", False)]
    assert [leaf.name for leaf in ends.outputs] == ["output_0", "output_1"]
    assert [each.name for each in describe(RECORDED / "constant").signature.inputs] == ["x", "shift"]


def test_a_buffer_that_a_call_changes_is_state() -> None:
    assert describe(RECORDED / "counting").state == ("calls",)


def test_a_view_of_a_buffer_that_is_changed_is_state_too(tmp_path: Path) -> None:
    def on_a_slice(program: Any) -> None:
        nodes = program["graph_module"]["graph"]["nodes"]
        mean = {"name": "self", "arg": {"as_tensor": {"name": "b_norm_running_mean"}}, "kind": 1}
        part = {"name": "self", "arg": {"as_tensor": {"name": "part"}}, "kind": 1}
        sliced = {
            "target": "torch.ops.aten.slice.Tensor",
            "inputs": [mean],
            "outputs": [{"as_tensor": {"name": "part"}}],
        }
        nodes += [sliced, {"target": "torch.ops.aten.copy_.default", "inputs": [part], "outputs": []}]

    assert describe(with_program(tmp_path / "model.pt2", on_a_slice)).state == ("norm.running_mean",)


def test_ends_of_the_graph_are_what_no_node_takes() -> None:
    assert pt2.graph_outputs(RECORDED / "named/model.pt2") == ("linear_1", "sum_1", "mul")


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.pt2").write_bytes(b"\x80\x02}q\x00.")

    with pytest.raises(BadModel, match=r"is no \.pt2: it begins with .*; use torch\.export\.save"):
        describe(tmp_path)


def test_what_aotinductor_compiled_is_refused(tmp_path: Path) -> None:
    rewritten(tmp_path / "model.pt2", lambda name, data: None if "models/" in name else (name, data))
    with zipfile.ZipFile(tmp_path / "model.pt2", "a") as archive:
        archive.writestr("model/data/aotinductor/model/code.so", b"")

    with pytest.raises(BadModel, match="what AOTInductor compiled for one kind of host; push the exported program"):
        describe(tmp_path)


@pytest.mark.parametrize("count", [0, 2])
def test_an_archive_of_no_program_or_of_two_is_refused(count: int, tmp_path: Path) -> None:
    rewritten(tmp_path / "model.pt2", lambda name, data: None if "models/" in name else (name, data))
    with zipfile.ZipFile(tmp_path / "model.pt2", "a") as archive:
        for number in range(count):
            archive.writestr(f"model/models/{number}.json", b"{}")

    with pytest.raises(BadModel, match=f"it holds {count} exported programs, and not one"):
        describe(tmp_path)


def test_an_unknown_type_is_named(tmp_path: Path) -> None:
    def unknown(program: Any) -> None:
        program["graph_module"]["graph"]["tensor_values"]["given_x"]["dtype"] = 99

    with pytest.raises(BadModel, match="given_x is of the type 99, which is not known"):
        describe(with_program(tmp_path / "model.pt2", unknown))


@QUICK
@given(data=st.data())
def test_damage_leads_to_a_refusal_or_to_a_description(data: st.DataObject, tmp_path: Path) -> None:
    good = (RECORDED / "named/model.pt2").read_bytes()
    start = data.draw(st.integers(0, len(good) - 1))
    harmed = good[:start] + data.draw(st.binary(max_size=8)) + good[start + data.draw(st.integers(0, 64)) :]
    file = tmp_path / "model.pt2"
    file.write_bytes(harmed)

    try:
        describe(file)
    except BadModel as error:
        assert str(file) in str(error)  # noqa: PT017 (either is right)


@QUICK
@given(data=st.data())
def test_other_json_leads_to_a_refusal_or_to_a_description(data: st.DataObject, tmp_path: Path) -> None:
    values = st.recursive(st.none() | st.integers() | st.text(max_size=4), st.lists, max_leaves=3)
    values |= st.dictionaries(st.text(max_size=4), values, max_size=2)

    def harm(program: Any) -> None:
        place: Any = program
        while isinstance(place, dict | list) and place:
            key = data.draw(
                st.sampled_from(sorted(place)) if isinstance(place, dict) else st.integers(0, len(place) - 1)
            )
            if data.draw(st.booleans()) or not isinstance(place[key], dict | list) or not place[key]:
                place[key] = data.draw(values)
                return
            place = place[key]

    file = with_program(tmp_path / "model.pt2", harm)

    try:
        describe(file)
    except BadModel as error:
        assert str(file) in str(error)  # noqa: PT017 (either is right)
