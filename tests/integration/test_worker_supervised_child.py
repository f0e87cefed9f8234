"""What a child is given, and what it reports."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from optfarm_worker.launcher import Started
from tests.integration.supervised_child import Child, a_child


@pytest.fixture
def child(tmp_path: Path) -> Iterator[Child]:
    with a_child(tmp_path) as made:
        yield made


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

    started = child.events[0]
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

    assert child.events[1:] == [f'{{"phase":"p","fraction":0.{n}}}' for n in range(3)]


def test_a_flood_of_progress_does_not_drown_the_worker(child: Child) -> None:
    code = "import os\nfor n in range(20000): os.write(int(os.environ['OPTFARM_PROGRESS_FD']), b'%d\\n' % n)\n"

    child.run(code)

    assert child.events[-1] == "19999"
    assert len(child.events) < 1000


def test_a_log_that_grows_without_end_keeps_its_head_and_its_tail(child: Child) -> None:
    code = "import time\nend = time.time() + 1\nwhile time.time() < end: print('x' * 999)\nprint('last')"

    child.run("print('first', flush=True)\n" + code)

    assert child.log().startswith("first")
    assert child.log().endswith("last\n")
    assert "the log grew too long" in child.log()


def test_a_log_that_is_cut_again_and_again_loses_none_of_its_newest_lines(child: Child) -> None:
    code = "for number in range(400_000): print(number)"

    child.run(code, log_bytes=4000)

    numbers = child.log().rpartition("too long]\n")[2].splitlines()[1:]
    assert numbers == [str(399_999 - ago) for ago in reversed(range(len(numbers)))]
    assert len(numbers) > 100
    assert child.log().startswith("0\n1\n2\n")
    assert len(child.log()) <= 4000


def test_a_disk_that_is_full_costs_the_log_and_not_the_child(child: Child) -> None:
    child_exit = child.run("print('x' * 100_000)", log="/dev/full")

    assert (child_exit.how, child_exit.code) == ("exit", 0)
