"""URLs by which people without keys read and write the objects of a bucket."""

import base64
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from optfarm_storage import signature
from optfarm_storage.keys import digest
from optfarm_storage.location import S3Location
from optfarm_storage.site import Site
from optfarm_storage.store import Ticket

VALID_S = 6 * 3600


class S3Presigner:
    """See Presigner. URLs name the location's public endpoint."""

    def __init__(
        self, location: S3Location, *, valid_s: int = VALID_S, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._site = Site(location, endpoint=location.public_endpoint)
        self._valid_s = valid_s
        self._now = now

    def get_url(self, key: str) -> str:
        """Where the object can be read."""
        return self._signed(self._site.request("GET", key))

    def put_ticket(self, key: str, *, sha256: str) -> Ticket:
        """Where bytes with that digest, and no others, can be put."""
        headers = {"x-amz-checksum-sha256": checksum(sha256)}
        return Ticket(self._signed(self._site.request("PUT", key, headers=headers)), headers)

    def start_parts(self, key: str, count: int) -> tuple[str, tuple[str, ...]]:
        """Begins an upload in parts: its id, and where each part is put."""
        upload_id = self._site.control.start(key)
        queries = [{"partNumber": str(number), "uploadId": upload_id} for number in range(1, count + 1)]
        return upload_id, tuple(self._signed(self._site.request("PUT", key, query=query)) for query in queries)

    def complete_parts(self, key: str, *, upload_id: str, etags: Sequence[str]) -> None:
        """Makes the object of its parts; doing so again is no error."""
        self._site.control.complete(key, upload_id, etags)

    def close(self) -> None:
        """Closes idle connections; URLs can still be made."""
        self._site.close()

    def _signed(self, request: signature.Request) -> str:
        target = signature.target(
            request,
            keys=self._site.keys_now(),
            region=self._site.location.region,
            now=self._now(),
            expires_s=self._valid_s,
        )
        return f"{self._site.origin}{target}"


def checksum(sha256: str) -> str:
    """A digest as S3 writes it."""
    return base64.b64encode(bytes.fromhex(digest(sha256))).decode()
