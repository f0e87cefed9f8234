"""Puts the measuring method to the proof, writes docs/measurement-proof.md, and fails where a bound does not hold."""

import argparse
import contextlib
import os
import sys
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from rich.console import Console

from benchmarks.__main__ import machine, table
from benchmarks.measurement import agreement, contention, detection, overhead, page, repeatability, twins
from benchmarks.measurement.journal import Journal
from benchmarks.measurement.rig import Rig
from benchmarks.measurement.yardsticks import versions

ROOT = Path(__file__).parents[2]
SECTIONS = {
    "agreement": (agreement, agreement.ROUNDS),
    "repeatability": (repeatability, repeatability.RUNS),
    "twins": (twins, twins.TWINS),
    "detection": (detection, detection.RUNS),
    "contention": (contention, contention.RUNS),
    "overhead": (overhead, overhead.RUNS),
}


def main() -> int:
    """The exit code: 0 when every bound holds of the sections that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", action="append", choices=SECTIONS, help="a section; repeatable; all of them if none")
    parser.add_argument("--count", type=int, help="rounds, runs or twins of each section instead of its own number")
    parser.add_argument("--fresh", action="store_true", help="forget the rows of earlier runs of these sections")
    parser.add_argument("--render", action="store_true", help="write the page of what there is, measure nothing")
    parser.add_argument("--work", type=Path, default=ROOT / "build/measurement", help="models, tools and raw rows")
    parser.add_argument("--page", type=Path, default=ROOT / "docs/measurement-proof.md", help="the page to write")
    options = parser.parse_args()
    folder, wanted = options.work.absolute(), options.only or list(SECTIONS)
    folder.mkdir(parents=True, exist_ok=True)
    files = {name: folder / f"{name}.json" for name in SECTIONS}
    for name in wanted if options.fresh else ():
        files[name].unlink(missing_ok=True)
    journals = {name: Journal(file, machine=machine()) for name, file in files.items()}
    if not options.render:
        _measure(journals, wanted, folder, count=options.count)
    figures = {name: section.figures(journals[name].rows) for name, (section, _) in SECTIONS.items()}
    before = options.page.read_text() if options.page.is_file() else ""
    options.page.write_text(page.text(figures, machine=machine(), versions=versions(), before=before))
    asked = [figure for name in wanted for figure in figures[name]]
    Console().print(table(asked))
    return 0 if all(figures[name] for name in wanted) and all(figure.holds for figure in asked) else 1


def _measure(journals: Mapping[str, Journal], wanted: Collection[str], folder: Path, *, count: int | None) -> None:
    """Takes what the sections still lack; blocks for minutes."""
    # Residents and tools import the benchmarks' own runtimes, from wherever this was started.
    os.environ["PYTHONPATH"] = str(ROOT)
    rig = Rig.here()
    with _children_write_to(folder / "log"):
        for name in wanted:
            section, own_count = SECTIONS[name]
            section.take(rig, journals[name], folder, count=count or own_count)


@contextlib.contextmanager
def _children_write_to(log: Path) -> Iterator[None]:
    """Keeps what runtimes say of themselves out of the progress."""
    with log.open("ab") as stream, os.fdopen(os.dup(2), "wb") as before:
        os.dup2(stream.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(before.fileno(), 2)


if __name__ == "__main__":
    sys.exit(main())
