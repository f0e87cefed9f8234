"""What can go wrong with a store, as one tree; a class says what the caller does next.

StorageError
├── NotFound     nothing is stored under the key: store it first
├── Corrupt      bytes are not those of their digest, or cannot be read any more: store them again
├── Unavailable  the store does not answer now: try again (Retry does)
├── Denied       the store refuses: an operator looks at keys, rights, bucket and region
└── BadName      a key, a digest or a path is malformed: fix the caller
"""

_MISDIGESTED = frozenset({"BadDigest", "InvalidDigest", "XAmzContentSHA256Mismatch", "XAmzContentChecksumMismatch"})
_MISPARTED = frozenset({"InvalidPart", "InvalidPartOrder", "EntityTooSmall", "MalformedXML"})
_PASSING = frozenset({"RequestTimeout", "ConditionalRequestConflict", "OperationAborted"})
_NOT_FOUND, _TIMEOUT, _TOO_MANY, _SERVER_ERROR = 404, 408, 429, 500


class StorageError(Exception):
    """Root of everything a store raises on purpose."""


class NotFound(StorageError):
    """Nothing is stored under the key."""


class Corrupt(StorageError):
    """Bytes are not those of their digest, or the store has lost them."""


class Unavailable(StorageError):
    """The store does not answer, or says that it cannot now."""


class Denied(StorageError):
    """The store refuses this request however often it is made."""


class BadName(StorageError):
    """A key, a digest or a path is malformed."""


def refusal(status: int, code: str, message: str) -> StorageError:
    """The error for an HTTP answer of an S3 server that is no success.

    Args:
        status: HTTP status.
        code: S3 error code; empty where the answer has no body, as for HEAD.
        message: what a person reads.
    """
    if code in _MISDIGESTED | _MISPARTED:
        return Corrupt(message)
    if code in _PASSING or status in (_TIMEOUT, _TOO_MANY) or status >= _SERVER_ERROR:
        return Unavailable(message)
    if status == _NOT_FOUND and code in ("", "NoSuchKey", "NoSuchUpload"):
        return NotFound(message)
    return Denied(message)
