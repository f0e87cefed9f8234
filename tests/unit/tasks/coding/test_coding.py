"""Entropy coding gives back every byte, says what is damaged, and is small where values repeat."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from optfarm_tasks import formats
from optfarm_tasks.coding import container, rans, segments
from optfarm_tasks.description import Format, ModelDescription, Signature, Tensor
from optfarm_tasks.errors import BadModel
from optfarm_tasks.formats.raw import Malformed

MODEL = ModelDescription(
    format=Format.TFLITE,
    signatures=(Signature(inputs=(Tensor(name="x", dtype="float32", shape=(None, 4)),)),),
    size_bytes=10,
    parameters=8,
)


def coded(data: bytes) -> list[tuple[segments.SegmentPlan, bytes]]:
    view = memoryview(data)
    return [(plan, segments.encode(view, plan)) for plan in segments.plans(view)]


def decoded(made: list[tuple[segments.SegmentPlan, bytes]]) -> bytes:
    return b"".join(segments.decode(memoryview(code), plan.kind, plan.end - plan.start) for plan, code in made)


def entropy_bytes(symbols: np.ndarray) -> float:
    shares = np.unique(symbols, return_counts=True)[1] / symbols.size
    return float(-(shares * np.log2(shares)).sum() * symbols.size / 8)


@given(npst.arrays(np.uint16, st.integers(0, 3000), elements=st.integers(0, 40)))
def test_any_symbols_come_back(symbols: np.ndarray) -> None:
    frequencies = rans.frequencies_of(np.bincount(symbols, minlength=41) + 1)

    assert np.array_equal(rans.decode(rans.encode(symbols, frequencies), symbols.size, frequencies), symbols)


@pytest.mark.parametrize("chance", [0.5, 0.9, 0.999])
def test_a_code_is_within_two_percent_of_its_entropy(chance: float) -> None:
    symbols = (np.random.default_rng(0).random(1 << 20) > chance).astype(np.uint16)
    frequencies = rans.frequencies_of(np.bincount(symbols))

    assert len(rans.encode(symbols, frequencies)) <= 1.02 * entropy_bytes(symbols) + 4096


@given(npst.arrays(np.int64, st.integers(1, 4096), elements=st.integers(1, 1 << 40)))
def test_frequencies_leave_no_symbol_out_and_fill_the_range(counts: np.ndarray) -> None:
    frequencies = rans.frequencies_of(counts)

    assert frequencies.min() >= 1
    assert frequencies.sum() == rans.TOTAL


@given(st.binary(max_size=2000), st.integers(1, 200))
@settings(max_examples=30)
def test_any_bytes_come_back(data: bytes, times: int) -> None:
    assert decoded(coded(data * times)) == data * times


@pytest.mark.parametrize("lead", [0, 1, 2, 3, 70_001])
def test_words_are_found_wherever_they_begin(lead: int) -> None:
    random = np.random.default_rng(1)
    weights = random.choice(random.normal(size=16).astype(np.float32), 300_000)
    data = random.bytes(lead) + weights.tobytes()

    made = coded(data)

    assert decoded(made) == data
    assert sum(len(code) for _, code in made) <= lead + 1.1 * entropy_bytes(weights) + 9000


def test_a_code_that_is_cut_or_changed_is_refused() -> None:
    symbols = np.random.default_rng(2).integers(0, 5, 5000).astype(np.uint16)
    frequencies = rans.frequencies_of(np.bincount(symbols))
    code = rans.encode(symbols, frequencies)

    for damaged in (code[:-2], code[:3], code + b"\0\0", code[:200] + b"\xff\xff" + code[202:]):
        with pytest.raises(Malformed):
            rans.decode(damaged, symbols.size, frequencies)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in/variables").mkdir(parents=True)
    (tmp_path / "in/saved_model.pb").write_bytes(b"a graph")
    (tmp_path / "in/variables/empty").touch()
    weights = np.random.default_rng(3).choice(np.float32([0, 0, 0, 0.5, -0.5]), (300, 400))
    (tmp_path / "in/variables/data").write_bytes(b"odd" + weights.tobytes())
    return tmp_path


def test_a_folder_comes_back_bit_for_bit_and_alike(folder: Path) -> None:
    container.encode(folder / "in", folder / "model.coded", model=MODEL)
    container.encode(folder / "in", folder / "again.coded", model=MODEL)

    container.decode(folder / "model.coded", folder / "out")

    names = ["saved_model.pb", "variables/data", "variables/empty"]
    assert sorted(str(path.relative_to(folder / "out")) for path in (folder / "out").rglob("*.*")) == names[:1]
    assert all((folder / "out" / name).read_bytes() == (folder / "in" / name).read_bytes() for name in names)
    assert (folder / "model.coded").read_bytes() == (folder / "again.coded").read_bytes()


def test_a_coded_model_tells_the_signature_of_the_model_within(folder: Path) -> None:
    container.encode(folder / "in", folder / "model.coded", model=MODEL)

    told = formats.describe(folder / "model.coded")

    assert told.format is Format.CODED
    assert told.signatures == MODEL.signatures
    assert told.size_bytes == (folder / "model.coded").stat().st_size < 40_000


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: b"PK" + data[2:], "is no coded model"),
        (lambda data: data[:-10], "truncated or damaged"),
        (lambda data: data[:9], "header's length wants bytes"),
        (lambda data: data[:8] + b"\xff\xff\xff\x7f" + data[12:], "header claims"),
        (lambda data: data.replace(b'"version":1', b'"version":2'), r"header is damaged \(version is 2; it takes 1\)"),
        (lambda data: data.replace(b"saved_model.pb", b"../../model.pb"), "not a plain relative path"),
        (lambda data: data.replace(b'"size_bytes":7', b'"size_bytes":8', 1), "make 7 bytes of 8"),
    ],
)
def test_a_damaged_file_is_refused_without_decoding(folder: Path, change: object, message: str) -> None:
    container.encode(folder / "in", folder / "model.coded", model=MODEL)
    data = (folder / "model.coded").read_bytes()
    (folder / "model.coded").write_bytes(change(data))  # type: ignore[operator]

    with pytest.raises(BadModel, match=message):
        formats.describe(folder / "model.coded")


@given(st.data())
@settings(max_examples=40)
def test_no_flipped_byte_of_the_code_goes_unnoticed(data: st.DataObject) -> None:
    view = memoryview(np.random.default_rng(4).choice(np.float32([0, 0, 1, 2]), 4000).tobytes())
    plan = next(segments.plans(view))
    code = bytearray(segments.encode(view, plan))
    place = data.draw(st.integers(0, len(code) - 1))
    code[place] ^= data.draw(st.integers(1, 255))

    try:
        found = segments.decode(memoryview(bytes(code)), plan.kind, len(view))
    except Malformed:
        return
    assert found != bytes(view)


def test_the_header_is_json_that_names_each_segment(folder: Path) -> None:
    container.encode(folder / "in", folder / "model.coded", model=MODEL)
    data = (folder / "model.coded").read_bytes()

    header = json.loads(data[12 : 12 + int.from_bytes(data[8:12], "little")])

    kinds = {file["file"]["path"]: [each["kind"] for each in file["segments"]] for file in header["files"]}
    assert kinds == {"saved_model.pb": ["zlib"], "variables/data": ["zlib", "words"], "variables/empty": []}
