"""What is read of an engine without its library, and what is refused before any library is given its bytes."""

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from optfarm_tasks.description import Format, Signature, Tensor
from optfarm_tasks.errors import BadModel
from optfarm_tasks.formats import describe, files, tensorrt

QUICK = settings(max_examples=80, deadline=10_000, suppress_health_check=[HealthCheck.function_scoped_fixture])
SIGNATURE = Signature(
    inputs=(Tensor(name="x", dtype="float32", shape=(None, 8)),),
    outputs=(Tensor(name="y", dtype="float32", shape=(None, 2)),),
)


@pytest.fixture
def engine(tmp_path: Path) -> Path:
    """The file of an engine with what is known of it beside it."""
    tensorrt.write(
        tmp_path / "model.engine",
        b"vtrt" + bytes(range(256)),
        builder="tensorrt-rtx",
        version="1.7.1.116",
        compute_capability="8.9",
        precision="float16",
        signature=SIGNATURE,
        profile={"x": tensorrt.Sizes(min=(1, 8), opt=(4, 8), max=(64, 8))},
        parameters=18,
        ops={"Gemm": 1},
    )
    return tmp_path / "model.engine"


def changed(engine: Path, change: Callable[[Any], None]) -> None:
    """Rewrites what is known of it."""
    record = engine.with_suffix(".json")
    known = json.loads(record.read_text())
    change(known)
    record.write_text(json.dumps(known))


def test_an_engine_is_described_by_what_lies_beside_it(engine: Path) -> None:
    found = describe(engine.parent)

    assert (found.format, found.parameters, found.ops) == (Format.TENSORRT, 18, {"Gemm": 1})
    assert found.signature == SIGNATURE
    assert files(engine) == ("model.engine", "model.json")
    assert describe(engine) == found


def test_an_engine_alone_is_refused_with_what_to_do(engine: Path) -> None:
    engine.with_suffix(".json").unlink()

    with pytest.raises(BadModel, match=r"lies without model.json, which says what GPU it is for; .* the ONNX model"):
        describe(engine.parent)


def test_a_truncated_engine_is_refused(engine: Path) -> None:
    engine.write_bytes(engine.read_bytes()[:100])

    with pytest.raises(BadModel, match="truncated or another engine's: it has 100 bytes, and 260 are due"):
        describe(engine.parent)


def test_a_flipped_bit_is_noticed_before_a_library_reads_it(engine: Path) -> None:
    known = tensorrt.read(engine)
    whole = engine.read_bytes()
    assert tensorrt.whole(engine, known) == whole

    engine.write_bytes(whole[:-1] + b"\0")

    with pytest.raises(BadModel, match="is damaged: its bytes are not those that were built"):
        tensorrt.whole(engine, known)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda known: known.pop("compute_capability"), "compute_capability"),
        (lambda known: known.update(builder="tensorrt-lite"), "builder"),
        (lambda known: known.update(schema_version=2), "schema_version"),
        (lambda known: known.update(more=1), "more"),
        (lambda known: known["signature"].pop("inputs"), "inputs"),
    ],
)
def test_what_is_known_has_to_be_whole(change: Callable[[Any], None], said: str, engine: Path) -> None:
    changed(engine, change)

    with pytest.raises(BadModel, match=f"model.json is damaged or something else: .*{said}"):
        describe(engine.parent)


@QUICK
@given(place=st.integers(0, 400), byte=st.integers(0, 255))
def test_no_damage_to_what_is_known_leads_to_anything_but_a_refusal(place: int, byte: int, engine: Path) -> None:
    record = engine.with_suffix(".json")
    good = record.read_bytes()
    record.write_bytes(good[: place % len(good)] + bytes([byte]) + good[place % len(good) + 1 :])
    with contextlib.suppress(BadModel):
        assert describe(engine.parent).format is Format.TENSORRT
    record.write_bytes(good)
