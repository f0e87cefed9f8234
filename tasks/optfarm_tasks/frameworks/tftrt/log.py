"""Reads what TensorFlow's C++ writes to the log meanwhile: TF-TRT tells nowhere else why it leaves an op."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_STDERR = 2


@dataclass
class Log:
    """What was written; empty until the end."""

    text: str = ""


@contextmanager
def recording(settings: Mapping[str, str]) -> Iterator[Log]:
    """Keeps what any code of this process writes to standard error, which gets it all the same.

    A process of its own copies it, so that the last words of TensorFlow ending this one get there too.

    Args:
        settings: environment variables that hold meanwhile.
    """
    log, former = Log(), {name: os.environ.get(name) for name in settings}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "log")
        os.environ.update(settings)
        try:
            with _copied_to(file):
                yield log
        finally:
            _restore(former)
            log.text = file.read_text(errors="replace")


@contextmanager
def _copied_to(file: Path) -> Iterator[None]:
    sys.stderr.flush()
    stderr, (taken, given) = os.dup(_STDERR), os.pipe()
    with subprocess.Popen(["tee", file], stdin=taken, stdout=stderr):  # noqa: S607 (whichever there is)
        os.close(taken)
        os.dup2(given, _STDERR)
        os.close(given)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(stderr, _STDERR)
            os.close(stderr)


def _restore(former: Mapping[str, str | None]) -> None:
    for name, value in former.items():
        if value is None:
            del os.environ[name]
        else:
            os.environ[name] = value
