"""docs/peers.md: the figures, the contenders and how they were found."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.figure import Figure
from benchmarks.peers.contest import Ranking

FIGURES = ("what", "value", "bound", "holds", "how")
CONTENDERS = ("optimiser", "best artifact", "error", "p50 ms", "SavedModel ÷", "MB", "engine precision")

HEAD = """# The farm and its peers

Written by `python -m benchmarks.peers` on {hardware}.

Everybody optimises the same trained PilotNet (`examples/pilotnet`) with the same calibration frames, and may let the
mean square error against the labels of the test frames rise by {limit:.0%}. Each peer runs in an environment of its own
(`benchmarks/peers/*.lock`), by its own API, from an ONNX file that tf2onnx makes. Whatever a peer leaves is then judged
alike: the farm evaluates every artifact, times those within the limit on one thread and batch 1 against the TensorFlow
SavedModel (effort `quick`), and takes the fastest. The two bests race each other at the effort `full`, in the
farm's runtimes; see [measurement](measurement.md). Above 1 the farm's artifact is faster.

Peers quantise after training. The farm may also fine-tune, on the same data set.
"""


@dataclass(frozen=True)
class Contender:
    """One line of the page, and what is said below it."""

    title: str
    ranking: Ranking = field(default_factory=Ranking)
    versions: Mapping[str, str] = field(default_factory=dict)
    did: str = ""
    failed: Mapping[str, str] = field(default_factory=dict)
    failure: str = ""

    @property
    def reason(self) -> str:
        """Why there is no best artifact."""
        return self.failure or "no artifact is within the limit"


def text(figures: Sequence[Figure], contenders: Sequence[Contender], *, hardware: str, max_loss: float) -> str:
    """The whole page."""
    tables = [_table(FIGURES, [figure.row() for figure in figures]), _table(CONTENDERS, map(_row, contenders))]
    about = ["\n".join(_about(contender)) for contender in contenders]
    return "\n\n".join([HEAD.format(hardware=hardware, limit=max_loss).rstrip(), *tables, *about]) + "\n"


def _row(contender: Contender) -> tuple[str, ...]:
    best = contender.ranking.best
    if best is None:
        return (contender.title, f"none: {_cell(contender.reason)}", "", "", "", "", "")
    measured = best.measured
    return (
        contender.title,
        f"`{best.artifact.label}`",
        f"{best.loss:+.1%}",
        f"{measured.latency_ns.p50 / 1e6:.3g}",
        f"{measured.ratio.value:.2f}",
        f"{best.size_bytes / 1e6:.3g}",
        measured.engine_precision,
    )


def _about(contender: Contender) -> Iterable[str]:
    yield f"## {contender.title}\n"
    if contender.versions:
        yield "Versions: " + ", ".join(f"{name} {version}" for name, version in contender.versions.items()) + ".\n"
    if contender.did:
        yield f"Ran: {contender.did}.\n"
    if contender.failure:
        yield f"* failed: {_cell(contender.failure)}"
    for entry in contender.ranking.entries:
        faster = f"SavedModel ÷ {entry.measured.ratio.value:.2f} ({entry.measured.verdict})"
        yield f"* `{entry.artifact.label}`: {faster}, error {entry.loss:+.1%}"
    for label, why in {**contender.failed, **contender.ranking.refused}.items():
        yield f"* `{label}` is out: {_cell(why)}"


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [headings, ("---",) * len(headings), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def _cell(words: str) -> str:
    """One line that no table breaks at, not longer than a reader wants."""
    line = " ".join(words.replace("|", "/").split())
    return line if len(line) <= 200 else f"{line[:199]}…"
