"""The object store of a worker in an S3 bucket: AWS, MinIO, SeaweedFS or another."""

import base64
import hashlib
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import boto3
from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from optfarm_tasks.errors import Internal
from optfarm_tasks.tree import Digest
from optfarm_worker.errors import Corrupt, StoreAway
from optfarm_worker.settings import WorkerSettings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PIECE_BYTES = 1 << 20
ASK_FIRST_BYTES = 1 << 20
"""Whether a file is there already is asked only when sending it would cost more than asking."""
SINGLE_BYTES = 64 << 20
PARTS = TransferConfig(multipart_threshold=SINGLE_BYTES, multipart_chunksize=32 << 20, max_concurrency=4)
PATIENCE_S = 120.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 2.0
CORRUPT_TRIES = 3
NOT_FOUND, CONFLICT, PRECONDITION_FAILED, TOO_MANY, SERVER_ERROR = 404, 409, 412, 429, 500

Answer = TypeVar("Answer")


class S3Store:
    """One client for all threads of a worker. A store that is away is waited for, up to two minutes.

    Every method raises:
        StoreAway: the store did not come back in time, or refuses this worker.
    """

    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket
        self._over = threading.Event()

    def obey(self, over: threading.Event) -> None:
        """Has waits for the store end when the event is set."""
        self._over = over

    def fetch(self, digest: Digest, target: Path) -> None:
        """Writes a blob into a new file.

        Raises:
            Internal: there is no such blob.
            Corrupt: its bytes do not match, however often they are read.
            OSError: the file cannot be written.
        """
        for _ in range(CORRUPT_TRIES):
            if self._insist(lambda: self._download(digest, target)) == digest:
                return
        raise Corrupt(f"the store's blob {digest} has other bytes than its name says")

    def push(self, digest: Digest, source: Path) -> None:
        """Stores a file's bytes under their digest; the same bytes again do no harm."""
        size_bytes = source.stat().st_size
        if size_bytes > ASK_FIRST_BYTES and self._insist(lambda: self._holds(digest, size_bytes)):
            return
        if size_bytes > SINGLE_BYTES:
            self._insist(lambda: self._client.upload_file(str(source), self._bucket, _blob(digest), Config=PARTS))
        else:
            self._insist(lambda: self._upload(digest, source))

    def put_result(self, key: Digest, body: bytes) -> bool:
        """Stores a result if there is none under its key; whether it did.

        When the answer to a first try was lost, the second finds the result there: then the stored one is this one.
        """
        return self._insist(lambda: self._put_if_absent(f"results/{key}.json", body))

    def result(self, key: Digest) -> bytes:
        """The stored result."""
        return self._insist(lambda: self._read(f"results/{key}.json"))

    def _read(self, key: str) -> bytes:
        return self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read()

    def _download(self, digest: Digest, target: Path) -> Digest:
        hashed = hashlib.sha256()
        body = self._client.get_object(Bucket=self._bucket, Key=_blob(digest))["Body"]
        with target.open("wb") as stream:
            for piece in body.iter_chunks(PIECE_BYTES):
                hashed.update(piece)
                stream.write(piece)
        return hashed.hexdigest()

    def _holds(self, digest: Digest, size_bytes: int) -> bool:
        try:
            found = self._client.head_object(Bucket=self._bucket, Key=_blob(digest))
        except ClientError as error:
            if _status(error) == NOT_FOUND:
                return False
            raise
        return found["ContentLength"] == size_bytes

    def _upload(self, digest: Digest, source: Path) -> None:
        checksum = base64.b64encode(bytes.fromhex(digest)).decode()
        with source.open("rb") as stream:
            self._client.put_object(Bucket=self._bucket, Key=_blob(digest), Body=stream, ChecksumSHA256=checksum)

    def _put_if_absent(self, key: str, body: bytes) -> bool:
        try:
            self._client.put_object(Bucket=self._bucket, Key=key, Body=body, IfNoneMatch="*")
        except ClientError as error:
            if _status(error) == PRECONDITION_FAILED:
                return False
            raise
        return True

    def _insist(self, call: Callable[[], Answer]) -> Answer:
        pause_s, gives_up_at = FIRST_PAUSE_S, time.monotonic() + PATIENCE_S
        while True:
            try:
                return call()
            except (BotoCoreError, ClientError, Boto3Error) as error:
                if _status(error) == NOT_FOUND:
                    raise Internal(f"what the task needs is not in the store: {error}") from error
                if not _may_pass(error) or time.monotonic() > gives_up_at or self._over.wait(pause_s):
                    raise StoreAway(f"the object store cannot be used: {error}") from error
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)


def store_of(settings: WorkerSettings) -> S3Store:
    """The store that the settings name; it is not asked for anything yet."""
    config = Config(
        signature_version="s3v4",
        s3={"addressing_style": "path" if settings.s3_endpoint else "auto"},
        connect_timeout=3,
        read_timeout=30,
        retries={"total_max_attempts": 1},
        max_pool_connections=16,
    )
    client = boto3.client(
        "s3",
        endpoint_url=settings.s3_endpoint,
        region_name=settings.s3_region,
        aws_access_key_id=settings.s3_access_key.get_secret_value() or None,
        aws_secret_access_key=settings.s3_secret_key.get_secret_value() or None,
        config=config,
    )
    return S3Store(client, settings.s3_bucket)


def _blob(digest: Digest) -> str:
    return f"blobs/{digest}"


def _status(error: Exception) -> int | None:
    if isinstance(error, ClientError):
        return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    return None


def _may_pass(error: Exception) -> bool:
    """Whether the same call may do better later: no answer, or one that asks for patience."""
    status = _status(error)
    return status is None or status in (CONFLICT, TOO_MANY) or status >= SERVER_ERROR
