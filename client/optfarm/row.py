"""One variant of a report, with its speed-up, its loss, and its artifact to fetch."""

from dataclasses import dataclass, field
from pathlib import Path

from optfarm.api import Api
from optfarm.columns import percent_text, ratio_text, verdict_text
from optfarm.download import pull
from optfarm.errors import NotFound
from optfarm.loss import loss
from optfarm.transfer import OnProgress, no_progress
from optfarm_tasks.schema import sweep
from optfarm_tasks.schema.tree import Tree


@dataclass(frozen=True)
class Row:
    """A variant on a device: what was measured, and the way to its artifact."""

    facts: sweep.Row
    api: Api
    ties: tuple[str, ...] = field(default=(), kw_only=True)
    """Of the best one: the recipes whose times may be as short, for their 95% intervals overlap with its own."""

    def __repr__(self) -> str:
        """A line that says what it is: Row(tflite-int8 on vm.cpu: 3.91 [3.86, 3.96], loss 0.4%, clean)."""
        lost = "" if self.loss is None else f"loss {percent_text(self.loss)}"
        ratio = ratio_text(None if self.facts.measurement is None else self.facts.measurement.ratio)
        ties = f"ties with {', '.join(self.ties)}" if self.ties else ""
        words = ", ".join(word for word in (ratio, lost, verdict_text(self.facts), ties) if word)
        return f"{type(self).__name__}({self.recipe} on {self.device}: {words})"

    @property
    def recipe(self) -> str:
        """The recipe that made the variant, as people write it."""
        return str(self.facts.recipe)

    @property
    def device(self) -> str:
        """Where it was timed."""
        return self.facts.device

    @property
    def speed_up(self) -> float | None:
        """Baseline time over its time on the same device, so above 1 it is faster; None where there is no ratio."""
        return None if self.facts.measurement is None else self.facts.measurement.ratio.value

    @property
    def loss(self) -> float | None:
        """The loss of quality, see `optfarm.loss`; None when not evaluated."""
        return None if self.facts.quality is None else loss(self.facts.quality)

    def pull(self, folder: str | Path, *, on_progress: OnProgress = no_progress) -> Path:
        """Brings the artifact's files into a folder; gives the folder.

        Raises:
            NotFound: it has no artifact, because it failed or is the baseline itself.
            BadRequest: the folder has another file under one of the names; none is replaced.
            FarmError: the farm refused or stayed away.
        """
        return pull(self.api.connection, self.tree(), Path(folder), on_progress=on_progress)

    def tree(self) -> Tree:
        """The files of the artifact, see `pull`."""
        if self.facts.convert_task is None:
            raise NotFound(f"{self.recipe} has no artifact of its own")
        task = self.api.task(self.facts.convert_task)
        if task.result is None:
            raise NotFound(f"{self.recipe} has no artifact: its conversion is {task.state}")
        return task.result.outputs
