"""Canaries of a device that a person releases while one is on its way, in a real database."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from optfarm_scheduler.decisions.actions import Dispatch, Expire, SendCanary
from optfarm_scheduler.decisions.schedule import schedule
from optfarm_scheduler.errors import LeaseLost
from optfarm_scheduler.store.ledger import Resolution
from optfarm_tasks.errors import Reason
from optfarm_tasks.schema.health import HealthState
from optfarm_tasks.schema.lease import Claim, Finish, Lease
from optfarm_tasks.schema.result import Failure
from optfarm_tasks.schema.spec import Kind
from tests.integration.scheduler_store import DEVICE, Store, a_store
from tests.results import a_canary, a_result

EVERY_S = 600.0
"""Canaries run so often while it is not known what is usual."""
DAY_S = 86_400.0
"""And so often afterwards."""


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    with a_store(database_url) as made:
        yield made


def begin(store: Store, *, now: float) -> tuple[Lease, int]:
    """Sends the device's next canary and claims it."""
    store.apply(SendCanary(DEVICE, store.devices.known()[0].canary_at), now=now)
    (canary,) = (task for task in store.ledger.open_tasks() if task.kind is Kind.CANARY)
    store.ready(canary.id, now=now)
    ((_, token, _),) = store.apply(Dispatch(canary.id, DEVICE), now=now)
    return store.leases.claim(canary.id, Claim(token=token, device=DEVICE), now=now), token


def end(store: Store, lease: Lease, token: int, *, now: float, compute_ms: float = 1.0) -> frozenset[str | None]:
    result = a_result(Kind.CANARY, key=lease.key).model_copy(update={"facts": a_canary(compute_ms=compute_ms)})
    finish = Finish(token=token, result=result, finished_at=datetime.now(UTC))
    return store.leases.finish(lease.task_id, finish, now=now)


def quarantine(store: Store) -> float:
    """Eight usual canaries and a slow one; gives the time after them."""
    for number, compute_ms in enumerate([1.0] * 8 + [2.0]):
        now = 100.0 + EVERY_S * number
        end(store, *begin(store, now=now), now=now + 1, compute_ms=compute_ms)
    assert store.devices.find(DEVICE, now=now).health.state is HealthState.QUARANTINED
    return now + EVERY_S


def test_a_canary_concerns_every_sweep_whether_it_ends_well_or_not(store: Store) -> None:
    failure = Failure(reason=Reason.INTERNAL, message="it failed on purpose")

    good = end(store, *begin(store, now=100.0), now=101.0)
    lease, token = begin(store, now=200.0)
    failed = store.leases.finish(
        lease.task_id, Finish(token=token, failure=failure, finished_at=datetime.now(UTC)), now=201.0
    )

    assert good == failed == {None}


@pytest.mark.parametrize(("anew", "after"), [(False, HealthState.GOOD), (True, HealthState.UNTESTED)])
def test_a_canary_under_way_at_a_release_counts_for_nothing(store: Store, anew: bool, after: HealthState) -> None:
    now = quarantine(store)
    lease, token = begin(store, now=now)

    store.devices.release(DEVICE, anew=anew, now=now + 1)

    with pytest.raises(LeaseLost, match=f"{lease.task_id} is cancelled"):
        end(store, lease, token, now=now + 2, compute_ms=2.0)
    assert store.devices.find(DEVICE, now=now + 2).health.state is after


def test_a_canary_whose_result_is_found_after_a_release_counts_for_nothing(store: Store) -> None:
    now = quarantine(store)
    lease, _ = begin(store, now=now)
    store.apply(Expire(lease.task_id), now=now)
    slow = a_result(Kind.CANARY, key=lease.key).model_copy(update={"facts": a_canary(compute_ms=2.0)})

    store.devices.release(DEVICE, anew=False, now=now + 1)

    assert store.ledger.settle([Resolution(lease.task_id, lease.key, slow)], now=now + 2) == set()
    assert store.devices.find(DEVICE, now=now + 2).health.state is HealthState.GOOD


def test_a_canary_decided_before_a_release_is_not_sent_after_it(store: Store) -> None:
    now = quarantine(store)
    presence = replace(store.devices.known()[0], last_seen_at=now)
    store.sweeps.cancel("a", now=now)
    decided = schedule(store.ledger.open_tasks(), [presence], now)

    store.devices.release(DEVICE, anew=False, now=now + 1)

    assert decided == (SendCanary(DEVICE, presence.canary_at),)
    store.apply(*decided, now=now + 2)
    assert store.ledger.open_tasks() == []
    later = replace(store.devices.known()[0], last_seen_at=now + DAY_S)
    assert schedule([], [later], now + DAY_S) == ()
    assert schedule([], [replace(later, last_seen_at=now + 1 + DAY_S)], now + 1 + DAY_S) != ()
