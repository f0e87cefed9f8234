"""The client is patient with a scheduler that is away, and says so; it is clear about everything else."""

import json
import socket
import time
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from optfarm.api import Api
from optfarm.connection import Connection
from optfarm.errors import BadRequest, Broken, NotAllowed, NotFound, Unreachable
from optfarm.settings import ClientSettings
from optfarm.sweep import Sweep
from optfarm_tasks.schema.sweep import SweepState
from tests.unit.client.test_client_progress import sweep
from tests.unit.scheduler_stub import Answer, Asked, serving


def connected(url: str, notices: list[str], retry_s: float = 10) -> Connection:
    settings = ClientSettings.model_validate({"url": url, "token": "secret", "retry_s": retry_s})
    return Connection(settings, notices.append)


def scripted(*answers: Answer) -> Any:
    """Answers in order; the last one for ever."""
    left = list(answers)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]


@pytest.mark.parametrize("failure", [Answer(0), Answer(503, {}), Answer(502, b"bad gateway")])
def test_an_absence_is_waited_out_and_told_once(failure: Answer) -> None:
    notices: list[str] = []

    with serving(scripted(failure, failure, Answer(200, ["here"]))) as stub:
        connection = connected(stub.url, notices)
        answer = connection.get("/v1/devices", list[str])
        connection.close()

    assert answer == ["here"]
    assert len(stub.asked) == 3
    assert len(notices) == 2
    assert "scheduler unreachable" in notices[0]
    assert "retrying" in notices[0]
    assert "again" in notices[1]


def test_every_request_carries_the_token() -> None:
    with serving(scripted(Answer(200, []))) as stub:
        connection = connected(stub.url, [])
        connection.get("/v1/devices", list[str])
        connection.close()

    assert stub.asked[0].headers["Authorization"] == "Bearer secret"


def test_patience_ends_with_a_clear_error() -> None:
    notices: list[str] = []
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        connection = connected(f"http://127.0.0.1:{nobody.getsockname()[1]}", notices, retry_s=0.5)
        began = time.monotonic()
        with pytest.raises(Unreachable, match="refused"):
            connection.get("/v1/devices", list[str])
        connection.close()

    assert time.monotonic() - began < 5
    assert len(notices) == 1


def test_without_patience_it_is_tried_once() -> None:
    with serving(scripted(Answer(503, {}))) as stub:
        connection = connected(stub.url, [], retry_s=0)
        with pytest.raises(Unreachable):
            connection.get("/v1/devices", list[str])
        connection.close()

    assert len(stub.asked) == 1


@pytest.mark.parametrize(("status", "kind"), [(401, NotAllowed), (422, BadRequest), (500, Broken)])
def test_a_refusal_is_not_tried_again(status: int, kind: type[Exception]) -> None:
    with serving(scripted(Answer(status, {}))) as stub:
        connection = connected(stub.url, [])
        with pytest.raises(kind):
            connection.get("/v1/devices", list[str])
        connection.close()

    assert len(stub.asked) == 1


def test_an_answer_of_another_shape_is_no_crash() -> None:
    with serving(scripted(Answer(200, {"hello": 1}))) as stub:
        connection = connected(stub.url, [])
        with pytest.raises(Broken, match="something else"):
            connection.get("/v1/devices", list[str])
        connection.close()


def stream(*states: Any) -> Answer:
    text = "".join(f"event: status\ndata: {state.model_dump_json()}\n\n" for state in states)
    return Answer(200, text.encode(), {"Content-Type": "text/event-stream"})


def test_a_broken_stream_is_taken_up_again() -> None:
    running, done = sweep(), sweep(state=SweepState.DONE)
    streams = scripted(stream(running), Answer(0), stream(running, done))

    def answer(asked: Asked) -> Answer:
        return streams(asked) if asked.path.endswith("/events") else Answer(200, json.loads(running.model_dump_json()))

    with serving(answer) as stub:
        connection = connected(stub.url, [])
        seen = [status.state for status in Sweep("s", Api(connection)).follow()]
        connection.close()

    assert seen[-1] is SweepState.DONE
    assert seen.count(SweepState.DONE) == 1


def test_without_a_stream_the_sweep_is_asked_for_again() -> None:
    states = iter([sweep(), sweep(state=SweepState.DONE)])

    def answer(asked: Asked) -> Answer:
        if asked.path.endswith("/events"):
            return Answer(404, {})
        return Answer(200, json.loads(next(states).model_dump_json()))

    with serving(answer) as stub:
        connection = connected(stub.url, [])
        seen = [status.state for status in Sweep("s", Api(connection)).follow()]
        connection.close()

    assert seen == [SweepState.RUNNING, SweepState.DONE]


def test_a_file_s_token_goes_to_no_other_farm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "optfarm.toml"
    file.write_text('url = "http://127.0.0.1:1"\ntoken = "mine"\n')
    monkeypatch.setenv("OPTFARM_CONFIG", str(file))

    same = ClientSettings.model_validate({})
    other = ClientSettings.model_validate({"url": "http://example.org"})

    assert same.token.get_secret_value() == "mine"
    assert other.token.get_secret_value() == ""


@pytest.mark.parametrize("name", ["", ".", "..", "../sweeps", "a/b"])
def test_a_name_that_nothing_has_asks_for_no_other_path(name: str) -> None:
    with serving(lambda _: Answer(200, {})) as stub:
        connection = connected(stub.url, [])
        for asking in (Api(connection).model, Api(connection).sweep_status, Api(connection).task):
            with pytest.raises(NotFound, match=f"there is no [a-z]+ {name!r}"):
                asking(name)
        connection.close()

    assert stub.asked == []


@pytest.mark.parametrize("name", ["mine#1", "mine?all", "50% off", "mine:v2"])
def test_a_name_is_asked_for_whole(name: str) -> None:
    with serving(lambda _: Answer(404, {"message": "none"})) as stub:
        connection = connected(stub.url, [])
        with pytest.raises(NotFound):
            Api(connection).model(name)
        connection.close()

    assert [unquote(asked.path) for asked in stub.asked] == [f"/v1/models/{name}"]
