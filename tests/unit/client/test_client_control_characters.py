"""Whatever a model, a log or a failure says, it cannot steer the terminal of who reads it."""

import json
import os
import pty
import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

import pytest

from optfarm_tasks.errors import Reason
from optfarm_tasks.schema.recipe import Recipe
from optfarm_tasks.schema.result import Failure
from optfarm_tasks.schema.spec import Kind
from optfarm_tasks.schema.sweep import TaskState, TaskStatus
from tests.unit.client.test_client_progress import sweep
from tests.unit.reports import failed, report
from tests.unit.scheduler_stub import Answer, Asked, serving

EVIL = "\x1b]0;owned\x07\x1b[31mred\x00 \x9b2J"
WHY = Failure(reason=Reason.BAD_MODEL, message=f"cannot read {EVIL}", log_tail=(f"log {EVIL}",))
NOW = datetime(2026, 1, 1, tzinfo=UTC)
TASK = TaskStatus(
    id="a-001",
    sweep_id="a",
    kind=Kind.CONVERT,
    label=f"prune {EVIL}",
    recipe=Recipe.parse("prune"),
    device="alpha.cpu",
    state=TaskState.FAILED,
    cached=False,
    attempt=1,
    key=None,
    progress=None,
    failure=WHY,
    log=None,
    depends_on=(),
    queued_at=NOW,
    started_at=NOW,
    finished_at=NOW,
)


def answer(asked: Asked) -> Answer:
    found: Any = {
        "/v1/tasks/a-001": TASK,
        "/v1/sweeps/a": sweep(TASK),
        "/v1/sweeps/a/report": report(failed("prune", WHY)).model_copy(update={"model": f"m{EVIL}"}),
    }.get(asked.path)
    problem = {"title": "t", "status": 404, "detail": f"there is no {EVIL}"}
    return Answer(404, problem) if found is None else Answer(200, found.model_dump_json().encode())


def on_terminal(*words: str) -> str:
    """What a command writes to a terminal, on stdout and stderr together."""
    with serving(answer) as stub:
        env = {name: value for name, value in os.environ.items() if not name.startswith("OPTFARM_")}
        env |= {"OPTFARM_URL": stub.url, "TERM": "dumb", "OPTFARM_RETRY_S": "0"}
        ours, theirs = pty.openpty()
        command = [sys.executable, "-c", "from optfarm.cli import main; main()", *words]
        process = subprocess.Popen(command, env=env, stdin=theirs, stdout=theirs, stderr=theirs)
        os.close(theirs)
        return _everything(ours, process)


def _everything(terminal: int, process: "subprocess.Popen[bytes]") -> str:
    read = b""
    try:
        while piece := os.read(terminal, 4096):
            read += piece
    except OSError:  # Linux says so when the last writer has gone
        pass
    finally:
        os.close(terminal)
        process.wait(timeout=30)
    return read.decode()


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("task show a-001", "failed, bad_model: cannot read"),
        ("sweep show a", "a-001"),
        ("report a", "failed, bad_model: cannot read"),
        ("report a --markdown", "failed, bad_model: cannot read"),
        ("report a --csv", "bad_model"),
        ("model show x", "error: there is no"),
    ],
)
def test_what_others_wrote_reaches_no_terminal_raw(words: str, shown: str) -> None:
    text = on_terminal(*words.split())

    assert shown in text
    assert _signs(text) == set()


def _signs(text: str) -> set[str]:
    return {sign for sign in ("\x1b]", "\x07", "\x00", "\x9b", "\x1b[31m") if sign in text}


def test_in_json_it_is_escaped_and_comes_back_whole() -> None:
    text = on_terminal("task", "show", "a-001", "--json")

    assert _signs(text) == set()
    assert json.loads(text)["failure"]["message"] == f"cannot read {EVIL}"


def test_a_counter_of_bytes_says_no_question_mark() -> None:
    script = "from optfarm.cli.output import moving\nwith moving('pushing x') as moved:\n    moved(10_500_000)\n"
    ours, theirs = pty.openpty()
    process = subprocess.Popen([sys.executable, "-c", script], stderr=theirs, env=os.environ | {"TERM": "xterm"})
    os.close(theirs)

    text = _everything(ours, process)

    assert "10.5 MB" in text
    assert "?/" not in text
    assert "/?" not in text
