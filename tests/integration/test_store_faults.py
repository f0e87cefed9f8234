"""Stores that go away, refuse, or die while they write."""

import hashlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from optfarm_storage.errors import Denied, Unavailable
from optfarm_storage.keys import blob
from optfarm_storage.local import LocalStore
from optfarm_storage.location import S3Location
from optfarm_storage.retry import Retry
from optfarm_storage.s3 import S3Store
from tests.integration.stores import digest_of, elsewhere, put
from tests.servers import S3Server, free_ports, serving
from tests.waiting import until

MB = 1 << 20
WRITER = """
import hashlib, os, sys
from pathlib import Path
from optfarm_storage.local import LocalStore
source = Path(sys.argv[2])
sha256 = hashlib.sha256(source.read_bytes()).hexdigest()
def reported(size_bytes):
    print(size_bytes, flush=True)
    sys.stdin.readline()
LocalStore(Path(sys.argv[1])).put(f"blobs/{sha256}", source, sha256=sha256, progress=reported)
"""


@pytest.fixture
def own_s3(tmp_path: Path) -> Iterator[S3Server]:
    """A server that the test may kill."""
    with serving(S3Server(tmp_path)) as server:
        yield server


def test_an_unreachable_server_is_named(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    endpoint = f"http://127.0.0.1:{port}"
    store = S3Store(elsewhere(endpoint))
    (tmp_path / "large").write_bytes(bytes(65 * MB))

    with pytest.raises(Unavailable, match=endpoint):
        store.read("blobs/x")
    with pytest.raises(Unavailable, match=endpoint):
        store.put("blobs/x", tmp_path / "large", sha256="0" * 64)
    store.close()


def test_work_goes_on_when_the_server_comes_back(own_s3: S3Server, capsys: pytest.CaptureFixture[str]) -> None:
    location = own_s3.bucket()
    bare = S3Store(location)
    kept = put(bare, b"kept")
    own_s3.kill()
    seen: list[bytes] = []
    reader = threading.Thread(target=lambda: seen.append(Retry(bare).read(blob(kept))))

    reader.start()
    until(lambda: "store_unavailable" in capsys.readouterr().out, deadline_s=10)
    own_s3.start()
    reader.join(timeout=60)

    assert seen == [b"kept"]
    bare.close()


def test_a_server_that_dies_during_an_upload_is_waited_for(own_s3: S3Server, tmp_path: Path) -> None:
    location = own_s3.bucket()
    bare = S3Store(location)
    content = os.urandom(MB) * 70
    (tmp_path / "large").write_bytes(content)
    reported: list[int] = []
    is_killed = threading.Event()

    def progress(size_bytes: int) -> None:
        reported.append(size_bytes)
        if not is_killed.is_set():
            is_killed.set()
            own_s3.restart()

    Retry(bare).put(blob(digest_of(content)), tmp_path / "large", sha256=digest_of(content), progress=progress)

    assert sum(reported) == len(content)
    assert hashlib.sha256(Retry(bare).read(blob(digest_of(content)))).hexdigest() == digest_of(content)
    bare.close()


def test_a_connection_that_the_server_has_closed_is_not_used_again(own_s3: S3Server) -> None:
    location = own_s3.bucket()
    with closing(S3Store(location)) as store, closing(S3Store(location)) as other:
        sha256 = put(store, b"kept")

        own_s3.restart()
        # A server that has just come back answers 500 for a moment, which is not what this is about.
        Retry(other).read(blob(sha256))

        assert store.read(blob(sha256)) == b"kept"


def test_an_absent_bucket_is_reported(s3: S3Location) -> None:
    with closing(S3Store(replace(s3, bucket="no-such-bucket"))) as store, pytest.raises(Denied, match="no-such-bucket"):
        store.read("blobs/x")


@pytest.mark.parametrize("wrong", [{"secret_key": "wrong"}, {"access_key": "nobody"}])
def test_a_refusal_is_reported_at_once(s3: S3Location, tmp_path: Path, wrong: dict[str, str]) -> None:
    bare = S3Store(replace(s3, **wrong))
    (tmp_path / "large").write_bytes(bytes(65 * MB))

    with pytest.raises(Denied, match=bare.location.bucket):
        Retry(bare).read("blobs/x")
    with pytest.raises(Denied):
        Retry(bare).put("blobs/x", b"content", sha256=digest_of(b"content"))
    with pytest.raises(Denied):
        Retry(bare).put("blobs/x", tmp_path / "large", sha256=digest_of(bytes(65 * MB)))
    bare.close()


def test_an_upload_that_fails_leaves_no_parts(s3_server: S3Server, s3: S3Location, tmp_path: Path) -> None:
    store = S3Store(s3)
    (tmp_path / "large").write_bytes(bytes(65 * MB))

    def fail(_: int) -> None:
        raise RuntimeError("seen enough")

    with pytest.raises(RuntimeError):
        store.put("blobs/x", tmp_path / "large", sha256="0" * 64, progress=fail)

    assert s3_server.client.list_multipart_uploads(Bucket=s3.bucket).get("Uploads", []) == []
    assert store.sizes(["blobs/x"]) == {}
    store.close()


def test_a_writer_that_is_killed_leaves_no_object(tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(os.urandom(3 * MB))
    command = [sys.executable, "-c", WRITER, str(tmp_path / "store"), str(tmp_path / "source")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        assert int(writer.stdout.readline()) == MB

        writer.send_signal(signal.SIGKILL)
        writer.wait()

    sha256 = hashlib.sha256((tmp_path / "source").read_bytes()).hexdigest()
    assert LocalStore(tmp_path / "store").sizes([blob(sha256)]) == {}
    assert not (tmp_path / "store" / "blobs").exists()
