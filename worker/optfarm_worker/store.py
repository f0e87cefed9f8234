"""The object store as a worker uses it: blobs by digest, results by key, and patience while it is away."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from optfarm_storage import keys
from optfarm_storage.errors import Corrupt as CorruptObject
from optfarm_storage.errors import NotFound, StorageError
from optfarm_storage.location import S3Location
from optfarm_storage.retry import Retry
from optfarm_storage.store import ObjectStore
from optfarm_tasks.errors import DamagedObject, Internal
from optfarm_tasks.schema.tree import Digest
from optfarm_worker.errors import Corrupt, StoreAway
from optfarm_worker.settings import WorkerSettings

ASK_FIRST_BYTES = 1 << 20
"""Whether a file is there already is asked only when sending it would cost more than asking."""


class Store(Protocol):
    """Blobs by digest, and results by key."""

    def cancel_with(self, event: threading.Event) -> "Store":
        """The same store, whose waits for it while it is away end when the event is set."""
        ...

    def fetch(self, digest: Digest, target: Path) -> None:
        """Writes a blob into a new file; its digest is checked."""
        ...

    def push(self, digest: Digest, source: Path) -> None:
        """Stores a file's bytes; the same bytes again do no harm."""
        ...

    def put_result(self, key: Digest, body: bytes) -> bool:
        """Stores a result if there is none under its key; whether it did."""
        ...

    def result(self, key: Digest) -> bytes:
        """The stored result."""
        ...


class Objects:
    """A store for all threads of a worker. One that is away is waited for, up to two minutes or until it is cancelled.

    Every method raises:
        StoreAway: the store did not come back in time, or refuses this worker.
    """

    def __init__(self, store: ObjectStore, *, cancelled: threading.Event | None = None) -> None:
        self._store = store
        self._patient = Retry(store, cancelled=cancelled)

    def cancel_with(self, event: threading.Event) -> "Objects":
        """The same store, whose waits end when the event is set."""
        return Objects(self._store, cancelled=event)

    def fetch(self, digest: Digest, target: Path) -> None:
        """Writes a blob into a new file.

        Raises:
            Internal: there is no such blob.
            DamagedObject: its bytes do not match, or the store cannot read them.
            OSError: the file cannot be written.
        """
        try:
            with _reached():
                self._patient.get(keys.blob(digest), target, sha256=digest)
        except Corrupt as error:
            message = f"an input is damaged in the store ({error}); push the same model or data set again"
            raise DamagedObject(message, digest=digest) from error

    def push(self, digest: Digest, source: Path) -> None:
        """Stores a file's bytes under their digest; the same bytes again do no harm.

        Raises:
            Corrupt: the file has other bytes.
        """
        size_bytes, key = source.stat().st_size, keys.blob(digest)
        with _reached():
            if size_bytes <= ASK_FIRST_BYTES or self._patient.sizes([key]).get(key) != size_bytes:
                self._patient.put(key, source, sha256=digest)

    def put_result(self, key: Digest, body: bytes) -> bool:
        """Stores a result if there is none under its key; whether it did."""
        with _reached():
            return self._patient.put_new(keys.result(key), body)

    def result(self, key: Digest) -> bytes:
        """The stored result."""
        with _reached():
            return self._patient.read(keys.result(key))


def location_of(settings: WorkerSettings) -> S3Location:
    """The bucket that the settings name."""
    return S3Location(
        bucket=settings.s3_bucket,
        endpoint=settings.s3_endpoint,
        region=settings.s3_region,
        access_key=settings.s3_access_key.get_secret_value() or None,
        secret_key=settings.s3_secret_key.get_secret_value() or None,
    )


@contextmanager
def _reached() -> Iterator[None]:
    try:
        yield
    except NotFound as error:
        raise Internal(f"what the task needs is not in the store: {error}") from error
    except CorruptObject as error:
        raise Corrupt(str(error)) from error
    except StorageError as error:
        raise StoreAway(f"the object store cannot be used: {error}") from error
