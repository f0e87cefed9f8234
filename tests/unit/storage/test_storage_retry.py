"""A retrying store waits for a store that is away, and only then."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from optfarm_storage.errors import Denied, Unavailable
from optfarm_storage.local import LocalStore
from optfarm_storage.retry import Retry
from optfarm_storage.store import ObjectStore
from tests.integration.stores import Flaky

EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.fixture
def local(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


@pytest.mark.parametrize(
    ("call", "answer"),
    [
        (lambda store, _: store.put("a", b"", sha256=EMPTY), None),
        (lambda store, folder: store.get("stored", folder / "got", sha256=EMPTY), None),
        (lambda store, _: store.read("stored"), b""),
        (lambda store, _: store.sizes(iter(["stored"])), {"stored": 0}),
        (lambda store, _: store.put_new("b", b"new"), True),
    ],
)
def test_a_store_that_is_away_is_asked_again(
    local: LocalStore, tmp_path: Path, call: Callable[[ObjectStore, Path], object], answer: object
) -> None:
    local.put("stored", b"", sha256=EMPTY)
    flaky = Flaky(local, Unavailable("away"), Unavailable("away"))

    assert call(Retry(flaky), tmp_path) == answer
    assert flaky.calls == 3


def test_a_refusal_is_final(local: LocalStore) -> None:
    flaky = Flaky(local, Denied("no"))

    with pytest.raises(Denied):
        Retry(flaky).read("a")

    assert flaky.calls == 1


def test_patience_ends(local: LocalStore) -> None:
    flaky = Flaky(local, *(Unavailable("away") for _ in range(100)))

    with pytest.raises(Unavailable, match="away"):
        Retry(flaky, patience_s=0.3).read("a")

    assert 1 < flaky.calls < 10


def test_nobody_waits_when_the_call_is_cancelled(local: LocalStore) -> None:
    cancelled = threading.Event()
    cancelled.set()
    flaky = Flaky(local, *(Unavailable("away") for _ in range(100)))

    with pytest.raises(Unavailable):
        Retry(flaky, cancelled=cancelled).read("a")

    assert flaky.calls == 1


def test_who_was_first_but_did_not_hear_it_learns_it_from_the_next_try(local: LocalStore) -> None:
    assert Retry(Flaky(local, Unavailable("broke off"), after=True)).put_new("a", b"mine")


def test_who_was_second_and_did_not_hear_it_learns_it_from_the_next_try(local: LocalStore) -> None:
    local.put_new("a", b"theirs")

    assert not Retry(Flaky(local, Unavailable("broke off"), after=True)).put_new("a", b"mine")


def test_progress_counts_bytes_once(local: LocalStore) -> None:
    reported: list[int] = []

    Retry(Flaky(local, Unavailable("away"), Unavailable("away"))).put("a", b"", sha256=EMPTY, progress=reported.append)

    assert reported == [7, 3]


def test_each_retry_is_logged(local: LocalStore, capsys: pytest.CaptureFixture[str]) -> None:
    Retry(Flaky(local, Unavailable("http://store does not answer"))).put("a", b"", sha256=EMPTY)

    assert "store_unavailable" in capsys.readouterr().out
