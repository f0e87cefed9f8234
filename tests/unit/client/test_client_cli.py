"""The command line starts at once, explains itself, and ends with the code that its help names."""

import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from optfarm.cli.output import plain
from tests.unit.scheduler_stub import Answer, serving

HEAVY = {"httpx", "pydantic", "numpy", "h5py", "tenacity", "yaml", "psutil", "tensorflow", "celery", "boto3", "pandas"}


def optfarm(*words: str, **env: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OPTFARM_")}
    return subprocess.run(
        [sys.executable, "-c", "from optfarm.cli import main; main()", *words],
        env=kept | env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("words", "typer_s_own"),
    [(["--help"], set()), (["sweep", "run", "--help"], {"pydantic"}), (["up", "--help"], {"pydantic"})],
)
def test_help_imports_nothing_heavy(words: list[str], typer_s_own: set[str]) -> None:
    script = f"""
import json, sys
from optfarm.cli import app
try:
    app({words!r})
except SystemExit:
    print(json.dumps(sorted(sys.modules)), file=sys.stderr)
"""

    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)

    assert "Usage" in ended.stdout
    assert HEAVY & set(json.loads(ended.stderr.splitlines()[-1])) <= typer_s_own


def test_it_tells_its_version() -> None:
    assert optfarm("--version").stdout == f"optfarm {version('optfarm')}\n"


def test_help_names_every_exit_code() -> None:
    said = optfarm("--help").stdout

    assert all(f"{code} " in said for code in (0, 1, 2, 3, 4, 5, 130))


def test_no_farm_is_said_at_once_with_what_to_do(tmp_path: Path) -> None:
    ended = optfarm("devices", XDG_CONFIG_HOME=str(tmp_path))

    assert ended.returncode == 4
    assert "optfarm up" in ended.stderr
    assert ended.stdout == ""


@pytest.mark.parametrize(("status", "code"), [(401, 5), (403, 5), (404, 3), (422, 2), (500, 4)])
def test_a_refusal_ends_with_its_code(status: int, code: int, tmp_path: Path) -> None:
    with serving(lambda _: Answer(status, {})) as stub:
        ended = optfarm("sweep", "list", OPTFARM_URL=stub.url, XDG_CONFIG_HOME=str(tmp_path))

    assert ended.returncode == code
    assert ended.stderr.startswith("error: ")


def test_an_absence_is_told_on_stderr_and_json_stays_clean(tmp_path: Path) -> None:
    answers = [Answer(0), Answer(200, [])]
    with serving(lambda _: answers.pop(0)) as stub:
        ended = optfarm("devices", "--json", OPTFARM_URL=stub.url, XDG_CONFIG_HOME=str(tmp_path))

    assert json.loads(ended.stdout) == []
    assert "retrying" in ended.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["sweep", "run"],
        ["sweep", "run", "model", "--threads", "many"],
        ["sweep", "run", "model", "--memory", "lots"],
        ["sweep", "run", "model", "--file", "none.yaml"],
        ["sweep", "run", "./none"],
        ["model", "push", "none.tflite"],
        ["data", "push", "none.npz"],
        ["task", "replay", "no-such-folder", "--folder", "."],
        ["up", "--no-worker", "--workers", "2"],
        ["up", "--host", "no host"],
        ["nonsense"],
    ],
)
def test_bad_input_ends_with_2(words: list[str], tmp_path: Path) -> None:
    ended = optfarm(*words, OPTFARM_URL="http://127.0.0.1:9", OPTFARM_RETRY_S="0", XDG_CONFIG_HOME=str(tmp_path))

    assert ended.returncode == 2, ended.stderr


def test_settings_that_do_not_fit_are_told(tmp_path: Path) -> None:
    ended = optfarm("devices", OPTFARM_URL="farm.example", XDG_CONFIG_HOME=str(tmp_path))

    assert ended.returncode == 2
    assert "http://host:port" in ended.stderr


def test_completion_knows_the_commands() -> None:
    env = {"_OPTFARM_COMPLETE": "complete_bash", "COMP_WORDS": "optfarm sw", "COMP_CWORD": "1"}
    binary = str(Path(sys.executable).parent / "optfarm")

    ended = subprocess.run([binary], env=os.environ | env, capture_output=True, text=True, timeout=60, check=False)

    assert "sweep" in ended.stdout


def test_a_log_cannot_steer_the_terminal() -> None:
    said = "\x1b]0;owned\x07red \x1b[31mtext\x1b[0m\x00\r\n\t10%\r20%\n"

    assert plain(said) == "?]0;owned?red ?[31mtext?[0m?\n\t10%\n20%\n".replace("?", "\N{REPLACEMENT CHARACTER}")
