"""One embedded farm for the session, started and stopped as a user does."""

import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.commands import ROOT, Cli


@pytest.fixture(scope="session")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cli]:
    """A running farm with one worker."""
    cli = Cli(tmp_path_factory.mktemp("farm"))
    cli.ok("up", timeout_s=60)
    yield cli
    cli.ok("down", timeout_s=60)


@pytest.fixture(scope="session")
def pilotnet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with model.keras and data.npz: the example's PilotNet, small, trained on a short drive."""
    folder = tmp_path_factory.mktemp("pilotnet")
    example = ROOT / "examples/pilotnet"
    drive = [example / "record.py", folder / "recording.npz", "--tracks", "5", "--steps", "260"]
    learn = [example / "train.py", folder / "recording.npz", folder, "--epochs", "4", "--head", "200"]
    for command in (drive, learn):
        subprocess.run([sys.executable, *map(str, command)], check=True, capture_output=True, timeout=240)
    return folder


@pytest.fixture(scope="session")
def basic_pitch() -> Path:
    """A SavedModel that others trained: audio to notes (basic-pitch 0.4.0)."""
    found = importlib.util.find_spec("basic_pitch")
    assert found is not None, "basic-pitch is not installed: run `make setup`"
    assert found.submodule_search_locations is not None
    return Path(found.submodule_search_locations[0]) / "saved_models/icassp_2022/nmp"


@pytest.fixture(scope="session")
def villain(tmp_path_factory: pytest.TempPathFactory) -> "Villains":
    """Writes a model that misbehaves, by its name in villains.py."""
    return Villains(tmp_path_factory.mktemp("villains"))


class Villains:
    """Makes misbehaving models on demand."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self, name: str) -> Path:
        """The path of the misbehaving model."""
        target = self._folder / f"{name}.h5"
        if not target.exists():
            script = Path(__file__).parent / "villains.py"
            command = [sys.executable, str(script), name, str(target)]
            subprocess.run(command, check=True, capture_output=True, timeout=120)
        return target
