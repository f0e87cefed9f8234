"""Stores for tests, with ways to look behind them."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optfarm_storage.errors import StorageError
from optfarm_storage.keys import blob
from optfarm_storage.local import LocalStore
from optfarm_storage.location import S3Location
from optfarm_storage.s3 import S3Store
from optfarm_storage.store import ObjectStore, OnProgress, unreported
from optfarm_tasks.schema.tree import Tree, scan


@dataclass(frozen=True)
class Case:
    """A store."""

    store: ObjectStore
    smuggle: Callable[[str, bytes], None]
    """Puts bytes into it behind its back."""
    close: Callable[[], None]


def in_folder(root: Path) -> Case:
    """A store in a folder."""

    def smuggle(key: str, content: bytes) -> None:
        (root / key).parent.mkdir(parents=True, exist_ok=True)
        (root / key).write_bytes(content)

    return Case(LocalStore(root), smuggle, lambda: None)


def in_bucket(location: S3Location, client: Any) -> Case:
    """A store in a bucket."""

    def smuggle(key: str, content: bytes) -> None:
        client.put_object(Bucket=location.bucket, Key=key, Body=content)

    store = S3Store(location)
    return Case(store, smuggle, store.close)


def elsewhere(endpoint: str | None) -> S3Location:
    """A bucket that nobody asks."""
    keys = {"access_key": "access", "secret_key": "secret"}
    return S3Location(bucket="farm", endpoint=endpoint, region="eu-west-1", **keys)


class Counting:
    """A store that counts what is asked of the one that it wraps."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self.puts: list[str] = []
        self.gets: list[str] = []
        self.asked = 0

    def put(self, key: str, source: Path | bytes, *, sha256: str, progress: OnProgress = unreported) -> None:
        self.puts.append(key)
        self._store.put(key, source, sha256=sha256, progress=progress)

    def put_new(self, key: str, content: bytes) -> bool:
        self.puts.append(key)
        return self._store.put_new(key, content)

    def get(self, key: str, target: Path, *, sha256: str, progress: OnProgress = unreported) -> None:
        self.gets.append(key)
        self._store.get(key, target, sha256=sha256, progress=progress)

    def read(self, key: str) -> bytes:
        return self._store.read(key)

    def sizes(self, keys: Iterable[str]) -> dict[str, int]:
        asked = list(keys)
        self.asked += len(asked)
        return self._store.sizes(asked)


class Flaky:
    """A store that fails some times, before or after it has done what was asked."""

    def __init__(self, store: ObjectStore, *errors: StorageError, after: bool = False) -> None:
        self._store = store
        self._errors = list(errors)
        self._after = after
        self.calls = 0

    def put(self, key: str, source: Path | bytes, *, sha256: str, progress: OnProgress = unreported) -> None:
        progress(7)
        self._trouble()
        self._store.put(key, source, sha256=sha256)
        progress(3)

    def put_new(self, key: str, content: bytes) -> bool:
        if self._after:
            done = self._store.put_new(key, content)
        self._trouble()
        return done if self._after else self._store.put_new(key, content)

    def get(self, key: str, target: Path, *, sha256: str, progress: OnProgress = unreported) -> None:
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


def digest_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def put(store: ObjectStore, content: bytes) -> str:
    store.put(blob(digest_of(content)), content, sha256=digest_of(content))
    return digest_of(content)


def write(folder: Path, **contents: bytes) -> Tree:
    for name, content in contents.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return scan(folder)


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
