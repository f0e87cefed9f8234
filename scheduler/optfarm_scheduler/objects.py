"""What lies in the bucket, by its keys: blobs, results, and records of models and data sets."""

import hashlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

import structlog
from pydantic import ValidationError

from optfarm_scheduler.errors import Conflict, Unavailable
from optfarm_scheduler.settings import SchedulerSettings
from optfarm_storage import keys, tree
from optfarm_storage.errors import Corrupt, NotFound, StorageError
from optfarm_storage.location import S3Location
from optfarm_storage.presign import S3Presigner
from optfarm_storage.s3 import PART_BYTES, SINGLE_BYTES, S3Store
from optfarm_storage.store import Listing, ObjectStore, Presigner
from optfarm_tasks.errors import BadParameter
from optfarm_tasks.schema.api import Upload
from optfarm_tasks.schema.catalog import NewData, NewModel
from optfarm_tasks.schema.result import Result
from optfarm_tasks.schema.tree import Digest, File

log = structlog.get_logger()
FILE_PARTS = 10_000
"""Of one object, as S3 has it (Multipart upload limits)."""
ALL_PARTS = 20_000
"""Of the files of one request."""
Record = TypeVar("Record", NewModel, NewData)


@dataclass(frozen=True)
class Objects:
    """Reads and writes what the scheduler keeps in the bucket. Every method raises Unavailable when it is down."""

    store: ObjectStore
    presigner: Presigner
    listing: Listing
    damaged: set[Digest] = field(default_factory=set)
    """Blobs that the store lists and, as a worker said, cannot give; wanted again by the next push. In memory: after a
    restart the next task that wants one says so anew."""

    def result(self, key: Digest) -> Result | None:
        """The stored result of a key; one that cannot be read counts as none."""
        try:
            with _reached():
                return Result.model_validate_json(self.store.read(keys.result(key)))
        except NotFound:
            return None
        except ValidationError as error:
            log.warning("result_unreadable", key=key, error=str(error))
            return None

    def uploads(self, files: Iterable[File]) -> tuple[Upload, ...]:
        """Where each blob goes that is not there yet, or is damaged.

        Raises:
            BadParameter: a file, or all together, are in more parts than can be asked for.
        """
        wanted = {file.sha256: file for file in files}
        _refuse_parts(wanted.values())
        with _reached():
            lacking = {file.sha256 for file in tree.absent(self.store, list(wanted.values()))} | self.damaged
            return tuple(self._upload(file) for sha256, file in wanted.items() if sha256 in lacking)

    def complete(self, sha256: Digest, *, upload_id: str, etags: Sequence[str]) -> None:
        """Ends an upload in parts.

        Raises:
            Conflict: the store does not know this upload any more, or has other parts of it.
        """
        try:
            with _reached():
                self._complete(sha256, upload_id, etags)
        except NotFound as error:
            raise Conflict(f"the store does not know this upload any more; begin it again: {error}") from error

    def url(self, sha256: Digest) -> str:
        """Where a blob can be read for some hours."""
        with _reached():
            return self.presigner.get_url(keys.blob(sha256))

    def record(self, prefix: str, new: NewModel | NewData) -> None:
        """Writes what a registered name means into the bucket, so that the bucket alone says it too.

        Raises:
            Conflict: blobs of the tree are missing.
        """
        with _reached():
            missing = tree.missing(self.store, list({file.sha256: file for file in new.tree.files}.values()))
            if missing:
                paths = ", ".join(file.path for file in missing[:5])
                raise Conflict(f"{len(missing)} files of {new.name} are not in the store: {paths}; push them first")
            body = new.model_dump_json().encode()
            key = keys.record(prefix, new.name, new.tree.digest)
            self.store.put(key, body, sha256=hashlib.sha256(body).hexdigest())
        # Whoever registers has asked what to push before, so what was damaged has been sent again.
        self.damaged.difference_update(file.sha256 for file in new.tree.files)

    def records(self, prefix: str, kind: type[Record]) -> list[tuple[float, Record]]:
        """What was registered, with when it was named last, the earliest first; what cannot be read is left out."""
        with _reached():
            found = sorted((at, key) for key, at in self.listing.stored(f"{prefix}/").items())
            bodies = [(at, key, self.store.read(key)) for at, key in found]
        records = []
        for at, key, body in bodies:
            try:
                records.append((at, kind.model_validate_json(body)))
            except ValidationError as error:
                log.warning("record_unreadable", key=key, error=str(error))
        return records

    def check(self) -> None:
        """Asks the store about an object that need not be there."""
        with _reached():
            self.store.sizes(["health"])

    def _complete(self, sha256: Digest, upload_id: str, etags: Sequence[str]) -> None:
        try:
            self.presigner.complete_parts(keys.blob(sha256), upload_id=upload_id, etags=etags)
        except Corrupt as error:
            raise Conflict(f"the store has other parts of this upload; begin it again: {error}") from error

    def _upload(self, file: File) -> Upload:
        key = keys.blob(file.sha256)
        if file.size_bytes > SINGLE_BYTES:
            upload_id, urls = self.presigner.start_parts(key, _parts(file))
            return Upload(sha256=file.sha256, urls=urls, part_bytes=PART_BYTES, upload_id=upload_id)
        ticket = self.presigner.put_ticket(key, sha256=file.sha256)
        return Upload(sha256=file.sha256, urls=(ticket.url,), headers=ticket.headers)


def _parts(file: File) -> int:
    return -(-file.size_bytes // PART_BYTES)


def _refuse_parts(files: Collection[File]) -> None:
    """Passes when uploads are in so few parts that a URL can be made for each."""
    for file in files:
        if _parts(file) > FILE_PARTS:
            most = FILE_PARTS * PART_BYTES
            raise BadParameter(f"{file.path} has {file.size_bytes} bytes, and a store takes {most} in one object")
    total = sum(map(_parts, files))
    if total > ALL_PARTS:
        raise BadParameter(f"these uploads have {total} parts, and {ALL_PARTS} can be asked for; ask for fewer files")


def objects_of(settings: SchedulerSettings) -> Objects:
    """The bucket that the settings name; it is not asked for anything yet."""
    location = S3Location(
        bucket=settings.s3_bucket,
        endpoint=settings.s3_endpoint,
        region=settings.s3_region,
        access_key=settings.s3_access_key,
        secret_key=settings.s3_secret_key.get_secret_value(),
        public_endpoint=settings.s3_public_endpoint,
    )
    store = S3Store(location)
    return Objects(store, S3Presigner(location), store)


@contextmanager
def _reached() -> Iterator[None]:
    """Callers get an error and come back later; waiting here would only hold their connections."""
    try:
        yield
    except NotFound:
        raise
    except StorageError as error:
        raise Unavailable(f"the object store cannot be used: {error}") from error
