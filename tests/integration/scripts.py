"""Runs a script of tests/integration in a process of its own, so that tests need not import frameworks."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any


def told_by(script: str, folder: Path, *, timeout_s: float) -> Any:
    """What `python SCRIPT FOLDER` leaves in FOLDER/told.json; its stderr fails the test."""
    command = [sys.executable, str(Path(__file__).with_name(script)), str(folder)]
    ended = subprocess.run(command, check=False, capture_output=True, text=True, timeout=timeout_s)
    assert ended.returncode == 0, ended.stderr[-4000:]
    return json.loads((folder / "told.json").read_text())
