"""When a lease is lost, and when a consumer is deaf."""

import pytest

from optfarm_worker.lease import Answer, lost_because
from optfarm_worker.watchdog import DEAF_AFTER_S, Suspicion


@pytest.mark.parametrize(
    ("answer", "silent_s", "is_lost"),
    [
        (Answer.KEPT, 0, False),
        (Answer.KEPT, 100, False),
        (Answer.SILENCE, 0, False),
        (Answer.SILENCE, 14.9, False),
        (Answer.SILENCE, 15, True),
        (Answer.SILENCE, 100, True),
        (Answer.REFUSED, 0, True),
    ],
)
def test_a_lease_is_lost_by_a_refusal_or_a_long_silence(answer: Answer, silent_s: float, *, is_lost: bool) -> None:
    why = lost_because(answer, now=1000 + silent_s, held_from=1000, ttl_s=15)

    assert (why is not None) is is_lost


def looks(*seen: tuple[bool, int, float]) -> Suspicion:
    suspicion = Suspicion()
    for is_idle, waiting, now in seen:
        suspicion = suspicion.after(is_idle=is_idle, waiting=waiting, now=now)
    return suspicion


def test_messages_that_wait_for_an_idle_worker_make_it_suspect() -> None:
    suspicion = looks((True, 1, 0.0), (True, 2, 10.0))

    assert not suspicion.is_sure(DEAF_AFTER_S - 1)
    assert suspicion.is_sure(DEAF_AFTER_S)


@pytest.mark.parametrize("between", [(False, 1, 10.0), (True, 0, 10.0)])
def test_work_or_an_empty_queue_clears_a_suspicion(between: tuple[bool, int, float]) -> None:
    suspicion = looks((True, 1, 0.0), between, (True, 1, 12.0))

    assert not suspicion.is_sure(DEAF_AFTER_S + 1)
    assert suspicion.is_sure(12.0 + DEAF_AFTER_S)
