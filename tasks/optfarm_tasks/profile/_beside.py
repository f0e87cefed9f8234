"""What profilers share that load a model once more to observe it."""

from pathlib import Path
from typing import Any

from optfarm_tasks.description import Signature
from optfarm_tasks.runtime import Arrays, Session


class Beside:
    """A model as its runtime loads it; whoever observes it loads the file a second time."""

    def __init__(self, plain: Session, file: Path, *, threads: int) -> None:
        """Takes the model as the runtime loads it, and the file that it is of."""
        self._plain, self._file, self._threads = plain, file, threads

    @property
    def signature(self) -> Signature:
        """That of the file."""
        return self._plain.signature

    def feed(self, inputs: Arrays) -> Any:
        """What the runtime takes."""
        return self._plain.feed(inputs)

    def run(self, feed: Any) -> Any:
        """One inference that nobody observes."""
        return self._plain.run(feed)
