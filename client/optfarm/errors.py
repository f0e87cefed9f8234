"""Why the farm did not do what was asked, as one tree; a class says what the caller does next.

FarmError
├── BadRequest        fix what was handed in
├── NotFound          look at what there is
├── NotAllowed        use a token that may do this
└── Unreachable       start the farm, or wait for it
    ├── Broken          read the scheduler's log: it answered, and failed
    └── NotStarted      read why a part of the embedded farm did not come up
"""

import re
from typing import ClassVar


class FarmError(Exception):
    """Root of everything the client raises on purpose; `exit_code` is what the command line ends with."""

    exit_code: ClassVar[int] = 4

    @property
    def reason(self) -> str:
        """The class as `--json` names it: not_found."""
        return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", type(self).__name__).lower()


class BadRequest(FarmError):
    """What was handed in is wrong; the same request fails again."""

    exit_code = 2

    def __init__(self, message: str, errors: tuple[str, ...] = ()) -> None:
        new = (error for error in dict.fromkeys(errors) if error not in message)
        super().__init__("\n".join((message, *(f"  {error}" for error in new))))
        self.errors = errors


class NotFound(FarmError):
    """There is no such model, data set, sweep, task or device."""

    exit_code = 3


class NotAllowed(FarmError):
    """The token is missing, wrong, or of a role that may not do this."""

    exit_code = 5


class Unreachable(FarmError):
    """Nothing answers at the farm's address, however often it was tried."""


class Broken(Unreachable):
    """The farm answered with an error of its own."""


class NotStarted(Unreachable):
    """A part of the embedded farm did not come up, or cannot be installed or placed as asked."""
