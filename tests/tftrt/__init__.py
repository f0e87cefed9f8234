"""TF-TRT in its toolchain, `make test-tftrt`: the real TensorFlow over a TensorRT that segments and builds nothing.

No engine is built or run here: that takes TensorRT's own library and a GPU.
"""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from tests.integration.scripts import python_of

HERE = Path(__file__).parent
FITTING = 8601
"""TensorRT 8.6.1, which TensorFlow 2.17.1 was built for."""
_NAMES = ("libnvinfer.so.8.6.1", "libnvinfer_plugin.so.8.6.1")


def library(folder: Path, version: int | None = FITTING) -> Path:
    """Compiles the library under the names that TensorFlow looks for, and gives their folder; None is nobody's."""
    folder.mkdir()
    flags = ["-shared", "-fPIC", "-Wall", "-Wextra", "-Werror", "-O1", "-Wl,-soname,libnvinfer.so.8"]
    defined = [] if version is None else [f"-DVERSION={version}"]
    for name in _NAMES:
        subprocess.run(["cc", *flags, *defined, "-o", folder / name, HERE / "nvinfer.c"], check=True)  # noqa: S607 (whichever there is)
    return folder


def runs_of(script: str, folder: Path, *, tensorrt: Path | None, timeout_s: float = 400) -> Any:
    """What a script of this folder leaves in FOLDER/runs.json, with a TensorRT that the loader finds or with none."""
    command = [python_of("tf217-trt"), str(HERE / script), str(folder)]
    paths = {"LD_LIBRARY_PATH": str(tensorrt)} if tensorrt else {}
    given = {"PATH": os.defpath, "CUDA_VISIBLE_DEVICES": "-1", "PYTHONPATH": str(HERE.parents[1]), **paths}
    ended = subprocess.run(command, check=False, capture_output=True, text=True, timeout=timeout_s, env=given)
    assert ended.returncode == 0, ended.stderr[-4000:]
    return json.loads((folder / "runs.json").read_text())
