"""No damage to a model's bytes leads to anything but BadModel or a description."""

import shutil
from pathlib import Path

import h5py
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from optfarm_tasks.description import ModelDescription
from optfarm_tasks.errors import BadModel
from optfarm_tasks.formats import describe
from optfarm_tasks.formats.h5 import contents
from optfarm_tasks.formats.raw import Malformed

FILES = [
    "keras_functional.keras",
    "tf_keras_sequential.keras",
    "tf_keras_functional.h5",
    "keras_sequential.h5",
    "float32.tflite",
    "offsets.tflite",
    "custom.tflite",
    "maths/saved_model.pb",
    "maths/variables/variables.index",
    "maths/variables/variables.data-00000-of-00001",
]
QUICK_FILES = [name for name in FILES if not name.endswith((".h5", ".keras"))]
"""Those whose reading needs no process of its own."""
MAGIC_BYTES = 8
QUICK = settings(max_examples=60, deadline=10_000, suppress_health_check=[HealthCheck.function_scoped_fixture])


class Victim:
    """A copy of a model, one of whose files is harmed again and again."""

    def __init__(self, root: Path, file: Path) -> None:
        self.root, self.file, self.good = root, file, file.read_bytes()
        self.whole = describe(root)

    def described(self, data: bytes) -> ModelDescription | None:
        """The description with other bytes in the file, but for its size; None if it is refused."""
        self.file.write_bytes(data)
        try:
            return describe(self.root).model_copy(update={"size_bytes": self.whole.size_bytes})
        except BadModel:
            return None


@pytest.fixture(params=FILES)
def victim(request: pytest.FixtureRequest, tiny_models: Path, tmp_path: Path) -> Victim:
    """Each file in turn."""
    name = Path(request.param)
    top = name.parts[0]
    if (tiny_models / top).is_dir():
        shutil.copytree(tiny_models / top, tmp_path / top)
    else:
        shutil.copy(tiny_models / top, tmp_path / top)
    return Victim(tmp_path / top, tmp_path / name)


@QUICK
@given(part=st.floats(0, 1, exclude_max=True))
def test_a_file_cut_anywhere_is_refused_or_described_alike(part: float, victim: Victim) -> None:
    found = victim.described(victim.good[: int(part * len(victim.good))])

    assert found in (None, victim.whole)


@settings(QUICK, max_examples=25)
@given(at=st.integers(0, MAGIC_BYTES - 1), bit=st.integers(0, 7))
def test_a_flipped_header_is_refused_or_described_alike(at: int, bit: int, victim: Victim) -> None:
    data = bytearray(victim.good)
    data[at] ^= 1 << bit

    assert victim.described(bytes(data)) in (None, victim.whole)


@pytest.mark.parametrize("victim", QUICK_FILES, indirect=True)
@QUICK
@given(part=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_flip_anywhere_raises_nothing_else(part: float, bit: int, victim: Victim) -> None:
    data = bytearray(victim.good)
    data[int(part * len(data))] ^= 1 << bit

    victim.described(bytes(data))


def test_a_reader_that_would_never_end_is_ended(tmp_path: Path) -> None:
    path = tmp_path / "model.h5"
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = '{"a": 1}'
    data = bytearray(path.read_bytes())
    data[data.index(b"GCOL") + 24] ^= 1  # the size of the first object of the heap
    path.write_bytes(data)

    with pytest.raises(Malformed, match="did not end in 2 s"):
        contents(path, start=0, size_bytes=len(data), deadline_s=2)


def test_no_cut_of_a_tflite_file_is_taken(tiny_models: Path, tmp_path: Path) -> None:
    shutil.copy(tiny_models / "float32.tflite", tmp_path / "model.tflite")
    victim = Victim(tmp_path, tmp_path / "model.tflite")

    assert [end for end in range(0, len(victim.good), 7) if victim.described(victim.good[:end])] == []
