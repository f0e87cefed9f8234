"""An object store in a bucket of any S3 server: AWS, MinIO, SeaweedFS, …"""

import contextlib
import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from optfarm_storage import files, signature
from optfarm_storage.errors import Corrupt, StorageError, refusal
from optfarm_storage.location import S3Location
from optfarm_storage.presign import checksum
from optfarm_storage.site import Site
from optfarm_storage.store import OnProgress, unreported
from optfarm_storage.wire import Answer, Source, Wire

SINGLE_BYTES = 64 << 20
"""What is larger goes up in parts."""
PART_BYTES = 32 << 20
RANGE_BYTES = 8 << 20
"""What is larger comes down in ranges side by side: one connection to a distant store is slow."""
_PARALLEL_PARTS = 4
_PARALLEL_QUESTIONS = 16
_WHOLE_BYTES = 1 << 20
"""What is not larger is read into memory before it is sent."""
_NOT_FOUND, _TAKEN, _NO_SUCH_RANGE = 404, 412, 416


class S3Store:
    """See ObjectStore. One object serves all threads of a process; it connects when it is first asked."""

    def __init__(self, location: S3Location, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.location = location
        self._site = Site(location)
        self._now = now

    def put(self, key: str, source: Path | bytes, *, sha256: str, progress: OnProgress = unreported) -> None:
        """Stores a file or bytes; what is larger than 64 MiB in parts side by side, and made one at the end."""
        if isinstance(source, bytes):
            self._put_bytes(key, source, sha256, progress)
            return
        size_bytes = source.stat().st_size
        if size_bytes <= _WHOLE_BYTES:
            self._put_bytes(key, source.read_bytes(), sha256, progress)
        elif size_bytes <= SINGLE_BYTES:
            self._put_file(key, source, size_bytes, sha256=sha256, progress=progress)
        else:
            self._put_parts(key, source, size_bytes, sha256=sha256, progress=progress)

    def put_new(self, key: str, content: bytes) -> bool:
        """Stores bytes unless the key is taken; whether it did."""
        sha256 = hashlib.sha256(content).hexdigest()
        answer = self._ask("PUT", key, payload=sha256, headers={"if-none-match": "*"}, body=content)
        if answer.status == _TAKEN:
            return False
        self._wanted(key, answer)
        return True

    def get(self, key: str, target: Path, *, sha256: str, progress: OnProgress = unreported) -> None:
        """Writes an object to a file."""
        with files.arriving(target.parent, progress=progress) as arrival:
            self._fetch(key, arrival)
            arrival.check(sha256, self._name(key))
            arrival.move(target)

    def _fetch(self, key: str, arrival: files.Arrival) -> None:
        """The first range says how long the object is; the others come side by side, and are hashed in order."""
        first = self._ask("GET", key, headers=_range(0), take=arrival.take)
        if first.status == _NO_SUCH_RANGE:
            self._wanted(key, self._ask("GET", key, take=arrival.take))
            return
        size_bytes = int(self._wanted(key, first).headers.get("content-range", "/0").rpartition("/")[2])

        def get(offset: int) -> int:
            self._wanted(key, self._ask("GET", key, headers=_range(offset), take=arrival.taker(offset)))
            return min(offset + RANGE_BYTES, size_bytes)

        if size_bytes <= RANGE_BYTES:
            return
        with ThreadPoolExecutor(_PARALLEL_PARTS) as pool:
            for end in pool.map(get, range(RANGE_BYTES, size_bytes, RANGE_BYTES)):
                arrival.catch_up(end)

    def read(self, key: str) -> bytes:
        """A small object."""
        return self._wanted(key, self._ask("GET", key)).body

    def sizes(self, keys: Iterable[str]) -> dict[str, int]:
        """Key → size in bytes, for the keys under which something is stored."""
        asked = list(keys)
        with ThreadPoolExecutor(_PARALLEL_QUESTIONS) as pool:
            found = pool.map(self._size, asked)
            return {key: size for key, size in zip(asked, found, strict=True) if size is not None}

    def stored(self, prefix: str) -> dict[str, float]:
        """Key → when it was stored, for every key that begins so; see Listing."""
        return self._site.control.stored(prefix)

    def close(self) -> None:
        """Closes idle connections; the store can still be used."""
        self._wire.close()
        self._site.close()

    @cached_property
    def _wire(self) -> Wire:
        return Wire(self._site.origin)

    def _size(self, key: str) -> int | None:
        answer = self._ask("HEAD", key)
        if answer.status == _NOT_FOUND:
            return None
        return int(self._wanted(key, answer).headers["content-length"])

    def _put_bytes(self, key: str, content: bytes, sha256: str, progress: OnProgress) -> None:
        _require_same(key, hashlib.sha256(content).hexdigest(), sha256)
        headers = {"x-amz-checksum-sha256": checksum(sha256)}
        self._wanted(key, self._ask("PUT", key, payload=sha256, headers=headers, body=content))
        progress(len(content))

    def _put_file(self, key: str, path: Path, size_bytes: int, *, sha256: str, progress: OnProgress) -> None:
        _require_same(key, files.digest_of(path, 0, size_bytes), sha256)
        headers = {"x-amz-checksum-sha256": checksum(sha256)}
        with files.opened(path, 0, size_bytes, progress=progress) as body:
            answer = self._ask("PUT", key, payload=sha256, headers=headers, body=body, size_bytes=size_bytes)
        self._wanted(key, answer)

    def _put_parts(self, key: str, path: Path, size_bytes: int, *, sha256: str, progress: OnProgress) -> None:
        def put(number: int) -> str:
            offset = (number - 1) * PART_BYTES
            length, query = min(PART_BYTES, size_bytes - offset), {"partNumber": str(number), "uploadId": upload_id}
            return self._put_part(key, path, offset, length, query=query, progress=progress)

        with self._upload(key) as upload_id, ThreadPoolExecutor(_PARALLEL_PARTS + 1) as pool:
            whole = pool.submit(files.digest_of, path, 0, size_bytes)
            etags = list(pool.map(put, range(1, -(-size_bytes // PART_BYTES) + 1)))
            _require_same(key, whole.result(), sha256)
            self._site.control.complete(key, upload_id, etags)

    def _put_part(
        self, key: str, path: Path, offset: int, length: int, *, query: Mapping[str, str], progress: OnProgress
    ) -> str:
        payload = files.digest_of(path, offset, length)
        with files.opened(path, offset, length, progress=progress) as body:
            answer = self._ask("PUT", key, payload=payload, query=query, body=body, size_bytes=length)
        return self._wanted(key, answer).headers["etag"]

    @contextmanager
    def _upload(self, key: str) -> Iterator[str]:
        """An upload in parts that is forgotten if the block fails."""
        upload_id = self._site.control.start(key)
        try:
            yield upload_id
        except BaseException:
            with contextlib.suppress(StorageError):
                self._site.control.abort(key, upload_id)
            raise

    def _ask(
        self,
        method: str,
        key: str,
        *,
        payload: str = signature.EMPTY,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | Source = b"",
        size_bytes: int | None = None,
        take: Callable[[memoryview], None] | None = None,
    ) -> Answer:
        request = self._site.request(method, key, query=query, headers=headers)
        region = self._site.location.region
        signed = signature.headers(request, payload, keys=self._site.keys_now(), region=region, now=self._now())
        length = len(body) if isinstance(body, bytes) else size_bytes or 0
        return self._wire.send(method, request.target, signed, body=body, size_bytes=length, take=take)

    def _wanted(self, key: str, answer: Answer) -> Answer:
        if answer.is_ok:
            return answer
        code, said = _error(answer.body)
        raise refusal(answer.status, code, f"{self._name(key)}: {answer.status} {code} {said}".rstrip())

    def _name(self, key: str) -> str:
        return f"{key} in bucket {self._site.location.bucket} at {self._site.endpoint}"


def _require_same(key: str, seen: str, wanted: str) -> None:
    if seen != wanted:
        raise Corrupt(f"the source of {key} has the digest {seen}, not {wanted}: was it changed meanwhile?")


def _range(offset: int) -> dict[str, str]:
    return {"range": f"bytes={offset}-{offset + RANGE_BYTES - 1}"}


def _error(body: bytes) -> tuple[str, str]:
    """Code and message of an error in S3's XML; both empty where there is none, as after HEAD."""
    text = body.decode(errors="replace")
    found = (re.search(f"<{name}>([^<]*)</{name}>", text) for name in ("Code", "Message"))
    code, message = (match[1] if match else "" for match in found)
    return code, message
