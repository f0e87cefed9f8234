"""`sweep run --search` as a user sees it, against a scheduler that answers at once."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.search_farm import SearchFarm, broken
from tests.waiting import until

BINARY = str(Path(sys.executable).parent / "optfarm")


def optfarm(url: str, *words: str, launch: str | None = None) -> subprocess.CompletedProcess[str]:
    command = [BINARY] if launch is None else [sys.executable, "-c", launch]
    words = ("sweep", "run", "m", "--data", "d", "--search", *words)
    env = os.environ | {"OPTFARM_URL": url, "COLUMNS": "200"}
    return subprocess.run([*command, *words], env=env, capture_output=True, text=True, timeout=60, check=False)


def test_the_command_prints_progress_the_front_and_how_to_fetch_it() -> None:
    with SearchFarm().url() as url:
        ended = optfarm(url, "--trials", "8")

    assert ended.returncode == 0, ended.stderr
    assert "4 of 8 trials" in ended.stderr
    assert "the fastest so far is" in ended.stderr
    assert "left out place" in ended.stderr
    assert "speed-up [95%]" in ended.stdout
    assert "optfarm artifact pull" in ended.stdout


def test_json_is_all_that_stands_on_stdout() -> None:
    with SearchFarm().url() as url:
        ended = optfarm(url, "--trials", "4", "--json")

    told = json.loads(ended.stdout)
    assert len(told["trials"]) == 5
    assert told["front"]
    assert {"recipe", "size_mb", "speed_up_low", "loss", "sweep", "pull"} <= set(told["front"][0]) | {"recipe"}


def test_a_search_in_which_all_fails_ends_with_1() -> None:
    with SearchFarm(make=broken).url() as url:
        ended = optfarm(url, "--trials", "4")

    assert ended.returncode == 1
    assert "unsupported_op: no kernel for Igamma" in ended.stdout


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--trials", "0"], "0 trials"),
        (["--minutes", "0"], "0 minutes"),
        (["--sampler", "luck"], "'luck'"),
        (["--max-steps", "0"], "0 steps"),
    ],
)
def test_bad_input_ends_with_2_and_nothing_is_asked(words: list[str], why: str) -> None:
    ended = optfarm("http://127.0.0.1:9", *words)

    assert ended.returncode == 2
    assert why in ended.stderr


def test_options_of_a_search_need_one() -> None:
    words = [BINARY, "sweep", "run", "m", "--trials", "4"]
    ended = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)

    assert ended.returncode == 2
    assert "--trials belongs to a search; add --search" in ended.stderr


def test_without_optuna_the_command_says_how_to_install_it() -> None:
    launch = "import sys; sys.modules['optuna'] = None; from optfarm.cli import main; main()"

    ended = optfarm("http://127.0.0.1:9", launch=launch)

    assert ended.returncode == 2
    assert "pip install 'optfarm[search]'" in ended.stderr


def test_a_farm_that_refuses_midway_leaves_the_front_so_far() -> None:
    with SearchFarm(away_after=2).url() as url:
        ended = optfarm(url, "--trials", "12")

    assert ended.returncode == 2
    assert "speed-up [95%]" in ended.stdout


def test_ctrl_c_prints_the_front_so_far_and_how_to_go_on() -> None:
    there = SearchFarm(held_after=2)
    with there.url() as url:
        words = [BINARY, "sweep", "run", "m", "--data", "d", "--search", "--trials", "40"]
        env = os.environ | {"COLUMNS": "200", "OPTFARM_URL": url}
        process = subprocess.Popen(words, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        until(lambda: len(there.sweeps) > 2, deadline_s=30)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)

    assert process.returncode == 130
    assert f"optfarm sweep cancel {list(there.sweeps)[2]}" in err
    assert "The same command again goes on" in err
    assert "speed-up [95%]" in out
    assert "Traceback" not in err
