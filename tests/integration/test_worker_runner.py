"""Every way a child can end, seen from outside: what is told, and that nothing is left behind."""

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from optfarm_worker.ending import Ending
from optfarm_worker.launcher import Runner, Started
from optfarm_worker.runner import Order
from tests.waiting import until

MB = 1 << 20
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


@dataclass
class Child:
    """A child to run, marked so that each process of its tree can be found by its environment."""

    folder: Path
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)
    told: list[Started | str] = field(default_factory=list)

    def order(self, code: str, **changes: object) -> Order:
        order = Order(
            argv=[sys.executable, "-I", "-S", "-c", code],
            cwd=str(self.folder),
            env={"PATH": "/usr/bin:/bin", "MARK": self.mark},
            log=str(self.folder / "log.txt"),
            timeout_s=30,
            memory_bytes=1000 * MB,
            data_bytes=4000 * MB,
            file_bytes=1000 * MB,
            log_bytes=1 * MB,
            processes=64,
            grace_s=0.3,
        )
        return order._replace(**changes)

    def run(self, code: str, **changes: object) -> Ending:
        runner = Runner()
        try:
            return runner.run(self.order(code, **changes), self.told.append)
        finally:
            runner.close()

    def log(self) -> str:
        return (self.folder / "log.txt").read_text()

    def family(self) -> list[psutil.Process]:
        return [process for process in psutil.process_iter() if self._is_marked(process)]

    def _is_marked(self, process: psutil.Process) -> bool:
        try:
            return process.environ().get("MARK") == self.mark and process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            return False


@pytest.fixture
def child(tmp_path: Path) -> Iterator[Child]:
    child = Child(tmp_path)
    yield child
    for process in child.family():
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


def ends_within(seconds: float, condition: Callable[[], object]) -> None:
    until(condition, deadline_s=seconds)


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
def test_an_exit_is_told_with_its_code(child: Child, code: str, expected: int) -> None:
    ending = child.run(code)

    assert (ending.how, ending.code, ending.all_gone) == ("exit", expected, True)
    assert ending.peak_rss_bytes > MB


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
    ending = child.run(STUBBORN + last, **changes)

    assert ending.how == how
    assert not child.family()
    assert time.monotonic() - started < ending.duration_s + GONE_WITHIN_S


def test_memory_of_the_whole_tree_counts(child: Child) -> None:
    hog = "import os, time\nfor _ in range(3):\n  if os.fork() == 0:\n    x = b'x' * (60 << 20)\n    time.sleep(60)\n"

    ending = child.run(hog + "time.sleep(60)", memory_bytes=150 * MB)

    assert ending.how == "memory"
    assert ending.peak_rss_bytes > 150 * MB


def test_memory_that_a_tree_shares_counts_once(child: Child) -> None:
    sharer = "import os, time\nx = b'x' * (80 << 20)\nos.fork() and os.fork()\ntime.sleep(1.3)"

    ending = child.run(sharer, memory_bytes=150 * MB)

    assert ending.how == "exit"
    assert ending.peak_rss_bytes > 200 * MB


def test_a_stopped_child_is_gone_in_time(child: Child) -> None:
    runner = Runner()
    threading.Timer(0.5, runner.stop).start()

    ending = runner.run(child.order(STUBBORN + "time.sleep(300)"), child.told.append)
    runner.close()

    assert ending.how == "cancelled"
    assert ending.duration_s < 5
    assert not child.family()


def test_nothing_outlives_a_worker_that_is_killed(child: Child) -> None:
    with _worker(child, STUBBORN + "time.sleep(300)") as worker:
        until(lambda: len(child.family()) == 7, deadline_s=10)

        worker.kill()

        ends_within(GONE_WITHIN_S, lambda: not child.family())


def test_nothing_outlives_a_runner_that_is_killed(child: Child) -> None:
    with _worker(child, STUBBORN + "time.sleep(300)") as worker:
        until(lambda: len(child.family()) == 7, deadline_s=10)
        (runner,) = psutil.Process(worker.pid).children()

        runner.kill()

        ends_within(GONE_WITHIN_S, lambda: not child.family())
        out, _ = worker.communicate(timeout=10)
        assert json.loads(out)["how"] == "lost"


@contextlib.contextmanager
def _worker(child: Child, code: str) -> Iterator["subprocess.Popen[bytes]"]:
    """A process that runs the child as a worker does and prints how it ended."""
    program = (
        "import json, sys, dataclasses\n"
        "from optfarm_worker import confinement\n"
        "from optfarm_worker.launcher import Runner\n"
        "from optfarm_worker.runner import Order\n"
        "confinement.adopt_orphans()\n"
        "runner = Runner()\n"
        "ending = runner.run(Order(**json.loads(sys.argv[1])), lambda event: None)\n"
        "runner.close()\n"
        "print(json.dumps(dataclasses.asdict(ending)))\n"
    )
    order = json.dumps(child.order(code)._asdict())
    worker = subprocess.Popen([sys.executable, "-c", program, order], stdout=subprocess.PIPE)
    try:
        yield worker
    finally:
        worker.kill()
        worker.communicate()


def test_the_child_sees_only_what_it_is_given(child: Child) -> None:
    child.run("import os, json; print(json.dumps(dict(os.environ)))")

    seen = json.loads(child.log())
    assert set(seen) <= {"PATH", "MARK", "OPTFARM_PROGRESS_FD", "LC_CTYPE"}


def test_the_child_has_only_the_descriptors_it_is_given(child: Child) -> None:
    child.run("import os; print(len(os.listdir('/proc/self/fd')), os.environ['OPTFARM_PROGRESS_FD'])")

    count, _ = child.log().split()
    assert int(count) == 5  # three standard ones, progress, and the folder that is being listed


def test_the_child_reads_nothing_and_dumps_no_core(child: Child) -> None:
    child.run("import resource, sys; print(repr(sys.stdin.read()), resource.getrlimit(resource.RLIMIT_CORE))")

    assert child.log().strip() == "'' (0, 0)"


def test_the_child_has_no_network_but_its_own_loopback(child: Child) -> None:
    code = (
        "import socket\n"
        "server = socket.create_server(('127.0.0.1', 0))\n"
        "socket.create_connection(server.getsockname()).close()\n"
        "print(sorted(name for _, name in socket.if_nameindex()))\n"
    )

    child.run(code, argv=[sys.executable, "-I", "-c", code])

    started = child.told[0]
    assert isinstance(started, Started)
    if started.isolated:
        assert child.log().strip() == "['lo']"


def test_progress_is_relayed_as_it_comes(child: Child) -> None:
    code = (
        "import os, time\n"
        "for n in range(3):\n"
        '  os.write(int(os.environ[\'OPTFARM_PROGRESS_FD\']), b\'{"phase":"p","fraction":0.%d}\\n\' % n)\n'
        "  time.sleep(0.3)\n"
    )

    child.run(code)

    assert child.told[1:] == [f'{{"phase":"p","fraction":0.{n}}}' for n in range(3)]


def test_a_flood_of_progress_does_not_drown_the_worker(child: Child) -> None:
    code = "import os\nfor n in range(20000): os.write(int(os.environ['OPTFARM_PROGRESS_FD']), b'%d\\n' % n)\n"

    child.run(code)

    assert child.told[-1] == "19999"
    assert len(child.told) < 1000


def test_a_log_that_grows_without_end_keeps_its_head_and_its_tail(child: Child) -> None:
    code = "import time\nend = time.time() + 1\nwhile time.time() < end: print('x' * 999)\nprint('last')"

    child.run("print('first', flush=True)\n" + code)

    assert child.log().startswith("first")
    assert child.log().endswith("last\n")
    assert "the log grew too long" in child.log()


def test_a_file_beyond_its_bound_ends_the_child(child: Child) -> None:
    ending = child.run("open('big', 'wb').truncate(20 << 20)", file_bytes=10 * MB)

    assert ending.code == -signal.SIGXFSZ or "File too large" in child.log()


def test_an_interpreter_that_is_not_there_is_told(child: Child) -> None:
    ending = child.run("", argv=["/nowhere/python"])

    assert ending.how == "unstartable"
    assert "/nowhere/python" in ending.message


def test_a_lock_is_held_until_the_tree_is_gone(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    lock.touch()
    descriptor = os.open(lock, os.O_RDONLY)
    runner = Runner([descriptor])
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    os.close(descriptor)
    other = os.open(lock, os.O_RDONLY)

    with pytest.raises(BlockingIOError):
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    runner.close()

    fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(other)
