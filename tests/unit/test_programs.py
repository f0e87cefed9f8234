"""The programs beside `optfarm` explain themselves and refuse what they do not know."""

import subprocess
import sys
from pathlib import Path

import pytest

BIN = Path(sys.executable).parent


@pytest.mark.parametrize("program", ["optfarm-scheduler", "optfarm-worker"])
def test_help_is_printed_and_nothing_started(program: str) -> None:
    ended = subprocess.run([str(BIN / program), "--help"], capture_output=True, text=True, timeout=60, check=False)

    assert ended.returncode == 0
    assert ended.stdout.startswith(f"usage: {program}")
    assert "OPTFARM_CONFIG" in ended.stdout
    assert ended.stderr == ""


@pytest.mark.parametrize("program", ["optfarm-scheduler", "optfarm-worker"])
def test_an_unknown_option_is_refused(program: str) -> None:
    ended = subprocess.run([str(BIN / program), "--colour"], capture_output=True, text=True, timeout=60, check=False)

    assert ended.returncode == 2
    assert "--colour" in ended.stderr


def test_wrong_settings_of_the_scheduler_are_told_by_their_variables(tmp_path: Path) -> None:
    env = {"OPTFARM_CONFIG": str(tmp_path / "none.toml"), "OPTFARM_LISTEN_PORT": "99999"}

    program = str(BIN / "optfarm-scheduler")
    ended = subprocess.run([program], env=env, capture_output=True, text=True, timeout=60, check=False)

    assert ended.returncode == 2
    assert "OPTFARM_LISTEN_PORT is '99999'; it takes 65535 or less" in ended.stderr
    assert "OPTFARM_TOKEN is missing" in ended.stderr
