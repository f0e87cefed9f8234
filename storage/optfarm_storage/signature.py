"""Signs S3 requests: AWS Signature Version 4, in headers or in a URL. Pure.

botocore signs too, but a request through it costs four times the processor time of one through `wire`
(docs/storage.md), and tests hold both to the same signatures.
https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from urllib.parse import quote

UNSIGNED = "UNSIGNED-PAYLOAD"
EMPTY = hashlib.sha256().hexdigest()
_ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass(frozen=True)
class Keys:
    """Credentials; the token belongs to temporary ones."""

    access: str
    secret: str = field(repr=False)
    token: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Request:
    """What is signed."""

    method: str
    host: str
    """With the port, unless it is the scheme's own."""
    path: str
    """As it is sent: percent-encoded."""
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    """Signed beside the host; names in lower case."""

    @property
    def target(self) -> str:
        """Path and query, as the request line has them."""
        return f"{self.path}?{_query(self.query)}" if self.query else self.path


def headers(request: Request, payload: str, *, keys: Keys, region: str, now: datetime) -> dict[str, str]:
    """Every header that the request needs.

    Args:
        request: what is asked.
        payload: SHA-256 of the body in hex, or UNSIGNED.
        keys: who asks.
        region: where the bucket is.
        now: time in UTC; servers accept 15 minutes of difference.
    """
    stamp = f"{now:%Y%m%dT%H%M%SZ}"
    extra = {"host": request.host, "x-amz-content-sha256": payload, "x-amz-date": stamp}
    if keys.token:
        extra["x-amz-security-token"] = keys.token
    signed = {**request.headers, **extra}
    signature = _signature(request, signed, request.query, payload, keys=keys, region=region, stamp=stamp)
    credential = f"{keys.access}/{_scope(stamp, region)}"
    names = ";".join(sorted(signed))
    proof = f"{_ALGORITHM} Credential={credential}, SignedHeaders={names}, Signature={signature}"
    return {**signed, "authorization": proof}


def target(request: Request, *, keys: Keys, region: str, now: datetime, expires_s: int) -> str:
    """Path and query of a URL that anyone may use until it expires, with the headers of the request."""
    stamp = f"{now:%Y%m%dT%H%M%SZ}"
    signed = {**request.headers, "host": request.host}
    query = {
        **request.query,
        "X-Amz-Algorithm": _ALGORITHM,
        "X-Amz-Credential": f"{keys.access}/{_scope(stamp, region)}",
        "X-Amz-Date": stamp,
        "X-Amz-Expires": str(expires_s),
        "X-Amz-SignedHeaders": ";".join(sorted(signed)),
    }
    if keys.token:
        query["X-Amz-Security-Token"] = keys.token
    signature = _signature(request, signed, query, UNSIGNED, keys=keys, region=region, stamp=stamp)
    return f"{request.path}?{_query(query)}&X-Amz-Signature={signature}"


def _signature(
    request: Request,
    signed: Mapping[str, str],
    query: Mapping[str, str],
    payload: str,
    *,
    keys: Keys,
    region: str,
    stamp: str,
) -> str:
    names = sorted(signed)
    lines = "".join(f"{name}:{signed[name]}\n" for name in names)
    canonical = "\n".join((request.method, request.path, _query(query), lines, ";".join(names), payload))
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    text = f"{_ALGORITHM}\n{stamp}\n{_scope(stamp, region)}\n{digest}"
    return hmac.digest(_signing_key(keys.secret, stamp[:8], region), text.encode(), "sha256").hex()


@lru_cache(maxsize=8)
def _signing_key(secret: str, day: str, region: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for word in (day, region, "s3", "aws4_request"):
        key = hmac.digest(key, word.encode(), "sha256")
    return key


def _scope(stamp: str, region: str) -> str:
    return f"{stamp[:8]}/{region}/s3/aws4_request"


def _query(query: Mapping[str, str]) -> str:
    return "&".join(f"{quote(name, safe='-_.~')}={quote(query[name], safe='-_.~')}" for name in sorted(query))
