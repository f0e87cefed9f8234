"""Lets Olive, NNCF and Neural Compressor optimise the PilotNet, and races the farm's best against theirs."""

import argparse
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from rich.console import Console

from benchmarks.__main__ import hardware, table
from benchmarks.figure import Figure
from benchmarks.peers import contest, sweep
from benchmarks.peers.contest import Entry, Ranking
from benchmarks.peers.page import Contender, text
from benchmarks.peers.peer import PEERS, Searched
from benchmarks.peers.pilotnet import ROOT, PilotNet, prepared
from benchmarks.peers.tasks import LocalTasks, TaskFailed
from optfarm_tasks.schema.measurement import Measurement
from optfarm_tasks.schema.spec import Effort

MAX_LOSS = 0.05
FASTER, SMALLER, CODED = 8, 12, 14
"""Times: as fast as the SavedModel, as small as the Keras file, and, coded, as small as the SavedModel."""


def main() -> int:
    """The exit code: 0 when every bound holds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", action="append", choices=[peer.name for peer in PEERS], help="one peer; repeatable")
    parser.add_argument("--recipe", action="append", help="a recipe of the farm's sweep instead of its own; repeatable")
    parser.add_argument("--model", type=Path, default=ROOT / "build/pilotnet", help="folder of the PilotNet")
    parser.add_argument("--work", type=Path, default=ROOT / "build/peers", help="folder for environments and artifacts")
    parser.add_argument("--page", type=Path, default=ROOT / "docs/peers.md", help="the page to write (docs/peers.md)")
    options = parser.parse_args()
    tasks = LocalTasks(options.work.absolute())
    model = prepared(options.model.absolute(), tasks)
    peers = [peer for peer in PEERS if options.peer is None or peer.name in options.peer]
    judged = partial(_judged, model=model, tasks=tasks)
    searches = {peer.title: peer.search(model, tasks.folder / peer.name, max_loss=MAX_LOSS) for peer in peers}
    others = [judged(title, found) for title, found in searches.items()]
    recipes = tuple(options.recipe or sweep.RECIPES)
    own = judged("optfarm", sweep.search(model, tasks.folder / "optfarm", recipes))
    figures = [*_races(own.ranking, others, model, tasks), *_targets(own.ranking, model, tasks)]
    options.page.write_text(text(figures, [own, *others], hardware=hardware(), max_loss=MAX_LOSS))
    Console().print(table(figures))
    return 0 if len(figures) == len(peers) + 3 and all(figure.holds for figure in figures) else 1


def _judged(title: str, found: Searched, *, model: PilotNet, tasks: LocalTasks) -> Contender:
    ranking = contest.rank(found.artifacts, model, tasks, max_loss=MAX_LOSS)
    return Contender(title, ranking, found.versions, found.did, found.failed, found.failure)


def _races(own: Ranking, others: list[Contender], model: PilotNet, tasks: LocalTasks) -> Iterator[Figure]:
    """One figure for each peer that has an artifact to race against."""
    for other in others:
        theirs = other.ranking.best
        if own.best is None or theirs is None:
            continue
        try:
            raced = contest.race(theirs.artifact.folder, own.best.artifact.folder, model, tasks, Effort.FULL)
        except TaskFailed as error:
            raise SystemExit(f"{own.best.artifact.label} against {theirs.artifact.label}: {error}") from error
        note = f"{own.best.artifact.label} against {theirs.artifact.label}: {_said(raced)}"
        yield Figure(f"optfarm ÷ {other.title}", contest.speed_up(raced), "", ">=", 1, note)


def _targets(own: Ranking, model: PilotNet, tasks: LocalTasks) -> Iterator[Figure]:
    """Latency, size and coded size of the PilotNet, each by the artifact that is best at it."""
    plain = [entry for entry in own.entries if not _is_coded(entry)]
    coded = [entry for entry in own.entries if _is_coded(entry)]
    if own.best is not None:
        raced = contest.race(model.saved_model, own.best.artifact.folder, model, tasks, Effort.FULL)
        note = f"{own.best.artifact.label}: {_said(raced)}"
        yield Figure("latency ÷ SavedModel", contest.speed_up(raced), "", ">=", FASTER, note)
    if plain:
        yield _size("size ÷ Keras file", plain, model.keras.stat().st_size, SMALLER)
    if coded:
        whole = sum(file.stat().st_size for file in model.saved_model.rglob("*") if file.is_file())
        yield _size("coded size ÷ SavedModel", coded, whole, CODED)


def _size(name: str, entries: list[Entry], whole_bytes: int, bound: float) -> Figure:
    smallest = min(entries, key=lambda entry: entry.size_bytes)
    mb = f"{whole_bytes / 1e6:.3g} MB to {smallest.size_bytes / 1e6:.3g} MB"
    note = f"{smallest.artifact.label}: {mb}, error {smallest.loss:+.1%}"
    return Figure(name, whole_bytes / smallest.size_bytes, "", ">=", bound, note)


def _said(measured: Measurement) -> str:
    ratio = measured.ratio
    interval = f"95% {ratio.ci95[0]:.3f} to {ratio.ci95[1]:.3f}" if ratio.ci95 else "no interval"
    return f"{interval}, {ratio.pairs} pairs, {measured.verdict}"


def _is_coded(entry: Entry) -> bool:
    return any(file.suffix == ".coded" for file in entry.artifact.folder.iterdir())


if __name__ == "__main__":
    sys.exit(main())
