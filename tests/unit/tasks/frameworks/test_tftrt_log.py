"""What C++ code writes to standard error is kept and passed on, also when it ends the process."""

import signal
import subprocess
import sys

SCRIPT = """
import os
from optfarm_tasks.frameworks.tftrt.log import recording
os.environ["KEPT"] = "before"
with recording({"KEPT": "within", "NEW": "1"}) as log:
    os.write(2, os.environb[b"KEPT"] + b" " + b"x" * 200_000 + b"\\xff")
    %s
print(len(log.text), log.text[:8], os.environ["KEPT"], os.environ.get("NEW"))
"""


def ended(then: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([sys.executable, "-c", SCRIPT % then], check=False, capture_output=True, timeout=60)


def test_it_is_kept_and_passed_on_and_settings_hold_meanwhile_alone() -> None:
    done = ended("pass")

    assert done.stdout == b"200008 within x before None\n"
    assert done.stderr.startswith(b"within xxx")
    assert len(done.stderr) == 200_008


def test_an_error_leaves_nothing_redirected() -> None:
    done = ended("raise ValueError('told')")

    assert done.returncode == 1
    assert done.stderr.endswith(b"ValueError: told\n")


def test_the_last_words_of_a_process_that_is_ended_are_passed_on() -> None:
    done = ended("os.write(2, b'last words'); os.abort()")

    assert done.returncode == -signal.SIGABRT
    assert done.stderr.endswith(b"last words")
