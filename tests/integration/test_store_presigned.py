"""People without keys read and write objects by URLs that a real S3 server honours."""

import hashlib
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from optfarm_storage.errors import NotFound
from optfarm_storage.keys import blob
from optfarm_storage.location import S3Location
from optfarm_storage.presign import S3Presigner
from optfarm_storage.s3 import S3Store
from tests.integration.stores import digest_of, put

MB = 1 << 20


@pytest.fixture
def store(s3: S3Location) -> Iterator[S3Store]:
    made = S3Store(s3)
    yield made
    made.close()


@pytest.fixture
def presigner(s3: S3Location) -> Iterator[S3Presigner]:
    made = S3Presigner(s3)
    yield made
    made.close()


def test_an_object_is_read(store: S3Store, presigner: S3Presigner) -> None:
    sha256 = put(store, b"content")

    assert httpx.get(presigner.get_url(blob(sha256))).content == b"content"


def test_the_promised_bytes_are_taken(store: S3Store, presigner: S3Presigner) -> None:
    ticket = presigner.put_ticket(blob(digest_of(b"promised")), sha256=digest_of(b"promised"))

    answer = httpx.put(ticket.url, content=b"promised", headers=ticket.headers)

    assert answer.is_success
    assert store.read(blob(digest_of(b"promised"))) == b"promised"


def test_other_bytes_are_refused(store: S3Store, presigner: S3Presigner) -> None:
    ticket = presigner.put_ticket(blob(digest_of(b"promised")), sha256=digest_of(b"promised"))
    other = presigner.put_ticket(blob(digest_of(b"others")), sha256=digest_of(b"others"))

    damaged = httpx.put(ticket.url, content=b"others", headers=ticket.headers)
    unpromised = httpx.put(ticket.url, content=b"others", headers=other.headers)
    unchecked = httpx.put(ticket.url, content=b"others")

    assert damaged.status_code == 400
    assert unpromised.status_code == unchecked.status_code == 403
    assert store.sizes([blob(digest_of(b"promised"))]) == {}


def test_parts_become_one_object(store: S3Store, presigner: S3Presigner) -> None:
    parts = [os.urandom(5 * MB), os.urandom(5 * MB), b"the rest"]
    key = blob(digest_of(b"".join(parts)))
    upload_id, urls = presigner.start_parts(key, len(parts))

    with ThreadPoolExecutor() as pool:
        answers = list(pool.map(lambda url, part: httpx.put(url, content=part, timeout=30), urls, parts))
    etags = [answer.headers["etag"] for answer in answers]
    presigner.complete_parts(key, upload_id=upload_id, etags=etags)
    presigner.complete_parts(key, upload_id=upload_id, etags=etags)

    assert hashlib.sha256(store.read(key)).hexdigest() == key.removeprefix("blobs/")


def test_an_unknown_upload_is_reported(presigner: S3Presigner) -> None:
    with pytest.raises(NotFound):
        presigner.complete_parts("blobs/x", upload_id="unknown", etags=["etag"])


def test_urls_expire_and_cannot_be_bent(s3: S3Location, store: S3Store, presigner: S3Presigner) -> None:
    sha256 = put(store, b"content")
    other = put(store, b"other")
    past = S3Presigner(s3, valid_s=60, now=lambda: datetime.now(UTC) - timedelta(seconds=90))

    expired = httpx.get(past.get_url(blob(sha256)))
    bent = httpx.get(presigner.get_url(blob(sha256)).replace(sha256, other))
    as_write = httpx.put(presigner.get_url(blob(sha256)), content=b"x")

    assert {expired.status_code, bent.status_code, as_write.status_code} == {403}


def test_urls_name_the_public_endpoint(s3: S3Location) -> None:
    presigner = S3Presigner(replace(s3, public_endpoint="https://farm.example/s3"))

    url = presigner.get_url("blobs/x")

    assert url.startswith(f"https://farm.example/s3/{s3.bucket}/blobs/x?")
