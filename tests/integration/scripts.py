"""Runs a script of tests/integration in a process of its own, so that tests need not import frameworks."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

TOOLCHAINS = Path(__file__).parents[2] / "build/toolchains"


def python_of(toolchain: str) -> str:
    """The interpreter of a toolchain that `make test` sets up; its absence fails the test."""
    python = TOOLCHAINS / toolchain / "bin/python"
    assert python.exists(), f"run make toolchain-{toolchain}"
    return str(python)


def runs_of(script: str, folder: Path, *, timeout_s: float, python: str = sys.executable) -> Any:
    """What `python SCRIPT FOLDER` leaves in FOLDER/runs.json; its stderr fails the test."""
    command = [python, str(Path(__file__).with_name(script)), str(folder)]
    ended = subprocess.run(command, check=False, capture_output=True, text=True, timeout=timeout_s)
    assert ended.returncode == 0, ended.stderr[-4000:]
    return json.loads((folder / "runs.json").read_text())
