"""Where the requests of a bucket go, and who signs them."""

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from optfarm_storage.errors import BadName
from optfarm_storage.keys import checked
from optfarm_storage.location import S3Location
from optfarm_storage.signature import Keys, Request

if TYPE_CHECKING:
    from optfarm_storage.control import Control

_PORTS = {"http": 80, "https": 443}


class Site:
    """One bucket at one server; `endpoint` may name the server otherwise than the location does."""

    def __init__(self, location: S3Location, *, endpoint: str | None = None) -> None:
        self.location = location
        self._named = endpoint or location.endpoint

    @cached_property
    def control(self) -> "Control":
        """What boto3 does."""
        from optfarm_storage.control import Control  # noqa: PLC0415 (boto3 is heavy and seldom needed)

        return Control(self.location)

    @cached_property
    def endpoint(self) -> str:
        """URL of the server, with the bucket in its host name where AWS wants it there."""
        if self._named:
            return self._named.rstrip("/")
        scheme, _, host = self.control.endpoint.partition("://")
        return f"{scheme}://{self.location.bucket}.{host}" if self._is_in_host else self.control.endpoint

    @cached_property
    def keys(self) -> Keys | None:
        """The location's own keys."""
        given = self.location
        return Keys(given.access_key, given.secret_key or "") if given.access_key else None

    def keys_now(self) -> Keys:
        """Keys that are valid now; temporary ones are renewed."""
        return self.keys or self.control.keys()

    def close(self) -> None:
        """Closes the connections of boto3, if it was needed."""
        if "control" in vars(self):
            self.control.close()

    def request(
        self, method: str, key: str, *, query: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> Request:
        """A request about an object."""
        host, root = self._place
        return Request(method, host, f"{root}/{checked(key)}", query or {}, headers or {})

    @property
    def origin(self) -> str:
        """What stands before the path in a URL."""
        return f"{urlsplit(self.endpoint).scheme}://{self._place[0]}"

    @property
    def _is_in_host(self) -> bool:
        """A bucket whose name has dots fits no certificate."""
        return not self._named and "." not in self.location.bucket

    @cached_property
    def _place(self) -> tuple[str, str]:
        """Host as requests name it, and the path below which objects lie."""
        parts = urlsplit(self.endpoint)
        if parts.scheme not in _PORTS or not parts.hostname:
            raise BadName(f"{self.endpoint!r} is no URL of a server: http://host:port or https://host is wanted")
        host = parts.hostname if parts.port in (None, _PORTS[parts.scheme]) else parts.netloc
        root = parts.path.rstrip("/")
        return host, root if self._is_in_host else f"{root}/{self.location.bucket}"
