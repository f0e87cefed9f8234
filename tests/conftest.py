"""Fixtures that several folders of tests use."""

import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def tiny_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with tiny models of every format, and told.json with what their frameworks tell of them."""
    folder = tmp_path_factory.mktemp("models")
    command = [sys.executable, str(HERE / "models.py"), str(folder)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr[-4000:]
    return folder
