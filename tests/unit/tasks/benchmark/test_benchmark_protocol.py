"""The commands to a resident process and its replies, as frames."""

import io
import subprocess
import sys
from typing import Any

import pytest

from optfarm_tasks.benchmark.process import protocol

MESSAGES = (
    protocol.PlaceOnCores(cores=(2, 3)),
    protocol.Load("a.runtime", folder="/m", threads=1, batch_size=2, seed=3),
    protocol.Load("a.runtime", "/m", 1, 2, 3, data="/d", split={"arrays": [{"name": "x"}]}, device="gpu"),
    protocol.WarmUp(max_ns=5),
    protocol.TimeBlock(min_ns=1, min_requests=2, max_ns=3, request_ns=4.5),
    protocol.Serve(rate_per_s=10.5, queries=2, seed=3, latency_limit_ns=4, allowed_late=1),
    protocol.Confine(ceiling_bytes=1 << 40),
    protocol.TimeRung(batch_size=4, min_ns=1, min_requests=2, max_ns=3),
    protocol.Finish(repeats=3),
    protocol.Quit(),
    protocol.Placed(is_shielded=True),
    protocol.Loaded(load_ns=1, inputs=("x",), warnings=(), has_device_clock=True),
    protocol.WarmedUp(is_steady=False, request_ns=1.5, group=2, samples=b"\0\1"),
    protocol.Timed(b"\0\1\2"),
    protocol.Timed(b"", elapsed_ns=1, process_cpu_ns=2),
    protocol.Done(),
    protocol.RungTimed(peak_rss_bytes=1, samples=b"\xff"),
    protocol.Finished(peak_rss_bytes=2, floor_rss_bytes=1, precision="int8", is_deterministic=True),
    protocol.Failed("bad_model", "it is é"),
)


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_a_message_comes_back_as_it_was_sent(message: Any) -> None:
    stream = io.BytesIO()

    protocol.send(stream, message)
    stream.seek(0)

    assert protocol.receive(stream) == message


def test_every_message_has_been_sent_by_these_tests() -> None:
    assert {type(message) for message in MESSAGES} == {*protocol.COMMANDS, *protocol.REPLIES}


def test_a_resident_imports_nothing_that_starts_threads_before_it_is_pinned() -> None:
    imported = "import optfarm_tasks.benchmark.process.resident, sys; print(*sys.modules)"

    found = subprocess.run([sys.executable, "-c", imported], capture_output=True, text=True, check=True)

    assert not {"numpy", "tensorflow", "pydantic"} & set(found.stdout.split())
