"""Reads what TensorFlow's C++ writes to the log meanwhile: TF-TRT tells nowhere else why it leaves an op."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

_DETAILED = "TF_TRT_SHOW_DETAILED_REPORT"
_STDERR = 2


@dataclass
class Log:
    """What was written; empty until the end."""

    text: str = ""


@contextmanager
def recording() -> Iterator[Log]:
    """Keeps what any code of this process writes to standard error, and passes it on at the end."""
    log = Log()
    sys.stderr.flush()
    former, setting = os.dup(_STDERR), os.environ.get(_DETAILED)
    with tempfile.TemporaryFile() as kept:
        os.dup2(kept.fileno(), _STDERR)
        os.environ[_DETAILED] = "1"
        try:
            yield log
        finally:
            sys.stderr.flush()
            os.dup2(former, _STDERR)
            os.close(former)
            _restore(setting)
            kept.seek(0)
            written = kept.read()
            log.text = written.decode(errors="replace")
            os.write(_STDERR, written)


def _restore(setting: str | None) -> None:
    if setting is None:
        del os.environ[_DETAILED]
    else:
        os.environ[_DETAILED] = setting
