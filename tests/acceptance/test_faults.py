"""Parts of the farm die while a sweep runs; the sweep ends with every result, once."""

import contextlib
import signal
import tomllib
from collections.abc import Callable, Iterable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import psutil
import pytest
import redis
from redis.backoff import ConstantBackoff
from redis.retry import Retry

from tests.acceptance.commands import Cli
from tests.waiting import until

_seeds = count(1)


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cli]:
    """A farm that only the tests of this module break."""
    cli = Cli(tmp_path_factory.mktemp("broken"))
    cli.ok("up", timeout_s=60)
    yield cli
    cli.ok("down", timeout_s=60)


def part(farm: Cli, name: str) -> psutil.Process:
    """The process of a part of the farm."""
    (found,) = (each for each in farm.json("status")["parts"] if each["name"] == name)
    return psutil.Process(found["pid"])


def kill_part(name: str) -> Callable[[Cli], None]:
    def strike(farm: Cli) -> None:
        struck = part(farm, name)
        struck.send_signal(signal.SIGKILL)
        struck.wait(5)
        until(lambda: farm.run("status").code == 0, deadline_s=30)

    return strike


def kill_child(farm: Cli) -> None:
    def killed() -> bool:
        # A child may end by itself at any moment, and then the next one is as good.
        with contextlib.suppress(psutil.NoSuchProcess):
            for each in part(farm, "worker").children(recursive=True):
                if "optfarm_tasks" in " ".join(each.cmdline()):
                    each.kill()
                    return True
        return False

    until(killed, deadline_s=60)


def flush_broker(farm: Cli) -> None:
    settings = tomllib.loads((farm.folder / "optfarm.toml").read_text())
    with redis.Redis.from_url(settings["broker_url"], retry=Retry(ConstantBackoff(0.1), 50)) as broker:
        broker.flushall()


def tasks_of(farm: Cli, sweep_id: str) -> list[dict[str, Any]]:
    tasks: list[dict[str, Any]] = farm.json("sweep", "show", sweep_id)["tasks"]
    return tasks


def running(farm: Cli, sweep_id: str) -> set[tuple[str, int]]:
    """The tasks that run, each with its attempt."""
    return {(task["id"], task["attempt"]) for task in tasks_of(farm, sweep_id) if task["state"] == "running"}


def survive(farm: Cli, model: Path, strikes: Iterable[Callable[[Cli], None]], *, loses_attempts: bool) -> None:
    """Strikes again and again while a sweep of the model runs, and lets it end."""
    unseen = ("--effort", "quick", "--seed", str(next(_seeds)))
    sweep_id = farm.json("sweep", "run", str(model), "--name", "notes", *unseen, "--recipe", "openvino")["id"]
    struck: set[tuple[str, int]] = set()
    for strike in strikes:
        until(lambda struck=struck: running(farm, sweep_id) - struck, deadline_s=60)
        struck = running(farm, sweep_id) if loses_attempts else set()
        strike(farm)

    ended = farm.run("sweep", "watch", sweep_id, timeout_s=240)

    assert ended.code == 0, ended.err
    tasks = tasks_of(farm, sweep_id)
    assert {task["state"] for task in tasks} == {"done"}
    assert len({task["key"] for task in tasks}) == len(tasks)
    rows: list[dict[str, Any]] = farm.json("report", sweep_id)["rows"]
    assert sorted(row["recipe"] for row in rows) == ["baseline", "openvino"]
    assert all(row["measurement"] for row in rows)


def test_a_sweep_survives_its_child_and_its_worker(farm: Cli, basic_pitch: Path) -> None:
    strikes = (kill_child, kill_part("worker"))

    survive(farm, basic_pitch.with_suffix(".tflite"), strikes, loses_attempts=True)


def test_a_sweep_survives_each_server_and_an_empty_broker(farm: Cli, basic_pitch: Path) -> None:
    strikes = (kill_part("s3"), kill_part("scheduler"), kill_part("broker"), flush_broker)

    survive(farm, basic_pitch.with_suffix(".tflite"), strikes, loses_attempts=False)
