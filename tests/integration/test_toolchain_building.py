"""`optfarm-worker toolchain` builds environments that workers offer, and leaves nothing behind where it cannot."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from optfarm_worker.settings import read_settings
from optfarm_worker.toolchains import locks
from tests.waiting import until

ROOT = Path(__file__).parents[2]
NEEDED = (
    "annotated-types", "numpy", "platformdirs", "pydantic", "pydantic-core", "pydantic-settings", "python-dotenv",
    "pyyaml", "typing-extensions", "typing-inspection",
)  # fmt: skip
"""What optfarm's tasks import before any framework."""
TOKEN: dict[str, Any] = {"worker_token": "t"}


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    """The lines of the worker's lock for them alone."""
    lines = (ROOT / "requirements/worker.lock").read_text().splitlines()
    file = tmp_path / "small.lock"
    file.write_text("\n".join(line for line in lines if line.partition("==")[0] in NEEDED) + "\n")
    return file


def toolchain(*words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "optfarm_worker", "toolchain", *map(str, words)]
    return subprocess.run(command, check=False, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=240)


def listed(folder: Path) -> dict[str, Any]:
    rows = json.loads(toolchain("list", "--folder", folder, "--json").stdout)
    return {row["name"]: row["python"] for row in rows}


def test_what_was_built_is_offered_by_workers_until_it_is_removed(tmp_path: Path, lock: Path) -> None:
    folder = tmp_path / "toolchains"

    added = toolchain("add", "small", "--folder", folder, "--lock", lock, "--yes", "--json")

    assert added.returncode == 0, added.stderr
    offered = json.loads(added.stdout)
    assert offered["versions"]["optfarm"]
    assert offered["versions"]["numpy"]
    assert listed(folder)["small"] == offered["python"] == str(folder / "small/bin/python")
    settings = read_settings(**TOKEN, toolchain_dir=folder)
    assert settings.toolchains == {"default": Path(sys.executable), "small": folder / "small/bin/python"}
    assert "is built in" in toolchain("add", "small", "--folder", folder, "--lock", lock, "--yes").stderr
    assert toolchain("remove", "small", "--folder", folder, "--yes").returncode == 0
    assert "small" not in listed(folder)
    assert not (folder / "small").exists()


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("add", "nothing", "--yes"), "there is no toolchain 'nothing'; there are "),
        (("add", "../up", "--yes"), "is no name for a toolchain"),
        (("add", "default", "--yes"), "is no name for a toolchain"),
        (("add", "small", "--lock", "absent.lock", "--yes"), "there is no lock absent.lock"),
        (("add", "torch"), "say --yes"),
        (("remove", "small", "--yes"), "no toolchain 'small' was built in"),
    ],
)
def test_what_cannot_be_done_is_said_and_nothing_changes(tmp_path: Path, words: tuple[str, ...], reason: str) -> None:
    refused = toolchain(*words, "--folder", tmp_path / "toolchains")

    assert refused.returncode == 2
    assert reason in refused.stderr
    assert not (tmp_path / "toolchains").exists()


def test_a_lock_that_cannot_be_installed_leaves_nothing(tmp_path: Path) -> None:
    lock = tmp_path / "wrong.lock"
    lock.write_text("numpy==0.0.0.1\n")

    refused = toolchain("add", "wrong", "--folder", tmp_path / "toolchains", "--lock", lock, "--yes")

    assert refused.returncode == 2
    assert "wrong.lock cannot be installed:" in refused.stderr
    assert "numpy==0.0.0.1" in refused.stderr
    assert not (tmp_path / "toolchains/wrong").exists()


def test_ctrl_c_leaves_nothing(tmp_path: Path, lock: Path) -> None:
    words = ("toolchain", "add", "small", "--folder", str(tmp_path / "toolchains"), "--lock", str(lock), "--yes")
    process = subprocess.Popen([sys.executable, "-m", "optfarm_worker", *words], stderr=subprocess.PIPE, text=True)
    until((tmp_path / "toolchains/small").exists, deadline_s=30)

    os.kill(process.pid, signal.SIGINT)

    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "what was begun is removed" in said
    assert not (tmp_path / "toolchains/small").exists()


def test_every_toolchain_of_the_handbook_has_a_lock() -> None:
    handbook = (ROOT / "docs/worker.md").read_text()

    assert {"torch", "torch-cuda", "tf-cuda", "ort-cuda"} <= locks().keys()
    assert [name for name in locks() if f"| `{name}` |" not in handbook] == []


def test_images_build_toolchains_that_there_are() -> None:
    words = [line.split() for line in (ROOT / "deploy/Dockerfile").read_text().splitlines() if "toolchain add" in line]

    assert words
    assert {each[each.index("add") + 1] for each in words} <= locks().keys()
