"""A variant that a search found, with its sweep and the command that fetches its artifact."""

from dataclasses import dataclass
from shlex import quote

from optfarm.row import Row


@dataclass(frozen=True)
class Found(Row):
    """A variant that a search found, and the sweep whose report has it."""

    sweep_id: str
    relative_time: float
    """Its time over the baseline's."""

    @property
    def pull_command(self) -> str | None:
        """How to fetch the artifact; None for the baseline, which is there already."""
        return None if self.recipe == "baseline" else f"optfarm artifact pull {self.sweep_id} {quote(self.recipe)}"
