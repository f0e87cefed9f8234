"""`sweep run` and `sweep watch` as a user sees them, against a scheduler that says what a test wants."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from optfarm_tasks.schema.sweep import SweepReceipt, SweepReport, SweepState, SweepStatus, TaskState
from tests.unit.client.test_client_progress import sweep, task
from tests.unit.reports import report, row
from tests.unit.scheduler_stub import Answer, Asked, serving

BINARY = str(Path(sys.executable).parent / "optfarm")
RECEIPT = SweepReceipt(id="abc", tasks=2, cached=1, devices=("alpha.cpu",), skipped=(), warnings=("few samples",))


def plain(message: Any) -> Any:
    return json.loads(message.model_dump_json())


def scheduler(*states: SweepStatus, facts: SweepReport) -> Any:
    """Answers with the states in order, the last for ever, and with the report."""
    left = list(states)

    def answer(asked: Asked) -> Answer:
        if asked.path == "/v1/techniques":
            return Answer(200, [])
        if asked.path.endswith("/events"):
            return Answer(404, {})
        if asked.path.endswith("/report"):
            return Answer(200, plain(facts))
        if asked.method == "PUT":
            return Answer(200, plain(RECEIPT))
        return Answer(200, plain(left.pop(0) if len(left) > 1 else left[0]))

    return answer


def start(url: str, *words: str) -> subprocess.Popen[str]:
    env = os.environ | {"OPTFARM_URL": url}
    return subprocess.Popen([BINARY, *words], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


DONE = sweep(task("1", TaskState.DONE), state=SweepState.DONE)
FAILED = sweep(task("1", TaskState.FAILED), state=SweepState.DONE)
RUNNING = sweep(task("1", TaskState.RUNNING))


@pytest.mark.parametrize(("last", "code"), [(DONE, 0), (FAILED, 1)])
def test_waiting_tells_what_happens_and_ends_with_the_table(last: SweepStatus, code: int) -> None:
    with serving(scheduler(RUNNING, last, facts=report(row("tflite-int8")))) as stub:
        process = start(stub.url, "sweep", "run", "pilotnet", "--recipe", "tflite-int8", "--wait")
        out, err = process.communicate(timeout=30)

    assert process.returncode == code
    assert "tflite-int8" in out
    assert "alpha.cpu" in out
    assert "[0/1] convert tflite-int8 on alpha.cpu runs" in err
    assert "warning: few samples" in err


def test_json_of_a_submit_is_the_receipt_and_of_a_wait_the_report() -> None:
    with serving(scheduler(DONE, facts=report(row("tflite-int8")))) as stub:
        words = ["sweep", "run", "pilotnet", "--techniques", "tflite-int8", "--json"]
        submitted, _ = start(stub.url, *words).communicate(timeout=30)
        waited, _ = start(stub.url, *words, "--wait").communicate(timeout=30)

    assert json.loads(submitted)["id"] == "abc"
    assert json.loads(waited)["rows"][0]["recipe"] == "tflite-int8"


def test_ctrl_c_detaches_and_says_how_to_watch_again() -> None:
    with serving(scheduler(RUNNING, facts=report())) as stub:
        process = start(stub.url, "sweep", "watch", "abc")
        assert process.stderr is not None
        process.stderr.readline()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)

    assert process.returncode == 130
    assert "optfarm sweep watch abc" in err


def test_a_file_s_settings_yield_to_flags(tmp_path: Path) -> None:
    file = tmp_path / "sweep.yaml"
    file.write_text("model: pilotnet\nrecipes: [tflite-int8]\nprofile: full\nlimits: {timeout_s: 5}\n")

    with serving(scheduler(DONE, facts=report())) as stub:
        words = ["--file", str(file), "--effort", "quick", "--memory", "1GB", "--threads", "1,2"]
        process = start(stub.url, "sweep", "run", *words)
        _, err = process.communicate(timeout=30)
        (sent,) = (json.loads(asked.body) for asked in stub.asked if asked.method == "PUT")

    assert process.returncode == 0, err
    assert sent["effort"] == "quick"
    assert sent["limits"] == {"timeout_s": 5.0, "memory_bytes": 10**9}
    assert sent["threads"] == [1, 2]
