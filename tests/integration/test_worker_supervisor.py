"""Every way a child can end, seen from outside: what is reported, and that nothing is left behind."""

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from optfarm_worker.launcher import Launcher
from tests.integration.supervised_child import MB, Child, a_child
from tests.waiting import until

GONE_WITHIN_S = 2.0
STUBBORN = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
for _ in range(3):
    if os.fork() == 0:
        os.setsid()
        os.fork()
        time.sleep(300)
"""
"""Six descendants in sessions of their own that ignore SIGTERM, half of them orphans."""


@pytest.fixture
def child(tmp_path: Path) -> Iterator[Child]:
    with a_child(tmp_path) as made:
        yield made


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        pytest.param("pass", 0, id="a clean exit"),
        pytest.param("raise SystemExit(1)", 1, id="an exit code"),
        pytest.param("import os; os._exit(7)", 7, id="an exit without farewell"),
        pytest.param("import ctypes; ctypes.string_at(0)", -signal.SIGSEGV, id="a segmentation fault"),
        pytest.param("import os; os.abort()", -signal.SIGABRT, id="an abort"),
        pytest.param("import os; os.kill(os.getpid(), 9)", -signal.SIGKILL, id="a kill"),
    ],
)
def test_an_exit_is_reported_with_its_code(child: Child, code: str, expected: int) -> None:
    child_exit = child.run(code)

    assert (child_exit.how, child_exit.code, child_exit.all_gone) == ("exit", expected, True)
    assert child_exit.peak_rss_bytes > MB


@pytest.mark.parametrize(
    ("last", "changes", "how"),
    [
        pytest.param("raise SystemExit(0)", {}, "exit", id="the child exits"),
        pytest.param("os.kill(os.getpid(), 11)", {}, "exit", id="the child crashes"),
        pytest.param("time.sleep(300)", {"timeout_s": 0.5}, "timeout", id="its time is up"),
        pytest.param("x = b'x' * (400 << 20); time.sleep(300)", {"memory_bytes": 200 * MB}, "memory", id="memory"),
        pytest.param("while True: os.fork() or time.sleep(300)", {"processes": 20}, "processes", id="it forks on"),
    ],
)
def test_no_descendant_outlives_the_child(child: Child, last: str, changes: dict[str, float], how: str) -> None:
    started = time.monotonic()
    child_exit = child.run(STUBBORN + last, **changes)

    assert child_exit.how == how
    assert not child.family()
    assert time.monotonic() - started < child_exit.duration_s + GONE_WITHIN_S


def test_memory_of_the_whole_tree_counts(child: Child) -> None:
    hog = "import os, time\nfor _ in range(3):\n  if os.fork() == 0:\n    x = b'x' * (60 << 20)\n    time.sleep(60)\n"

    child_exit = child.run(hog + "time.sleep(60)", memory_bytes=150 * MB)

    assert child_exit.how == "memory"
    assert child_exit.peak_rss_bytes > 150 * MB


def test_memory_that_a_tree_shares_counts_once(child: Child) -> None:
    sharer = "import os, time\nx = b'x' * (80 << 20)\nos.fork() and os.fork()\ntime.sleep(1.3)"

    child_exit = child.run(sharer, memory_bytes=150 * MB)

    assert child_exit.how == "exit"
    assert child_exit.peak_rss_bytes > 200 * MB


def test_a_stopped_child_is_gone_in_time(child: Child) -> None:
    launcher = Launcher()
    threading.Timer(0.5, launcher.stop).start()

    child_exit = launcher.run(child.order(STUBBORN + "time.sleep(300)"), child.events.append)
    launcher.close()

    assert child_exit.how == "cancelled"
    assert child_exit.duration_s < 5
    assert not child.family()


def test_nothing_outlives_a_worker_that_is_killed(child: Child) -> None:
    with _worker(child, STUBBORN + "time.sleep(300)") as worker:
        until(lambda: len(child.family()) == 7, deadline_s=10)

        worker.kill()

        until(lambda: not child.family(), deadline_s=GONE_WITHIN_S)


def test_nothing_outlives_a_supervisor_that_is_killed(child: Child) -> None:
    with _worker(child, STUBBORN + "time.sleep(300)") as worker:
        until(lambda: len(child.family()) == 7, deadline_s=10)
        (supervisor,) = psutil.Process(worker.pid).children()

        supervisor.kill()

        until(lambda: not child.family(), deadline_s=GONE_WITHIN_S)
        out, _ = worker.communicate(timeout=10)
        assert json.loads(out)["how"] == "lost"


@contextlib.contextmanager
def _worker(child: Child, code: str) -> Iterator["subprocess.Popen[bytes]"]:
    """A process that runs the child as a worker does and prints how it ended."""
    program = (
        "import json, sys, dataclasses\n"
        "from optfarm_worker import confinement\n"
        "from optfarm_worker.launcher import Launcher\n"
        "from optfarm_worker.supervisor import Order\n"
        "confinement.adopt_orphans()\n"
        "launcher = Launcher()\n"
        "child_exit = launcher.run(Order(**json.loads(sys.argv[1])), lambda event: None)\n"
        "launcher.close()\n"
        "print(json.dumps(dataclasses.asdict(child_exit)))\n"
    )
    order = json.dumps(child.order(code)._asdict())
    worker = subprocess.Popen([sys.executable, "-c", program, order], stdout=subprocess.PIPE)
    try:
        yield worker
    finally:
        worker.kill()
        worker.communicate()


def test_a_file_beyond_its_limit_ends_the_child(child: Child) -> None:
    child_exit = child.run("open('big', 'wb').truncate(20 << 20)", file_bytes=10 * MB)

    assert child_exit.code == -signal.SIGXFSZ or "File too large" in child.log()


def test_an_interpreter_that_is_not_there_is_reported(child: Child) -> None:
    child_exit = child.run("", argv=["/nowhere/python"])

    assert child_exit.how == "unstartable"
    assert "/nowhere/python" in child_exit.message


def test_limits_that_the_system_refuses_are_no_missing_interpreter(child: Child) -> None:
    child_exit = child.run("", data_bytes=1 << 70)

    assert child_exit.how == "unconfined"
    assert str(1 << 70) in child_exit.message


def test_a_lock_is_held_until_the_tree_is_gone(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    lock.touch()
    descriptor = os.open(lock, os.O_RDONLY)
    launcher = Launcher([descriptor])
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    os.close(descriptor)
    other = os.open(lock, os.O_RDONLY)

    with pytest.raises(BlockingIOError):
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    launcher.close()

    fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(other)
