"""The bucket as the scheduler uses it: small objects by key, and URLs for those who move large ones."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from optfarm_scheduler.errors import Unavailable
from optfarm_scheduler.settings import SchedulerSettings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_VALID_S = 6 * 3600
_NOT_FOUND = 404
_THREADS = 32


class Bucket(Protocol):
    """What the scheduler needs of an object store. Every method but the URLs blocks, and raises Unavailable."""

    def get(self, key: str) -> bytes | None:
        """The object, or None when there is none."""
        ...

    def put(self, key: str, body: bytes) -> None:
        """Writes the object."""
        ...

    def size(self, key: str) -> int | None:
        """The object's size in bytes, or None when there is none."""
        ...

    def check(self) -> None:
        """Asks the store for nothing."""
        ...

    def get_url(self, key: str) -> str:
        """Where anyone may read the object for some hours."""
        ...

    def put_url(self, key: str, *, checksum_sha256: str) -> str:
        """Where anyone may write the object, whose checksum (base64) is sent and signed."""
        ...

    def part_urls(self, key: str, count: int) -> tuple[str, tuple[str, ...]]:
        """Begins an upload in parts: its id, and where each part goes."""
        ...

    def complete(self, key: str, *, upload_id: str, etags: Sequence[str]) -> None:
        """Ends an upload in parts; ending it again is no error once the object is there."""
        ...


class S3Bucket:
    """A bucket of any S3 server."""

    def __init__(self, settings: SchedulerSettings) -> None:
        self._name = settings.s3_bucket
        self._client = _client(settings, settings.s3_endpoint)
        public = settings.s3_public_endpoint
        self._signer = _client(settings, public) if public else self._client

    def get(self, key: str) -> bytes | None:
        """The object, or None when there is none."""
        found = self._call("get_object", Key=key)
        if found is None:
            return None
        try:
            body: bytes = found["Body"].read()
        except BotoCoreError as error:
            raise Unavailable(f"the store broke off: {error}") from error
        return body

    def put(self, key: str, body: bytes) -> None:
        """Writes the object."""
        self._wanted(self._call("put_object", Key=key, Body=body))

    def size(self, key: str) -> int | None:
        """The object's size in bytes, or None when there is none."""
        found = self._call("head_object", Key=key)
        return None if found is None else int(found["ContentLength"])

    def check(self) -> None:
        """Asks the store for nothing."""
        self._wanted(self._call("head_bucket"))

    def get_url(self, key: str) -> str:
        """Where anyone may read the object for some hours."""
        return self._sign("get_object", Key=key)

    def put_url(self, key: str, *, checksum_sha256: str) -> str:
        """Where anyone may write the object, whose checksum (base64) is sent and signed."""
        return self._sign("put_object", Key=key, ChecksumSHA256=checksum_sha256)

    def part_urls(self, key: str, count: int) -> tuple[str, tuple[str, ...]]:
        """Begins an upload in parts: its id, and where each part goes."""
        upload_id = str(self._wanted(self._call("create_multipart_upload", Key=key))["UploadId"])
        numbers = range(1, count + 1)
        return upload_id, tuple(
            self._sign("upload_part", Key=key, UploadId=upload_id, PartNumber=number) for number in numbers
        )

    def complete(self, key: str, *, upload_id: str, etags: Sequence[str]) -> None:
        """Ends an upload in parts; ending it again is no error once the object is there."""
        parts = [{"PartNumber": number, "ETag": etag} for number, etag in enumerate(etags, 1)]
        done = self._call("complete_multipart_upload", Key=key, UploadId=upload_id, MultipartUpload={"Parts": parts})
        if done is None and self.size(key) is None:
            raise Unavailable("the store does not know this upload any more; begin it again")

    def _sign(self, method: str, **arguments: Any) -> str:
        params = {"Bucket": self._name, **arguments}
        return self._signer.generate_presigned_url(method, Params=params, ExpiresIn=_VALID_S)

    def _call(self, method: str, **arguments: Any) -> Any:
        try:
            return getattr(self._client, method)(Bucket=self._name, **arguments)
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] == _NOT_FOUND:
                return None
            raise Unavailable(f"the store refused: {error}") from error
        except BotoCoreError as error:
            raise Unavailable(f"the store does not answer: {error}") from error

    def _wanted(self, answer: Any) -> Any:
        if answer is None:
            raise Unavailable(f"the store has no bucket {self._name}")
        return answer


def _client(settings: SchedulerSettings, endpoint: str | None) -> "S3Client":
    # Callers are told to come back; waiting here through retries would only hold their connections.
    config = Config(
        signature_version="s3v4",
        s3={"addressing_style": "path" if endpoint else "auto"},
        connect_timeout=2,
        read_timeout=10,
        retries={"total_max_attempts": 2, "mode": "standard"},
        max_pool_connections=_THREADS,
    )
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name=settings.s3_region,
        aws_access_key_id=settings.s3_access_key,
        aws_secret_access_key=settings.s3_secret_key.get_secret_value(),
        config=config,
    )
