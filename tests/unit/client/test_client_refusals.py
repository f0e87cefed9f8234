"""What people type wrongly, and what they read then: the reason first and once, in the words of the command line.

Nothing here reaches a farm; tests/acceptance/test_cli_refusals.py has what a farm refuses.
"""

import json
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest

from optfarm.cli import main

FLAGS = {
    "--threads 0": "--threads is 0; it takes 1 or more, or auto",
    "--threads 5000": "--threads is 5000; it takes 1024 or less, or auto",
    "--threads many": "--threads 'many': write whole numbers, parted by commas, or auto",
    "--threads ''": "--threads '': write whole numbers, parted by commas, or auto",
    "--threads 1,0": "--threads is 0; it takes 1 or more, or auto",
    "--batch-sizes -1": "--batch-sizes is -1; it takes 1 or more, or auto",
    "--batch-sizes 999999": "--batch-sizes is 999999; it takes 65536 or less, or auto",
    "--batch-sizes 1.5": "--batch-sizes '1.5': write whole numbers, parted by commas, or auto",
    "--timeout 0": "--timeout is 0s; it takes more than 0s",
    "--timeout -5": "--timeout is -5s; it takes more than 0s",
    "--timeout nan": "--timeout is nan; it takes a finite number",
    "--timeout inf": "--timeout is inf; it takes a finite number",
    "--timeout soon": "--timeout is 'soon'; it takes a number; see optfarm sweep run --help",
    "--memory 1": "--memory is 1B; it takes 64MiB or more",
    "--memory 9999TB": "--memory is 9999TB; it takes 1024TiB or less",
    "--memory lots": "'lots' is no size; write 2GB or 512MiB",
    "--seed -1": "--seed is -1; it takes 0 or more",
    "--seed 4294967296": "--seed is 4294967296; it takes less than 4294967296",
    "--seed 1.5": "--seed is '1.5'; it takes a whole number; see optfarm sweep run --help",
    "--effort fast": "--effort is 'fast'; it takes quick or full",
    "--profile fast": "--effort is 'fast'; it takes quick or full",
    "--scenario sever": "there is no scenario 'sever'; there are single-stream, offline and server",
    "--scenario server": "--scenario server needs a limit on the latency of its queries: --latency-limit 50ms",
    "--latency-limit 50ms": "--latency-limit belongs to the scenario server; add --scenario server",
    "--scenario server --latency-limit 0ms": "--latency-limit is 0ms; it takes more than 0ms",
    "--scenario server --latency-limit 5": "'5' is no duration; write 50ms or 0.2s",
    "--scenario server --latency-limit 5ms --batch-sizes auto": "a query of --scenario server has a given number of "
    "samples: --batch-sizes is one, not auto",
    "--techniques ''": "--techniques names none; leave it out for all of them",
    "--techniques 'prune(sparsity'": "'prune(sparsity' is no step of a recipe; write name or name(parameter=value, …)",
    "--recipe ''": "'' is no step of a recipe; write name or name(parameter=value, …)",
    "--recipe 'prune(0.5)'": "'0.5' in 'prune(0.5)' is no parameter; write parameter=value",
    "--trials 3": "--trials belongs to a search; add --search",
    "--search --trials 0": "a search of 0 trials tries nothing; give at least 1",
    "--search --minutes -1": "a search of -1 minutes tries nothing; give more than 0",
    "--search --max-steps 99": "a recipe of 99 steps cannot be; give 1 to 6",
    "--search --sampler dice": "there is no sampler 'dice'; there are tpe, nsga2",
    "--file none.yaml": "none.yaml cannot be read: No such file or directory",
    "--file list.yaml": "list.yaml holds no settings; write at least `model: NAME`",
    "--file broken.yaml": "broken.yaml is no YAML: ",
    "--file misspelt.yaml": "there is no setting 'effrt'; did you mean 'effort'?",
    "--file twice.yaml": "'recipes' and 'techniques' are one setting; keep one of them",
    "--thread 2": "No such option: --thread (Possible options: --threads, --trials); see optfarm sweep run --help",
}
"""Flags of `sweep run model` → what is said."""

COMMANDS = {
    "sweep run": "which model? Give its path or its name: optfarm sweep run MODEL",
    "sweep run ./none": "there is no model at none",
    "sweep run model --data ./none.npz": "there is no data set at none.npz",
    "model push none.tflite": "there is no model at none.tflite",
    "model push empty": "empty is an empty folder, not a model",
    "data push none.npz": "there is no data set at none.npz",
    "data push xy.npz": "xy.npz holds x_train, y_train, which would all be inputs of the test split, for they have no "
    "slash; rename x_train to train/x, y_train to train/labels; an input that is called so is test/x_train",
    "data push good.npz --name a/b": "--name 'a/b' is no name: it has a '/', which would make it a path",
    "data push good.npz --name ''": "--name '' is no name: it is empty",
    "data push good.npz --name ' x'": "--name ' x' is no name: it begins or ends with a space",
    "data push .hidden.npz": ".hidden.npz cannot give its own name: it begins with '.'; give it another with --name",
    f"data push {'x' * 101}.npz": f"{'x' * 101}.npz cannot give its own name: it has 101 characters, and a name has up "
    "to 100; give it another with --name",
    "model rename old a/b": "'a/b' is no name: it has a '/', which would make it a path",
    "report x --max-loss lots": "--max-loss 'lots' is no number; write 0.5% or 0.005",
    "report x --format mlperff": "--format: 'mlperff' is not one of 'optimum-benchmark', 'mlperf', 'model-analyzer'; "
    "see optfarm report --help",
    "report x --to y": "--to is the folder for the files of --format",
    "report x --format mlperf --wide": "--format goes alone, or with --to and --json",
    "report x --csv --markdown": "--json, --csv and --markdown exclude each other; give one of them",
    "report": "Missing argument 'sweep'; see optfarm report --help",
    "profile model --runs 0": "--runs is '0'; it takes 1 or more; see optfarm profile --help",
    "profile model --runs 1001": "--runs is '1001'; it takes 1000 or less; see optfarm profile --help",
    "profile model --batch-size 0": "--batch-size is '0'; it takes 1 or more; see optfarm profile --help",
    "profile model --output no/folder.json": "no/folder.json cannot be written: there is no such folder",
    "profile model --output empty": "empty cannot be written: it is a folder",
    "verify x --sample 0": "--sample is '0'; it takes 1 or more; see optfarm verify --help",
    "bundle verify none.tar": "there is no file none.tar",
    "bundle verify good.npz": "good.npz ",
    "task replay empty --folder .": ". is not empty; to run what lies there: optfarm task replay .",
    "status --folder nowhere": "there is no farm in ",
    "up --no-worker --workers 2": "--no-worker, --workers and --host exclude each other; see optfarm up --help",
    "up --host 'a b'": "'a b' is no host name: letters, digits, '-' and '_'; see optfarm up --help",
    "up --workers 65": "--workers is '65'; it takes 64 or less; see optfarm up --help",
    "nonsense": "No such command 'nonsense'; see optfarm --help",
    "sweep nonsense": "No such command 'nonsense'; see optfarm sweep --help",
}
"""Whole commands → what is said."""

CODES = {"status --folder nowhere": 3}
"""All others end with 2."""
CASES = {**{f"sweep run model {flags}": said for flags, said in FLAGS.items()}, **COMMANDS}


@pytest.fixture(autouse=True)
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with the files that the commands name, a user without a configuration, and no farm."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("OPTFARM_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("OPTFARM_RETRY_S", "0")
    for name in ("OPTFARM_FOLDER", "OPTFARM_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "empty").mkdir()
    for name, text in {
        "list.yaml": "[1]",
        "broken.yaml": "model: [",
        "misspelt.yaml": "model: m\neffrt: quick\n",
        "twice.yaml": "model: m\nrecipes: [a]\ntechniques: [b]\n",
    }.items():
        (tmp_path / name).write_text(text)
    x, y = np.ones((4, 3), np.float32), np.zeros(4, np.int64)
    np.savez(tmp_path / "xy.npz", x_train=x, y_train=y)
    for name in ("good", ".hidden", "x" * 101):
        np.savez(tmp_path / f"{name}.npz", **{"test/x": x, "test/labels": y})


def typed(line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["optfarm", *shlex.split(line)])
    with pytest.raises(SystemExit) as ended:
        main()
    out, err = capsys.readouterr()
    return int(str(ended.value.code)), out, err


@pytest.mark.parametrize("line", CASES)
def test_a_wrong_input_is_told_once_in_the_words_of_the_command_line(
    line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = typed(line, monkeypatch, capsys)

    assert err.startswith(f"error: {CASES[line]}"), err
    assert (code, out) == (CODES.get(line, 2), "")
    lines = [each.strip() for each in err.splitlines()]
    assert len(set(lines)) == len(lines)
    assert not any(word in err for word in ("Input should", "Value error", "Extra inputs", "Errno", "Traceback"))


@pytest.mark.parametrize("line", [line for line in CASES if "--csv" not in line and "--wide" not in line])
def test_under_json_the_same_is_told_as_json(
    line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = typed(f"{line} --json", monkeypatch, capsys)

    answer = json.loads(out)
    assert answer["schema_version"] == 1
    assert set(answer["error"]) == {"reason", "message", "exit_code"}
    assert answer["error"]["message"].startswith(CASES[line])
    assert answer["error"]["exit_code"] == code == CODES.get(line, 2)
    assert err == ""


def test_there_are_many_of_them() -> None:
    assert len(CASES) >= 60


@pytest.mark.parametrize(
    ("env", "said", "code"),
    [
        ({"OPTFARM_CONFIG": "none.toml"}, "OPTFARM_CONFIG names none.toml, and there is no such file", 2),
        ({"OPTFARM_CONFIG": "broken.yaml"}, "broken.yaml is no TOML", 2),
        ({"OPTFARM_URL": "farm.example"}, "OPTFARM_URL is 'farm.example'; write http://host:port", 2),
        ({"OPTFARM_RETRY_S": "soon"}, "OPTFARM_RETRY_S is 'soon'; it takes a number", 2),
        ({"OPTFARM_RETRY_S": "-1"}, "OPTFARM_RETRY_S is '-1'; it takes 0 or more", 2),
        ({}, "scheduler unreachable at http://127.0.0.1:9", 4),
    ],
)
def test_settings_that_do_not_hold_are_told_by_their_variables(
    env: dict[str, str], said: str, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in env.items():
        monkeypatch.setenv(name, value)

    ended, _, err = typed("devices", monkeypatch, capsys)

    assert said in err
    assert ended == code
