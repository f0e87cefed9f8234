"""TensorRT is looked for in a process of its own, whatever the loader finds."""

from pathlib import Path
from typing import Any

import pytest

from optfarm_tasks.errors import MissingToolchain
from optfarm_tasks.frameworks.tftrt import library as asked
from tests.tftrt import library, runs_of


def said(folder: Path, tensorrt: Path | None) -> Any:
    return runs_of("library_runs.py", folder, tensorrt=tensorrt)


def test_a_fitting_library_is_found_and_then_a_gpu_is_missed(tmp_path: Path) -> None:
    found = said(tmp_path, library(tmp_path / "lib"))

    assert found["version"] == "8.6.1"
    assert found["gpu"].startswith("missing_toolchain: TF-TRT computes on a GPU, and TensorFlow 2.17.1 sees none here")
    assert "CUDA 12.3 and cuDNN 8" in found["gpu"]
    assert found["cpu"] == "bad_parameter: TF-TRT computes on gpu, and the device is a cpu"


def test_a_later_library_of_the_same_major_version_is_taken(tmp_path: Path) -> None:
    assert said(tmp_path, library(tmp_path / "lib", 8610))["version"] == "8.6.10"


@pytest.mark.parametrize(
    ("version", "words"),
    [
        (
            8500,
            "TF-TRT loads TensorRT 8.5.0, and this TensorFlow was built for 8.6.1: it takes 8.6.1 or a later one of",
        ),
        (10300, "TF-TRT loads TensorRT 10.3.0, and this TensorFlow was built for 8.6.1"),
        (
            None,
            "TensorFlow ended the process that loaded TensorRT by SIGABRT: ",
        ),
    ],
)
def test_a_library_that_does_not_fit_is_refused_by_its_version(version: int | None, words: str, tmp_path: Path) -> None:
    found = said(tmp_path, library(tmp_path / "lib", version))

    assert found["refused"].startswith("missing_toolchain: ")
    assert words in found["refused"]


def test_an_absent_library_is_told_with_its_name_and_version(tmp_path: Path) -> None:
    refused = said(tmp_path, None)["refused"]

    assert refused.startswith("missing_toolchain: TF-TRT needs TensorRT 8.6.1, and no libnvinfer.so.8.6.1 and ")


def test_files_that_are_no_libraries_count_as_absent(tmp_path: Path) -> None:
    folder = library(tmp_path / "lib")
    for file in folder.iterdir():
        file.write_bytes(file.read_bytes()[:64])

    assert "needs TensorRT 8.6.1" in said(tmp_path, folder)["refused"]


def test_the_default_toolchain_says_which_one_has_it() -> None:
    with pytest.raises(
        MissingToolchain, match=r"TF-TRT runs on the toolchain tf217-trt alone, and .* has a TensorFlow w"
    ):
        asked.loaded_version(user="TF-TRT")
