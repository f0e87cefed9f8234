"""Parts of the farm die while a sweep runs; the sweep ends with every result, once."""

import signal
import tomllib
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import psutil
import pytest
import redis

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
        part(farm, name).send_signal(signal.SIGKILL)

    return strike


def kill_child(farm: Cli) -> None:
    family = part(farm, "worker").children(recursive=True)
    child = next(each for each in family if "optfarm_tasks" in " ".join(each.cmdline()))
    child.send_signal(signal.SIGKILL)


def flush_broker(farm: Cli) -> None:
    settings = tomllib.loads((farm.folder / "optfarm.toml").read_text())
    with redis.Redis.from_url(settings["broker_url"]) as broker:
        broker.flushall()


def tasks_of(farm: Cli, sweep_id: str) -> list[dict[str, Any]]:
    tasks: list[dict[str, Any]] = farm.json("sweep", "show", sweep_id)["tasks"]
    return tasks


def survive(farm: Cli, strike: Callable[[Cli], None], model: Path, *words: str) -> list[dict[str, Any]]:
    """Strikes while a sweep of the model runs and lets it end; gives the rows of its report."""
    unseen = ["--profile", "quick", "--seed", str(next(_seeds))]
    sweep_id = farm.json("sweep", "run", str(model), "--name", "notes", *unseen, *words)["id"]
    until(lambda: any(task["state"] == "running" for task in tasks_of(farm, sweep_id)), deadline_s=60)

    strike(farm)
    ended = farm.run("sweep", "watch", sweep_id, timeout_s=240)

    assert ended.code == 0, ended.err
    tasks = tasks_of(farm, sweep_id)
    assert {task["state"] for task in tasks} == {"done"}
    assert len({task["key"] for task in tasks}) == len(tasks)
    rows: list[dict[str, Any]] = farm.json("report", sweep_id)["rows"]
    assert all(row["measurement"] for row in rows)
    return rows


@pytest.mark.parametrize(
    "strike",
    [
        pytest.param(kill_child, id="child"),
        pytest.param(kill_part("worker"), id="worker"),
        pytest.param(kill_part("s3"), id="s3"),
    ],
)
def test_a_conversion_survives(farm: Cli, basic_pitch: Path, strike: Callable[[Cli], None]) -> None:
    rows = survive(farm, strike, basic_pitch.with_suffix(".tflite"), "--recipe", "openvino")

    assert sorted(row["recipe"] for row in rows) == ["baseline", "openvino"]


@pytest.mark.parametrize(
    "strike",
    [
        pytest.param(kill_part("scheduler"), id="scheduler"),
        pytest.param(kill_part("broker"), id="broker"),
        pytest.param(flush_broker, id="flushall"),
    ],
)
def test_a_measurement_survives(farm: Cli, basic_pitch: Path, strike: Callable[[Cli], None]) -> None:
    model = basic_pitch.with_suffix(".tflite")

    rows = survive(farm, strike, model, "--recipe", "baseline", "--threads", "1,2")

    assert sorted(row["threads"] for row in rows) == [1, 2]
