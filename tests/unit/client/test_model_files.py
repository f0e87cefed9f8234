"""The one file of a model, and the batch of a signature, are each known in one place."""

from pathlib import Path

import pytest

from optfarm_tasks import formats
from optfarm_tasks.description import Signature, Tensor
from optfarm_tasks.errors import BadModel


def signature(*shapes: tuple[int | None, ...] | None) -> Signature:
    return Signature(inputs=tuple(Tensor(name="x", dtype="float32", shape=shape) for shape in shapes))


@pytest.mark.parametrize("name", ["m.tflite", "m.TFLITE", "m.onnx", "m.xml", "m.pb", "m.hdf5", "m.keras", "m.coded"])
def test_the_one_file_of_a_model_is_found_by_its_suffix(tmp_path: Path, name: str) -> None:
    for each in (name, ".hidden.onnx", "weights.bin"):
        (tmp_path / each).touch()

    assert formats.file_of(tmp_path) == tmp_path / name


def test_a_saved_model_is_its_folder(tmp_path: Path) -> None:
    (tmp_path / "saved_model.pb").touch()

    assert formats.file_of(tmp_path) == tmp_path


def test_two_models_in_a_folder_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.onnx").touch()
    (tmp_path / "b.tflite").touch()

    with pytest.raises(BadModel, match=r"holds 2 models \(a.onnx, b.tflite\)"):
        formats.file_of(tmp_path)


def test_the_first_input_that_fixes_its_batch_decides() -> None:
    assert signature((None, 4), (8, 4)).fixed_batch == 8
    assert signature((None, 4), (), None).fixed_batch is None
