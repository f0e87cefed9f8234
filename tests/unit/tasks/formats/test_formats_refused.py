"""A model that cannot be taken is refused with what was seen and what to do."""

import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import pytest

from optfarm_tasks.errors import BadModel
from optfarm_tasks.formats import describe


@pytest.fixture
def copied(tiny_models: Path, tmp_path: Path) -> Callable[[str], Path]:
    """Copies a tiny model so that it may be harmed."""

    def copy(name: str) -> Path:
        source, target = tiny_models / name, tmp_path / name
        return Path(shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target))

    return copy


def cut(path: Path, *, keep: float = 0.5) -> None:
    """Truncates a file."""
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep)])


def test_nothing_at_the_path_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadModel, match=r"there is no .*nothing; a model is a SavedModel folder"):
        describe(tmp_path / "nothing")


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadModel, match="is an empty folder"):
        describe(tmp_path)


def test_a_folder_with_two_models_names_both(copied: Callable[[str], Path]) -> None:
    folder = copied("int8.tflite").parent
    copied("keras_functional.h5")

    with pytest.raises(BadModel, match=r"holds 2 models \(int8.tflite, keras_functional.h5\)"):
        describe(folder)


def test_a_folder_above_the_model_points_to_it(copied: Callable[[str], Path]) -> None:
    with pytest.raises(BadModel, match=r"holds no model itself; did you mean .*maths\?"):
        describe(copied("maths").parent)


def test_a_folder_of_other_files_says_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "cat.jpg").touch()

    with pytest.raises(BadModel, match=r"holds no model, but cat.jpg; a model is"):
        describe(tmp_path)


@pytest.mark.parametrize("name", ["m.pt", "m.pth", "m.pkl"])
def test_pickles_are_refused_with_what_to_save_instead(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"x")

    for path in (tmp_path, tmp_path / name):
        with pytest.raises(BadModel, match=r"is a pickle of PyTorch: .* save that with torch.export.save as \.pt2"):
            describe(path)


def test_an_unknown_suffix_says_which_are_taken(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"x")

    with pytest.raises(BadModel, match=r"suffix '\.bin'; a model is .* \.keras, .* or \.pb"):
        describe(tmp_path / "model.bin")


def test_a_part_of_a_saved_model_points_to_its_folder(tiny_models: Path) -> None:
    with pytest.raises(BadModel, match="name its folder instead"):
        describe(tiny_models / "maths/saved_model.pb")


@pytest.mark.parametrize("name", ["model.h5", "model.keras", "model.tflite"])
def test_text_in_a_models_name_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("see the wiki for the weights")

    with pytest.raises(BadModel, match=r"is no (HDF5 file|\.keras file|TFLite model).*(see the|the)"):
        describe(tmp_path)


@pytest.mark.parametrize("name", ["model.h5", "model.keras", "model.tflite"])
def test_an_empty_file_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / name).touch()

    with pytest.raises(BadModel):
        describe(tmp_path)


def test_weights_without_their_model_are_refused(tiny_models: Path) -> None:
    with pytest.raises(BadModel, match=r"holds no model_config: weights alone.*model\.save"):
        describe(tiny_models / "only.weights.h5")


def test_a_saved_model_without_signature_is_refused(tiny_models: Path) -> None:
    with pytest.raises(BadModel, match=r"has no signature.*save it with signatures="):
        describe(tiny_models / "unsigned")


@pytest.mark.parametrize("name", ["keras_functional.h5", "float32.tflite", "tf_keras_functional.keras"])
def test_a_truncated_file_is_refused(name: str, copied: Callable[[str], Path]) -> None:
    path = copied(name)
    cut(path)

    with pytest.raises(BadModel, match=r"truncated.*Copy or export the model again"):
        describe(path)


def test_a_truncated_graph_is_refused(copied: Callable[[str], Path]) -> None:
    folder = copied("maths")
    cut(folder / "saved_model.pb")

    with pytest.raises(BadModel, match="truncated"):
        describe(folder)


def test_a_missing_shard_is_named(copied: Callable[[str], Path]) -> None:
    folder = copied("tf_keras")
    (folder / "variables/variables.data-00000-of-00001").unlink()

    with pytest.raises(BadModel, match=r"variables/variables.data-00000-of-00001 is missing"):
        describe(folder)


def test_a_truncated_shard_says_both_sizes(copied: Callable[[str], Path]) -> None:
    folder = copied("tf_keras")
    shard = folder / "variables/variables.data-00000-of-00001"
    whole = shard.stat().st_size
    cut(shard)

    with pytest.raises(BadModel, match=rf"00001 is truncated: {whole // 2} bytes of \d+"):
        describe(folder)


def test_a_missing_index_is_named(copied: Callable[[str], Path]) -> None:
    folder = copied("maths")
    (folder / "variables/variables.index").unlink()

    with pytest.raises(BadModel, match=r"variables.index is missing"):
        describe(folder)


def test_a_damaged_index_is_refused_by_its_checksum(copied: Callable[[str], Path]) -> None:
    folder = copied("maths")
    index = folder / "variables/variables.index"
    data = bytearray(index.read_bytes())
    data[20] ^= 1
    index.write_bytes(data)

    with pytest.raises(BadModel, match=r"variables.index: it is damaged: the checksum"):
        describe(folder)


def test_a_keras_file_without_weights_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "model.keras", "w") as archive:
        archive.writestr("config.json", "{}")
        archive.writestr("metadata.json", "{}")

    with pytest.raises(BadModel, match=r"it lacks model\.weights\.h5"):
        describe(tmp_path)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"class_name": "MyNet", "config": {}}, "of class 'MyNet', whose code it does not hold"),
        ({"class_name": "Sequential", "config": {"layers": []}}, "has no layers"),
        (
            {"class_name": "Sequential", "config": {"layers": [{"class_name": "Dense", "config": {"name": "d"}}]}},
            "says no input shape; begin the model with keras.Input",
        ),
        ({"class_name": "Functional", "config": {"layers": 3}}, "model configuration is truncated or damaged"),
        ([], "model configuration is truncated or damaged"),
    ],
)
def test_a_model_that_its_configuration_cannot_build_is_refused(config: object, message: str, tmp_path: Path) -> None:
    with h5py.File(tmp_path / "model.h5", "w") as file:
        file.attrs["model_config"] = json.dumps(config)

    with pytest.raises(BadModel, match=message):
        describe(tmp_path)


def test_reading_a_model_imports_no_framework(tiny_models: Path) -> None:
    names = ["keras_functional.keras", "keras_functional.h5", "float32.tflite", "maths"]
    code = (
        "import sys, pathlib; from optfarm_tasks.formats import describe\n"
        "for path in sys.argv[1:]: describe(pathlib.Path(path))\n"
        "print(sorted({'tensorflow', 'keras', 'tf_keras', 'torch', 'ai_edge_litert'} & set(sys.modules)))"
    )

    done = subprocess.run(
        [sys.executable, "-c", code, *(str(tiny_models / name) for name in names)],
        check=True,
        capture_output=True,
        text=True,
    )

    assert done.stdout.strip() == "[]"
