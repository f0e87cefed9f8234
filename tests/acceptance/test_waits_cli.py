"""What a user sees while something else on the machine holds its lock."""

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.commands import Cli
from tests.waiting import until


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    return tmp_path / "machine.lock"


@pytest.fixture
def farm(tmp_path: Path, lock: Path) -> Iterator[Cli]:
    """A farm whose worker locks a file of this test's own."""
    cli = Cli(tmp_path / "farm")
    cli.ok("up", "--no-worker", timeout_s=60)
    settings = {"OPTFARM_CONFIG": str(cli.folder / "optfarm.toml"), "OPTFARM_IDLE_LOCK": str(lock)}
    with cli.start("--device", "cpu", "--host", "alpha", program="optfarm-worker", **settings) as worker:
        until(lambda: bool(cli.json("devices")), deadline_s=60)
        yield cli
        worker.terminate()
        worker.communicate(timeout=60)
    cli.ok("down", timeout_s=60)


def waiting_task(farm: Cli, sweep_id: str) -> dict[str, Any] | None:
    tasks = farm.json("sweep", "show", sweep_id)["tasks"]
    return next((task for task in tasks if task["waiting"] and task["waiting"]["reason"] == "machine"), None)


def test_a_task_that_waits_for_the_machine_is_shown_with_who_holds_it_and_since_when(
    farm: Cli, lock: Path, basic_pitch: Path
) -> None:
    model = basic_pitch.with_suffix(".tflite")
    descriptor = os.open(lock, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    sweep_id = farm.json("sweep", "run", str(model), "--name", "notes", "--effort", "quick", "--recipe", "openvino")[
        "id"
    ]
    watching = farm.start("sweep", "watch", sweep_id)

    until(lambda: waiting_task(farm, sweep_id) is not None, deadline_s=60)
    task = waiting_task(farm, sweep_id)
    assert task is not None
    shown, as_json = farm.ok("task", "show", task["id"]), farm.json("task", "show", task["id"])
    whole = farm.ok("sweep", "show", sweep_id)
    os.close(descriptor)
    _, told = watching.communicate(timeout=300)

    waits = f"process {os.getpid()} ("
    assert waits in shown
    assert "holds this machine's lock, for " in shown
    assert as_json["waiting"]["since"]
    assert [holder["pid"] for holder in as_json["waiting"]["holders"]] == [os.getpid()]
    assert f"waits: {waits}" in whole
    assert "1 task is before it on" in whole
    assert f"waits: {waits}" in told
    assert watching.returncode == 0
    assert waiting_task(farm, sweep_id) is None
