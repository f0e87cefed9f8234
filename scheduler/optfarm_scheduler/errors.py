"""What the scheduler refuses, as one tree; a class says what the caller does next.

SchedulerError
├── NotFound       name something that exists
├── Conflict       look at the state first: it does not allow this
│   └── LeaseLost    drop the work: somebody else holds the task, or it is cancelled
├── Denied         come with another token
├── NewerDatabase  install the newer version again, or name another database
└── Unavailable    come back later: the store, the broker or the database does not answer
    └── DatabaseFailed

What a submit gets wrong is a BadInput of optfarm_tasks; Refused carries several at once.
"""

from collections.abc import Sequence
from typing import Any

from optfarm_tasks.errors import BadParameter


class SchedulerError(Exception):
    """Root of everything the scheduler raises on purpose."""


class NotFound(SchedulerError):
    """Nothing of that name or id is known."""


class Conflict(SchedulerError):
    """What is stored does not allow this."""


class LeaseLost(Conflict):
    """The token is not the live one, or the task came to its end."""


class Denied(SchedulerError):
    """The token is known, but not for this."""


class NewerDatabase(SchedulerError):
    """The database was written by a newer version of the scheduler."""


class Unavailable(SchedulerError):
    """A part that the scheduler stands on does not answer now."""


class DatabaseFailed(Unavailable):
    """The database does not answer, or refuses a statement."""


class Refused(BadParameter):
    """Several things are wrong with a submit; each has its own line."""

    def __init__(self, message: str, errors: Sequence[dict[str, Any]] = ()) -> None:
        super().__init__(message)
        self.errors = tuple(errors)
