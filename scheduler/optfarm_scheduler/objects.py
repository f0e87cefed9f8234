"""What lies in the bucket, by its keys: blobs, results, and records of models and data sets."""

import base64
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

import structlog
from pydantic import ValidationError

from optfarm_scheduler.bucket import Bucket
from optfarm_scheduler.errors import Conflict
from optfarm_tasks.result import Result
from optfarm_tasks.sweep import NewData, NewModel, Upload
from optfarm_tasks.tree import Digest, File

SINGLE_BYTES = 64 << 20
"""What is larger goes up in parts."""
PART_BYTES = 32 << 20

log = structlog.get_logger()


class Objects:
    """Reads and writes what the scheduler keeps in the bucket. Every method raises Unavailable when it is down."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._pool = ThreadPoolExecutor(16, thread_name_prefix="objects")

    def result(self, key: Digest) -> Result | None:
        """The stored result of a key; one that cannot be read counts as none."""
        body = self._bucket.get(f"results/{key}.json")
        if body is None:
            return None
        try:
            return Result.model_validate_json(body)
        except ValidationError as error:
            log.warning("result_unreadable", key=key, error=str(error))
            return None

    def uploads(self, files: Iterable[File]) -> tuple[Upload, ...]:
        """Where each blob goes that is not there yet."""
        return tuple(self._pool.map(self._upload, self._missing(files)))

    def complete(self, sha256: Digest, *, upload_id: str, etags: Sequence[str]) -> None:
        """Ends an upload in parts."""
        self._bucket.complete(_blob(sha256), upload_id=upload_id, etags=etags)

    def url(self, sha256: Digest) -> str:
        """Where a blob can be read for some hours."""
        return self._bucket.get_url(_blob(sha256))

    def record(self, prefix: str, new: NewModel | NewData) -> None:
        """Writes down a registered tree, so that the database can be made again from the bucket.

        Raises:
            Conflict: blobs of the tree are missing.
        """
        missing = self._missing(new.tree.files)
        if missing:
            paths = ", ".join(file.path for file in missing[:5])
            raise Conflict(f"{len(missing)} files of {new.name} are not in the store: {paths}; push them first")
        self._bucket.put(f"{prefix}/{new.name}/{new.tree.digest}.json", new.model_dump_json().encode())

    def check(self) -> None:
        """Asks the store for nothing."""
        self._bucket.check()

    def close(self) -> None:
        """Ends the threads."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _missing(self, files: Iterable[File]) -> list[File]:
        wanted = {file.sha256: file for file in files}
        sizes = self._pool.map(self._bucket.size, map(_blob, wanted))
        return [file for file, size in zip(wanted.values(), sizes, strict=True) if size != file.size_bytes]

    def _upload(self, file: File) -> Upload:
        if file.size_bytes > SINGLE_BYTES:
            count = -(-file.size_bytes // PART_BYTES)
            upload_id, urls = self._bucket.part_urls(_blob(file.sha256), count)
            return Upload(sha256=file.sha256, urls=urls, part_bytes=PART_BYTES, upload_id=upload_id)
        checksum = base64.b64encode(bytes.fromhex(file.sha256)).decode()
        url = self._bucket.put_url(_blob(file.sha256), checksum_sha256=checksum)
        return Upload(sha256=file.sha256, urls=(url,), headers={"x-amz-checksum-sha256": checksum})


def _blob(sha256: Digest) -> str:
    return f"blobs/{sha256}"
