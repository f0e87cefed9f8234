"""Keys, digests and paths that are malformed are refused, and refusals of a store are kept apart."""

import hashlib

import pytest

from optfarm_storage import keys
from optfarm_storage.errors import BadName, Corrupt, Denied, NotFound, StorageError, Unavailable, refusal
from optfarm_storage.s3 import S3Store
from tests.integration.stores import elsewhere
from tests.path_cases import ESCAPING, NO_TEXT, PLAIN, REDUNDANT

DIGEST = "0123456789abcdef" * 4


def test_every_kind_of_object_has_its_place() -> None:
    assert keys.blob(DIGEST) == f"blobs/{DIGEST}"
    assert keys.result(DIGEST) == f"results/{DIGEST}.json"
    assert keys.record("models", "pilot-net_1.0", DIGEST) == f"models/pilot-net_1.0/{DIGEST}.json"
    assert keys.record("data", "drive", DIGEST) == f"data/drive/{DIGEST}.json"


@pytest.mark.parametrize("digest", ["", "0" * 63, "0" * 65, "A" * 64, "../" + "0" * 61, "0" * 64 + "\n"])
def test_what_is_no_digest_is_refused(digest: str) -> None:
    with pytest.raises(BadName, match="SHA-256"):
        keys.blob(digest)


@pytest.mark.parametrize("name", ["", "..", "a/../b", ".hidden", "_x", "a b", "модель 1"])
def test_a_name_that_is_no_part_of_a_key_is_stood_for_by_its_digest(name: str) -> None:
    digest = hashlib.sha256(name.encode()).hexdigest()

    assert keys.record("models", name, DIGEST) == f"models/_{digest}/{DIGEST}.json"


def test_a_key_that_is_too_long_is_refused() -> None:
    with pytest.raises(BadName, match="no key"):
        keys.record("models", "n" * 1000, DIGEST)


@pytest.mark.parametrize("path", PLAIN)
def test_plain_paths_are_kept(path: str) -> None:
    assert keys.inside(path) == path


@pytest.mark.parametrize("path", ESCAPING + NO_TEXT + REDUNDANT)
def test_other_paths_are_refused(path: str) -> None:
    with pytest.raises(BadName, match="not a plain relative path"):
        keys.inside(path)


@pytest.mark.parametrize("endpoint", ["store:8333", "ftp://store", "http://", "https://:8333"])
def test_what_is_no_server_is_refused(endpoint: str) -> None:
    store = S3Store(elsewhere(endpoint))

    with pytest.raises(BadName, match="no URL of a server"):
        store.read("blobs/x")


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (404, "NoSuchKey", NotFound),
        (404, "", NotFound),
        (404, "NoSuchBucket", Denied),
        (403, "SignatureDoesNotMatch", Denied),
        (301, "PermanentRedirect", Denied),
        (400, "BadDigest", Corrupt),
        (400, "RequestTimeout", Unavailable),
        (409, "ConditionalRequestConflict", Unavailable),
        (429, "", Unavailable),
        (500, "InternalError", Unavailable),
        (503, "SlowDown", Unavailable),
        (400, "InvalidRequest", Denied),
    ],
)
def test_a_refusal_says_what_to_do_next(status: int, code: str, kind: type[StorageError]) -> None:
    assert type(refusal(status, code, "message")) is kind
