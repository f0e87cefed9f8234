"""The farm in one folder: it starts, survives the loss of each part, keeps its data, and leaves nothing behind."""

import json
import signal
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from optfarm import Farm
from optfarm.download import pull
from optfarm_tasks.schema.tree import scan
from tests.acceptance.commands import Cli
from tests.waiting import until


def parts_of(farm: Cli) -> dict[str, dict[str, Any]]:
    ended = farm.run("status", "--json")
    assert ended.code in {0, 4}, ended.err
    return {part["name"]: part for part in json.loads(ended.out)["parts"]}


def processes_of(folder: Path) -> list[psutil.Process]:
    """Every process that works in the farm's folder or was started for it."""

    def belongs(process: psutil.Process) -> bool:
        try:
            return any(str(folder) in word for word in [*process.cmdline(), *process.environ().values()])
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            return False

    return [process for process in psutil.process_iter() if belongs(process)]


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cli]:
    cli = Cli(tmp_path_factory.mktemp("embedded"))
    cli.ok("up", timeout_s=90)
    yield cli
    cli.ok("down", timeout_s=60)


@pytest.fixture(scope="module")
def tones(farm: Cli, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set that was pushed."""
    file = tmp_path_factory.mktemp("data") / "tones.npz"
    np.savez(file, **{"test/x": np.ones((4, 3), np.float32), "calibration/x": np.zeros((8, 3), np.float32)})
    farm.ok("data", "push", str(file))
    return file


def pulled(farm: Cli, folder: Path) -> Path:
    """The first data set of the farm, read back from its object store."""
    settings = tomllib.loads((farm.folder / "optfarm.toml").read_text())
    with Farm(settings["url"], settings["token"]) as opened:
        found = opened.data_set("tones")
        return pull(opened.connection, found.tree, folder)


def test_every_part_runs_and_is_well(farm: Cli) -> None:
    status = farm.json("status")

    assert [part["name"] for part in status["parts"]] == ["supervisor", "broker", "s3", "scheduler", "worker"]
    assert {part["state"] for part in status["parts"]} == {"RUNNING"}
    assert {part["health"] for part in status["parts"]} == {"ok"}
    assert all(part["pid"] and part["rss_bytes"] > 0 for part in status["parts"])
    assert len(status["devices"]) == 1
    assert status["queue"] == {"sweeps": 0, "tasks": 0}


def test_starting_what_runs_changes_nothing(farm: Cli) -> None:
    before = {name: part["pid"] for name, part in parts_of(farm).items()}

    again = farm.run("up")

    assert "waiting for" not in again.err
    assert {name: part["pid"] for name, part in parts_of(farm).items()} == before


def test_other_workers_are_refused_while_it_runs(farm: Cli) -> None:
    ended = farm.run("up", "--host", "gamma")

    assert ended.code == 2
    assert "optfarm down" in ended.err


def test_only_its_owner_can_read_the_credentials(farm: Cli) -> None:
    for name in ("optfarm.toml", "farm.json", "broker.conf"):
        assert (farm.folder / name).stat().st_mode & 0o077 == 0
    secret = tomllib.loads((farm.folder / "optfarm.toml").read_text())["s3_secret_key"]
    assert not any(secret in " ".join(process.cmdline()) for process in processes_of(farm.folder))


def test_it_listens_on_loopback_only(farm: Cli) -> None:
    pids = {part["pid"] for part in parts_of(farm).values()}

    listening = [
        each for each in psutil.net_connections("inet") if each.pid in pids and each.status == psutil.CONN_LISTEN
    ]

    assert listening
    assert {each.laddr.ip for each in listening} == {"127.0.0.1"}


@pytest.mark.parametrize("name", ["broker", "s3", "scheduler", "worker"])
def test_a_part_that_is_killed_comes_back_with_its_data(farm: Cli, tones: Path, tmp_path: Path, name: str) -> None:
    before = parts_of(farm)[name]["pid"]

    psutil.Process(before).send_signal(signal.SIGKILL)

    until(lambda: parts_of(farm)[name]["pid"] not in {None, before}, deadline_s=15)
    until(lambda: {part["health"] for part in parts_of(farm).values()} == {"ok"}, deadline_s=60)
    assert scan(pulled(farm, tmp_path / "data")).files[0].sha256 == scan(tones).files[0].sha256


def test_a_killed_supervisor_is_replaced_by_the_next_start(farm: Cli, tones: Path, tmp_path: Path) -> None:
    psutil.Process(parts_of(farm)["supervisor"]["pid"]).send_signal(signal.SIGKILL)

    assert parts_of(farm)["supervisor"]["state"] == "STOPPED"
    farm.ok("up", timeout_s=90)

    assert {part["health"] for part in parts_of(farm).values()} == {"ok"}
    assert scan(pulled(farm, tmp_path / "data")).files[0].sha256 == scan(tones).files[0].sha256


@pytest.mark.usefixtures("tones")
def test_orphans_of_a_killed_supervisor_are_stopped_too(farm: Cli) -> None:
    psutil.Process(parts_of(farm)["supervisor"]["pid"]).send_signal(signal.SIGKILL)

    farm.ok("down", timeout_s=60)

    assert processes_of(farm.folder) == []
    farm.ok("up", timeout_s=90)
    assert [each["name"] for each in farm.json("data", "list")] == ["tones"]


@pytest.mark.usefixtures("tones")
def test_a_push_says_what_a_name_meant_until_then(farm: Cli, tmp_path: Path) -> None:
    (before,) = farm.json("data", "list")
    np.savez(tmp_path / "tones.npz", **{"test/x": np.zeros((4, 3), np.float32)})

    ended = farm.run("data", "push", str(tmp_path / "tones.npz"))

    assert ended.code == 0, ended.err
    assert f"tones meant something else until now, which is still there as {before['digest']}" in ended.err


def test_down_leaves_no_process_and_can_be_said_twice(farm: Cli) -> None:
    assert farm.json("down")["did_run"] is True
    assert processes_of(farm.folder) == []
    assert farm.json("down")["did_run"] is False
    assert farm.run("status").code == 4

    for words in (("devices",), ("sweep", "list"), ("model", "show", "x"), ("report", "x")):
        ended = farm.run(*words, timeout_s=10)
        assert ended.code == 4
        assert ended.err == f"error: the farm in {farm.folder} is down; start it: optfarm up\n"

    farm.ok("up", timeout_s=90)


def test_the_state_of_a_folder_without_a_farm_is_refused(farm: Cli, tmp_path: Path) -> None:
    ended = farm.run("status", "--folder", str(tmp_path))

    assert ended.code == 3
    assert ended.err == f"error: there is no farm in {tmp_path}; start one there: optfarm up --folder {tmp_path}\n"
    assert ended.out == ""


def test_the_table_of_devices_has_a_heading_for_each_cell(farm: Cli) -> None:
    status, alone, listed = farm.ok("status"), farm.ok("devices"), farm.ok("devices", "list")

    headings = next(line for line in status.splitlines() if line.startswith("device ")).split()
    assert headings == ["device", "state", "health", "hardware", "labels", "toolchains"]
    assert alone == listed


def test_a_wrong_token_is_refused(farm: Cli) -> None:
    url = tomllib.loads((farm.folder / "optfarm.toml").read_text())["url"]

    elsewhere = url.replace("127.0.0.1", "localhost")

    assert farm.run("devices", OPTFARM_URL=url, OPTFARM_TOKEN=url).code == 5
    assert farm.run("devices", OPTFARM_URL=elsewhere).code == 5


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")

    ended = Cli(tmp_path / "file" / "farm").run("up", XDG_CONFIG_HOME=str(tmp_path))

    assert ended.code == 2
    assert "cannot hold a farm" in ended.err


def test_a_part_that_does_not_come_up_is_named_with_the_end_of_its_log(tmp_path: Path) -> None:
    cli = Cli(tmp_path)
    (tmp_path / "broker").mkdir()
    (tmp_path / "broker" / "appendonlydir").write_text("a file where the broker wants a folder")

    ended = cli.run("up", "--no-worker", timeout_s=90)

    assert ended.code == 4
    assert "broker" in ended.err
    assert "appendonlydir" in ended.err
    assert processes_of(tmp_path) == []
