"""What boto3 does for a bucket: finds keys and the endpoint of AWS, begins and ends uploads in parts, lists.

It is imported where it is needed, since it takes 34 MB and 0.15 s.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, PartialCredentialsError

from optfarm_storage.errors import Denied, NotFound, Unavailable, refusal
from optfarm_storage.location import S3Location
from optfarm_storage.signature import Keys

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef


class Control:
    """Threads share it. Every method but `endpoint` asks the store."""

    def __init__(self, location: S3Location) -> None:
        self._location = location
        self._session = boto3.Session(
            aws_access_key_id=location.access_key,
            aws_secret_access_key=location.secret_key,
            region_name=location.region,
        )
        self._client: S3Client = self._session.client("s3", endpoint_url=location.endpoint, config=_config(location))

    @property
    def endpoint(self) -> str:
        """URL of the region's server."""
        return self._client.meta.endpoint_url

    def keys(self) -> Keys:
        """Credentials that are valid now.

        Raises:
            Denied: there are none.
        """
        found = self._session.get_credentials()
        frozen = found.get_frozen_credentials() if found else None
        if frozen is None or not frozen.access_key or not frozen.secret_key:
            raise Denied("no S3 credentials: give access_key and secret_key, or what AWS's own tools read")
        return Keys(frozen.access_key, frozen.secret_key, frozen.token)

    def start(self, key: str) -> str:
        """Begins an upload in parts; gives its id."""
        with self._wrapped(key):
            return self._client.create_multipart_upload(Bucket=self._location.bucket, Key=key)["UploadId"]

    def complete(self, key: str, upload_id: str, etags: Sequence[str]) -> None:
        """Makes the object of its parts; doing so again is no error."""
        parts: list[CompletedPartTypeDef] = [
            {"PartNumber": number, "ETag": etag} for number, etag in enumerate(etags, 1)
        ]
        try:
            with self._wrapped(key):
                self._client.complete_multipart_upload(
                    Bucket=self._location.bucket, Key=key, UploadId=upload_id, MultipartUpload={"Parts": parts}
                )
        except NotFound:
            with self._wrapped(key):
                self._client.head_object(Bucket=self._location.bucket, Key=key)

    def stored(self, prefix: str) -> dict[str, float]:
        """Key → when it was stored, for every key that begins so."""
        pages = self._client.get_paginator("list_objects_v2")
        with self._wrapped(prefix):
            found = [page.get("Contents", []) for page in pages.paginate(Bucket=self._location.bucket, Prefix=prefix)]
        return {each["Key"]: each["LastModified"].timestamp() for page in found for each in page}

    def abort(self, key: str, upload_id: str) -> None:
        """Forgets an upload in parts."""
        with self._wrapped(key):
            self._client.abort_multipart_upload(Bucket=self._location.bucket, Key=key, UploadId=upload_id)

    def close(self) -> None:
        """Closes its connections."""
        self._client.close()

    @contextmanager
    def _wrapped(self, key: str) -> Iterator[None]:
        what = f"{key} in bucket {self._location.bucket} at {self.endpoint}"
        try:
            yield
        except ClientError as error:
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            code = error.response.get("Error", {}).get("Code", "")
            raise refusal(status, "" if code == str(status) else code, f"{what}: {error}") from error
        except (NoCredentialsError, PartialCredentialsError) as error:
            raise Denied(f"{what}: {error}") from error
        except BotoCoreError as error:
            raise Unavailable(f"{what}: {error}") from error


def _config(location: S3Location) -> Config:
    return Config(
        signature_version="s3v4",
        s3={"addressing_style": "path" if location.endpoint else "auto"},
        connect_timeout=5,
        read_timeout=60,
        retries={"total_max_attempts": 1},  # Retry tries again, and says so
        request_checksum_calculation="when_required",  # many servers reject the trailers of the default
        response_checksum_validation="when_required",
    )
