"""A byte that changes on the disk of the object store: it is noticed, told by name, and healed by the next push."""

import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from optfarm_storage.s3 import S3Store
from optfarm_tasks.errors import DamagedObject, Reason
from optfarm_tasks.schema.sweep import SweepState, TaskState
from optfarm_worker.store import Objects
from tests.integration.scheduler_farm import Farm, a_farm
from tests.servers import S3Server, serving
from tests.waiting import until

FIRST, AGAIN = "0000000000d1", "0000000000d2"
NOTICED_WITHIN_S = 130
MODEL = os.urandom(300_000)
DIGEST = hashlib.sha256(MODEL).hexdigest()


@pytest.fixture
def farm(tmp_path: Path) -> Iterator[Farm]:
    with serving(S3Server(tmp_path)) as store, a_farm(tmp_path, store) as made:
        # The test's worker sends no heartbeats while it fetches.
        made.schedule(tmp_path / "farm.db", OPTFARM_PRESENCE_S="60")
        made.push("model", MODEL)
        yield made


def flip_a_byte_of(content: bytes, folder: Path) -> None:
    """Changes a byte of an object where the server keeps it."""
    piece = content[1000:1064]
    places = [(path, path.read_bytes().find(piece)) for path in folder.rglob("*.dat")]
    ((path, place),) = [each for each in places if each[1] >= 0]
    with path.open("r+b") as file:
        file.seek(place)
        file.write(bytes([piece[0] ^ 1]))


def wanted(farm: Farm) -> list[str]:
    """What a push of the model would have to send."""
    file = {"path": "model.keras", "sha256": DIGEST, "size_bytes": len(MODEL)}
    return [upload["sha256"] for upload in farm.user.post("/v1/blobs", json=[file]).json()]


def test_a_flipped_byte_is_noticed_told_and_healed_by_the_next_push(farm: Farm, tmp_path: Path) -> None:
    worker = farm.new_worker()
    worker.register()
    farm.submit(FIRST)
    lease, token = worker.claimed()
    flip_a_byte_of(MODEL, tmp_path / "weed")

    with closing(S3Store(farm.bucket)) as bare:
        store, began = Objects(bare), time.monotonic()
        with pytest.raises(DamagedObject, match=DIGEST):
            store.fetch(DIGEST, tmp_path / "fetched")
        took_s = time.monotonic() - began
        before = wanted(farm)
        assert worker.fail(lease, token, Reason.DAMAGED_OBJECT, damaged=(DIGEST,)).is_success
        told = wanted(farm)
        farm.push("model", MODEL)
        store.fetch(DIGEST, tmp_path / "fetched")

    assert took_s < NOTICED_WITHIN_S
    assert (before, told, wanted(farm)) == ([], [DIGEST], [])
    assert (tmp_path / "fetched").read_bytes() == MODEL
    failure = farm.status(FIRST).tasks[0].failure
    assert failure is not None
    assert (failure.reason, failure.damaged) == (Reason.DAMAGED_OBJECT, (DIGEST,))
    worker.start()
    farm.submit(AGAIN)
    until(lambda: farm.status(AGAIN).state is not SweepState.RUNNING, deadline_s=30)
    assert {task.state for task in farm.status(AGAIN).tasks} == {TaskState.DONE}
    worker.stop()


def test_an_empty_database_is_filled_from_the_bucket(farm: Farm, tmp_path: Path) -> None:
    farm.push("other", b"another model")
    first = int(time.time())
    until(lambda: time.time() > first + 1, deadline_s=3)  # the bucket keeps times in seconds
    farm.push("model", b"a later model")
    worker = farm.new_worker()
    worker.register()
    worker.start()
    farm.submit(FIRST)
    until(lambda: farm.status(FIRST).state is not SweepState.RUNNING, deadline_s=30)
    known = farm.user.get("/v1/models").json()
    farm.scheduler.kill()
    for leftover in tmp_path.glob("farm.db*"):
        leftover.unlink()
    farm.store.kill()

    farm.schedule(tmp_path / "farm.db")
    empty = farm.user.get("/v1/models").json()
    farm.store.start()
    until(lambda: len(farm.user.get("/v1/models").json()) == len(known), deadline_s=30)

    def shown(models: list[dict[str, object]]) -> list[tuple[object, object]]:
        return [(model["name"], model["digest"]) for model in models]

    found = farm.user.get("/v1/models").json()
    until(lambda: "catalog_rebuilt" in (tmp_path / "scheduler.log").read_text(), deadline_s=10)
    assert empty == []
    assert sorted(shown(found)) == sorted(shown(known))
    assert farm.user.get("/v1/models/model").json()["digest"] == shown(known)[0][1]
    until(lambda: bool(farm.user.get("/v1/devices").json()), deadline_s=10)
    receipt = farm.submit(AGAIN)
    worker.stop()
    assert receipt.cached == receipt.tasks
