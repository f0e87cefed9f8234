"""Frames between the controller and a resident, and where both are placed."""

import io
import os

import pytest

from optfarm_tasks.benchmark.process import protocol, shield
from optfarm_tasks.benchmark.process.protocol import Quit, Timed


def test_frames_come_one_after_the_other_as_they_were_sent() -> None:
    stream = io.BytesIO()

    protocol.send(stream, Timed(b"\0\1\2", elapsed_ns=1))
    protocol.send(stream, Quit())
    stream.seek(0)

    assert protocol.receive(stream) == Timed(b"\0\1\2", elapsed_ns=1)
    assert protocol.receive(stream) == Quit()


@pytest.mark.parametrize("kept_bytes", [0, 3, 9, -1])
def test_a_frame_that_was_cut_short_is_no_frame(kept_bytes: int) -> None:
    stream = io.BytesIO()
    protocol.send(stream, Timed(b"12345"))

    with pytest.raises(protocol.Closed):
        protocol.receive(io.BytesIO(stream.getvalue()[:kept_bytes]))


def test_sending_to_nobody_is_an_error() -> None:
    reader, writer = os.pipe()
    os.close(reader)

    with os.fdopen(writer, "wb", buffering=0) as stream, pytest.raises(protocol.Closed):
        protocol.send(stream, Quit())


@pytest.mark.parametrize(
    ("allowed", "threads", "expected"),
    [
        ({0, 1, 2, 3}, 1, ((3,), (0, 1, 2))),
        ({3, 9, 5}, 2, ((5, 9), (3,))),
        ({0, 1}, 2, ((0, 1), ())),
    ],
)
def test_residents_get_the_last_cores_and_the_controller_the_rest(
    allowed: set[int], threads: int, expected: tuple[tuple[int, ...], tuple[int, ...]]
) -> None:
    assert shield.choose_cores(allowed, threads) == expected


def test_every_known_thread_pool_gets_its_size() -> None:
    environment = shield.thread_environment({"HOME": "/", "OMP_NUM_THREADS": "64"}, 2)

    assert environment["HOME"] == "/"
    assert environment["OMP_NUM_THREADS"] == environment["OPENBLAS_NUM_THREADS"] == "2"
