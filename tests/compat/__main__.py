"""Records small models by Keras versions of the past and the newest: python -m tests.compat [--only NAME...].

Each version gets an environment of its own under build/compat/, which stays; what it saves replaces the files of that
name in tests/recorded/keras/, which the zoo tries every technique on.
"""

import argparse
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from tests.compat.environments import ENVIRONMENTS, Environment
from tests.recorded import FOLDER

BUILT, SAMPLES = Path("build/compat"), 32
RECORD = Path(__file__).with_name("record.py")
LIMIT_BYTES = 100_000
"""Of a recorded model."""


def main() -> None:
    """Records with each environment that was asked for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", nargs="*", default=[each.name for each in ENVIRONMENTS])
    wanted = parser.parse_args().only
    for each in ENVIRONMENTS:
        if each.name in wanted:
            sys.stdout.write(f"{each.name}\n")
            sys.stdout.flush()
            _record(each, _interpreter(each))


def _interpreter(environment: Environment) -> Path:
    """Its Python, in an environment that is made where there is none.

    Raises:
        SystemExit: this machine has no such Python.
    """
    folder = BUILT / environment.name
    python = folder / "bin/python"
    done = folder / "installed"
    if done.is_file() and done.read_text() == "\n".join(environment.packages):
        return python
    shutil.rmtree(folder, ignore_errors=True)
    _make(folder, environment.python)
    for packages in (("pip", "setuptools<81"), environment.packages):
        _run([python.absolute(), "-m", "pip", "install", "--quiet", "--upgrade", *packages])
    done.write_text("\n".join(environment.packages))
    return python


def _make(folder: Path, version: str) -> None:
    BUILT.mkdir(parents=True, exist_ok=True)
    if shutil.which("uv"):
        _run(["uv", "venv", "--quiet", "--seed", "--python", version, folder.absolute()])
    elif shutil.which(f"python{version}"):
        _run([f"python{version}", "-m", "venv", folder.absolute()])
    else:
        raise SystemExit(f"there is no python{version} here, and no uv that could fetch it")


def _record(environment: Environment, python: Path) -> None:
    scratch, target = (BUILT / "recorded" / environment.name).absolute(), FOLDER / "keras" / environment.name
    for folder in (scratch, target):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    for name, inputs in _inputs().items():
        np.savez_compressed(scratch / f"{name}.npz", **{f"inputs/{key}": array for key, array in inputs.items()})
    _run([python.absolute(), RECORD.absolute(), environment.library, scratch, *environment.ways])
    for made in sorted(scratch.iterdir()):
        kept = Path(
            shutil.make_archive(str(target / made.name), "xztar", made) if made.is_dir() else target / made.name
        )
        if made.is_file():
            shutil.copy(made, kept)
        if kept.stat().st_size > LIMIT_BYTES:
            raise SystemExit(f"{kept} has more than {LIMIT_BYTES} bytes")


def _run(command: list[Any]) -> None:
    """Runs it, and shows what it says only where it fails.

    Raises:
        SystemExit: it does.
    """
    done = subprocess.run(command, cwd=BUILT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{done.stdout}\n{' '.join(map(str, command))} ended with {done.returncode}")


def _inputs() -> dict[str, dict[str, np.ndarray]]:
    random = np.random.default_rng(4)
    return {
        "images": {"x": random.normal(0, 1, (SAMPLES, 12, 12, 1)).astype(np.float32)},
        "sequences": {
            "words": random.integers(0, 12, (SAMPLES, 10)).astype(np.int32),
            "series": random.normal(0, 1, (SAMPLES, 10, 3)).astype(np.float32),
        },
    }


if __name__ == "__main__":
    main()
