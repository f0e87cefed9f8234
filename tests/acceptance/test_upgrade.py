"""A farm folder that an earlier version left behind, under the present code: sweeps, reports and cache are there."""

import json
import shutil
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from optfarm.embedded import layout
from optfarm_tasks.errors import Reason
from optfarm_tasks.schema.device import Inventory
from optfarm_tasks.schema.result import Result
from optfarm_tasks.schema.sweep import SweepReceipt
from tests.acceptance.commands import Cli
from tests.fakeworker import FakeWorker
from tests.recorded import FOLDER, holds, in_present_words

STATES = {
    "947f08054249": "done",
    "56cc2ff42e9d": "done",
    "f2588555b963": "done",
    "51dc86d240fb": "done",
    "689873e88742": "cancelled",
    "7f0589a50c9e": "running",
}
RUNNING = "7f0589a50c9e"


@pytest.fixture(scope="module")
def upgraded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cli]:
    """The recorded farm, started by the present code; its one device is played by a worker that does no work."""
    folder = tmp_path_factory.mktemp("upgrade")
    shutil.unpack_archive(FOLDER / "farm.tar.xz", folder)
    cli = Cli(folder / "farm")
    # The recorded ports may be another farm's by now.
    recorded = layout.load(cli.folder)
    assert recorded is not None
    layout.save(replace(recorded, ports=layout.new_layout(()).ports), cli.folder)
    (cli.folder / "s3/mini.options").unlink()
    cli.ok("up", "--no-worker", timeout_s=90)
    yield cli
    cli.ok("down", timeout_s=60)


@pytest.fixture(scope="module")
def device(upgraded: Cli) -> Iterator[FakeWorker]:
    """The device that took the measurements, with the hardware and the toolchain that it had."""
    settings = tomllib.loads((upgraded.folder / "optfarm.toml").read_text())
    (known,) = upgraded.json("devices")
    with httpx.Client(
        base_url=settings["url"], headers={"Authorization": f"Bearer {settings['worker_token']}"}, timeout=20
    ) as http:
        worker = FakeWorker(
            http, settings["broker_url"], _stores_nothing, inventory=Inventory.model_validate(known["inventory"])
        )
        worker.register()
        yield worker


def _stores_nothing(result: Result) -> None:
    raise AssertionError(f"nothing of this is to be done again: {result.key}")


def recorded_spec(sweep_id: str) -> dict[str, Any]:
    """What a sweep was asked for, in the words of that version."""
    specs: dict[str, dict[str, Any]] = json.loads((FOLDER / "specs.json").read_text())
    return specs[sweep_id]


def test_the_sweeps_are_there_in_their_states(upgraded: Cli) -> None:
    assert {each["id"]: each["state"] for each in upgraded.json("sweep", "list")} == STATES


@pytest.mark.parametrize("file", sorted((FOLDER / "reports").glob("*.json")), ids=lambda file: file.stem)
def test_a_report_says_what_it_said(upgraded: Cli, file: Path) -> None:
    before = in_present_words(json.loads(file.read_text()))

    assert holds(upgraded.json("report", file.stem), before)


def test_an_artifact_of_before_is_pulled_and_checked(upgraded: Cli, tmp_path: Path) -> None:
    upgraded.ok("artifact", "pull", "947f08054249", "tflite-float32", "--to", str(tmp_path / "out"))

    assert [file.suffix for file in (tmp_path / "out").iterdir()] == [".tflite"]


@pytest.mark.usefixtures("device")
@pytest.mark.parametrize("sweep_id", ["56cc2ff42e9d", "f2588555b963", "51dc86d240fb"])
def test_the_same_sweep_again_is_answered_from_the_store(upgraded: Cli, sweep_id: str) -> None:
    settings = tomllib.loads((upgraded.folder / "optfarm.toml").read_text())
    again = f"a{sweep_id[1:]}"

    answer = httpx.put(
        f"{settings['url']}/v1/sweeps/{again}",
        json=recorded_spec(sweep_id),
        headers={"Authorization": f"Bearer {settings['token']}"},
        timeout=20,
    )

    assert answer.is_success, answer.text
    receipt = SweepReceipt.model_validate_json(answer.content)
    assert receipt.cached == receipt.tasks > 0


def test_a_sweep_that_was_under_way_goes_on(device: FakeWorker) -> None:
    device.register()

    lease, token = device.claimed()
    while lease.sweep_id is None:
        device.fail(lease, token, Reason.TIMEOUT)  # a canary was under way too
        lease, token = device.claimed()

    assert lease.sweep_id == RUNNING
