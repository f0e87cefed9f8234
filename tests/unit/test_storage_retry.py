"""A retrying store waits for a store that is away, and only then."""

import threading
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from optfarm_storage.errors import Denied, StorageError, Unavailable
from optfarm_storage.local import LocalStore
from optfarm_storage.retry import Retry
from optfarm_storage.store import ObjectStore, OnProgress, untold

EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


class Flaky:
    """A store that fails some times, before or after it has done what was asked."""

    def __init__(self, store: ObjectStore, *errors: StorageError, after: bool = False) -> None:
        self._store = store
        self._errors = list(errors)
        self._after = after
        self.calls = 0

    def put(self, key: str, source: Path | bytes, *, sha256: str, progress: OnProgress = untold) -> None:
        progress(7)
        self._trouble()
        self._store.put(key, source, sha256=sha256)
        progress(3)

    def put_new(self, key: str, content: bytes) -> bool:
        if self._after:
            done = self._store.put_new(key, content)
        self._trouble()
        return done if self._after else self._store.put_new(key, content)

    def get(self, key: str, target: Path, *, sha256: str, progress: OnProgress = untold) -> None:
        progress(4)
        self._trouble()
        self._store.get(key, target, sha256=sha256, progress=progress)

    def read(self, key: str) -> bytes:
        self._trouble()
        return self._store.read(key)

    def sizes(self, keys: Iterable[str]) -> dict[str, int]:
        self._trouble()
        return self._store.sizes(keys)

    def _trouble(self) -> None:
        self.calls += 1
        if self._errors:
            raise self._errors.pop(0)


@pytest.fixture
def local(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


def test_a_store_that_is_away_is_asked_again(local: LocalStore, tmp_path: Path) -> None:
    away = [Unavailable("away") for _ in range(2)]

    calls: list[Callable[[ObjectStore], object]] = [
        lambda store: store.put("a", b"", sha256=EMPTY),
        lambda store: store.get("a", tmp_path / "got", sha256=EMPTY),
        lambda store: store.read("a"),
        lambda store: store.sizes(iter(["a"])),
        lambda store: store.put_new("b", b"new"),
    ]
    for call in calls:
        flaky = Flaky(local, *away)
        assert call(Retry(flaky)) in (None, b"", {"a": 0}, True)
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


def test_nobody_waits_when_the_work_is_over(local: LocalStore) -> None:
    over = threading.Event()
    over.set()
    flaky = Flaky(local, *(Unavailable("away") for _ in range(100)))

    with pytest.raises(Unavailable):
        Retry(flaky, over=over).read("a")

    assert flaky.calls == 1


def test_who_was_first_but_did_not_hear_it_is_told_so(local: LocalStore) -> None:
    assert Retry(Flaky(local, Unavailable("broke off"), after=True)).put_new("a", b"mine")


def test_who_was_second_and_did_not_hear_it_is_told_so(local: LocalStore) -> None:
    local.put_new("a", b"theirs")

    assert not Retry(Flaky(local, Unavailable("broke off"), after=True)).put_new("a", b"mine")


def test_progress_counts_bytes_once(local: LocalStore) -> None:
    told: list[int] = []

    Retry(Flaky(local, Unavailable("away"), Unavailable("away"))).put("a", b"", sha256=EMPTY, progress=told.append)

    assert told == [7, 3]


def test_each_retry_is_logged(local: LocalStore, capsys: pytest.CaptureFixture[str]) -> None:
    Retry(Flaky(local, Unavailable("http://store does not answer"))).put("a", b"", sha256=EMPTY)

    assert "store_unavailable" in capsys.readouterr().out
