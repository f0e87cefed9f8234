"""Everything that may come between a worker's task and its end."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from optfarm_tasks.errors import Reason
from tests.integration.programs import STAYS, SUCCEEDS
from tests.integration.worker_farm import KEY, Farm, worker_farm
from tests.waiting import until


@pytest.fixture
def farm(tmp_path: Path) -> Iterator[Farm]:
    with worker_farm(tmp_path) as made:
        yield made


def test_a_cancel_kills_the_whole_tree_within_two_seconds(farm: Farm) -> None:
    farm.offer("t1", STAYS)
    thread = farm.start("t1")
    until(lambda: len(farm.children()) == 2, deadline_s=10)

    farm.desk.take_back("t1")

    until(lambda: not farm.children(), deadline_s=2)
    thread.join(5)
    assert not farm.desk.finishes
    until(lambda: not farm.leftovers(), deadline_s=5)


def test_a_scheduler_that_stays_away_costs_the_lease(farm: Farm) -> None:
    farm.offer("t1", STAYS, ttl_s=1.0)
    thread = farm.start("t1")
    until(lambda: len(farm.children()) == 2, deadline_s=10)

    farm.desk.is_away = True

    until(lambda: not farm.children(), deadline_s=4)
    thread.join(5)
    assert not thread.is_alive()


def test_a_finish_waits_for_the_scheduler_to_come_back(farm: Farm) -> None:
    farm.offer("t1", SUCCEEDS.replace("import json", "import time; time.sleep(0.5); import json"))
    thread = farm.start("t1")
    until(lambda: farm.desk.claims, deadline_s=10)

    farm.desk.is_away = True
    until((farm.store.folder / f"{KEY}.json").exists, deadline_s=10)
    farm.desk.is_away = False
    thread.join(10)

    until(lambda: "t1" in farm.desk.finishes, deadline_s=10)
    assert farm.desk.finishes["t1"].result is not None


def test_a_worker_that_is_stopped_hands_its_task_back(farm: Farm) -> None:
    farm.offer("t1", STAYS)
    thread = farm.start("t1")
    until(lambda: len(farm.children()) == 2, deadline_s=10)

    farm.task_runner.stop()

    until(lambda: not farm.children(), deadline_s=2)
    thread.join(5)
    until(lambda: "t1" in farm.desk.finishes, deadline_s=5)
    failure = farm.desk.finishes["t1"].failure
    assert failure is not None
    assert failure.reason is Reason.WORKER_LOST


def test_a_child_starts_only_when_the_delivery_before_it_is_over(farm: Farm) -> None:
    farm.offer("first", SUCCEEDS, key="1" * 64)
    farm.offer("second", SUCCEEDS, key="2" * 64)
    farm.store.is_open.clear()
    farm.task_runner.carry_out("first", 1)

    thread = farm.start("second")
    until(lambda: len(farm.desk.claims) == 2, deadline_s=5)
    thread.join(0.5)  # time in which it would start, if it did not wait
    assert thread.is_alive()
    assert not farm.children()
    farm.store.is_open.set()
    thread.join(10)

    until(lambda: "second" in farm.desk.finishes, deadline_s=5)
    first, second = (farm.desk.finishes[name].result for name in ("first", "second"))
    assert first is not None
    assert second is not None


def test_a_cancel_ends_the_wait_for_a_store_that_is_away(farm: Farm) -> None:
    farm.offer("t1", SUCCEEDS)
    farm.store.is_open.clear()
    farm.task_runner.carry_out("t1", 1)
    assert farm.leftovers()

    farm.desk.take_back("t1")

    until(lambda: not farm.leftovers(), deadline_s=5)
    assert not farm.desk.finishes
