"""Locks of toolchains that the tests do not install: every version that they name can be had for this Python."""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_lock_of_tf_trt_resolves(tmp_path: Path) -> None:
    uv = shutil.which("uv")
    installer = [uv, "pip", "install", "--python", sys.executable] if uv else [sys.executable, "-m", "pip", "install"]
    options = ["--dry-run", "--no-deps", "--quiet", "--target", str(tmp_path)]
    lock = ROOT / "requirements/tf217-trt.lock"

    ended = subprocess.run([*installer, *options, "-r", lock], check=False, capture_output=True, text=True)

    assert ended.returncode == 0, ended.stderr[-2000:]
    assert not list(tmp_path.iterdir())
    assert "tensorflow==2.17.1\n" in lock.read_text()
