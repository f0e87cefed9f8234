"""Every command prints with --json one JSON document, each object of which says its schema's version."""

import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer

from optfarm.cli import app
from tests.acceptance.commands import Cli

COMMANDS = {
    "up": "up",
    "status": "status",
    "devices": "devices",
    "devices list": "devices list",
    "devices release": "devices release DEVICE --anew",
    "model push": "model push MODEL --name walked",
    "model list": "model list",
    "model show": "model show walked",
    "model rename": "model rename spare spare-2",
    "data push": "data push DATA --name walked",
    "data list": "data list",
    "data rename": "data rename spare spare-2",
    "techniques list": "techniques list",
    "techniques show": "techniques show prune",
    "sweep run": "sweep run walked --recipe openvino --effort quick",
    "sweep list": "sweep list",
    "sweep show": "sweep show SWEEP",
    "sweep watch": "sweep watch SWEEP",
    "sweep rename": "sweep rename SWEEP walked",
    "sweep cancel": "sweep cancel SWEEP",
    "report": "report SWEEP",
    "artifact list": "artifact list SWEEP",
    "artifact pull": "artifact pull SWEEP openvino --to FOLDER/artifact",
    "profile": "profile walked --runs 2 --output FOLDER/trace.json",
    "verify": "verify SWEEP --sample 1",
    "bundle export": "bundle export SWEEP --to FOLDER/sweep.tar",
    "bundle verify": "bundle verify FOLDER/sweep.tar",
    "task show": "task show TASK",
    "task logs": "task logs TASK",
    "task replay": "task replay TASK --folder FOLDER/task",
    "down": "down --folder FOLDER/none",
}
"""Every command → how it is typed, in the order in which they can be walked."""
FURTHER = ("report SWEEP --max-loss 1%", "report SWEEP --format mlperf", "report SWEEP --format mlperf --to FOLDER/m")


def names(group: Any, *before: str) -> set[str]:
    """The commands of a group and of those within it; one that does something by itself counts too."""
    found = set()
    for name, command in group.commands.items():
        found |= names(command, *before, name) if hasattr(command, "commands") else {" ".join((*before, name))}
        found |= {" ".join((*before, name))} if getattr(command, "invoke_without_command", False) else set()
    return found


def test_the_walk_misses_no_command() -> None:
    assert names(typer.main.get_command(app)) == set(COMMANDS)


@pytest.fixture(scope="module")
def words(farm: Cli, tiny_models: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What stands in the commands for what there is."""
    folder = tmp_path_factory.mktemp("walk")
    data, model = folder / "data.npz", tiny_models / "float32.tflite"
    image, speed = np.ones((4, 8, 8, 3), np.float32), np.ones((4, 1), np.float32)
    np.savez(data, **{"test/image": image, "test/speed": speed})
    for noun, path in (("model", model), ("data", data)):
        farm.ok(noun, "push", str(path), "--name", "spare")
    farm.ok("model", "push", str(model), "--name", "walked")
    sweep = farm.json("sweep", "run", "walked", "--recipe", "openvino", "--effort", "quick", "--fresh")["id"]
    farm.run("sweep", "watch", sweep)
    task = next(each["id"] for each in farm.json("sweep", "show", sweep)["tasks"] if each["log"])
    (device,) = (each["inventory"] for each in farm.json("devices") if each["is_alive"])
    found = {"SWEEP": sweep, "TASK": task, "MODEL": str(model), "DATA": str(data), "FOLDER": str(folder)}
    return found | {"DEVICE": f"{device['host']}.{device['slot']}"}


@pytest.mark.parametrize("line", [*COMMANDS.values(), *FURTHER])
def test_every_json_says_its_version(line: str, farm: Cli, words: dict[str, str]) -> None:
    for name, value in words.items():
        line = line.replace(name, value)

    ended = farm.run(*shlex.split(line), "--json")

    assert ended.code in {0, 1}, ended.err + ended.out
    answer = json.loads(ended.out)
    objects = answer if isinstance(answer, list) else [answer]
    assert all(each["schema_version"] == 1 for each in objects)
    assert objects or "list" in line
