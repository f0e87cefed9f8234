"""Runs every benchmark on one embedded farm, writes docs/performance.md, and fails where a bound does not hold."""

import argparse
import importlib.util
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from benchmarks import footprint, overhead, storage_throughput
from benchmarks.farm import running_farm
from benchmarks.figure import Figure

HEADINGS = ("what", "value", "bound", "holds", "how")
PAGE = Path(__file__).parents[1] / "docs/performance.md"


def main() -> int:
    """The exit code: 0 when every bound holds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--page", type=Path, default=PAGE, help="the page to write (docs/performance.md)")
    options = parser.parse_args()
    figures = measure()
    options.page.write_text(page(figures))
    if options.json:
        sys.stdout.write(json.dumps([figure.as_json() for figure in figures], indent=2) + "\n")
    else:
        Console().print(table(figures))
    return 0 if all(figure.holds for figure in figures) else 1


def measure() -> list[Figure]:
    """Every figure, one after the other: nothing else runs while a clock does."""
    with running_farm() as farm:
        idle = footprint.figures(farm)
        added = overhead.figures(farm, subject())
    return [*idle, *added, *storage_throughput.figures()]


def subject() -> Path:
    """The model that is swept: basic-pitch 0.4.0, small, so that what the farm adds shows."""
    found = importlib.util.find_spec("basic_pitch")
    if found is None or found.submodule_search_locations is None:
        raise SystemExit("basic-pitch is not installed: run `make setup`")
    return Path(found.submodule_search_locations[0]) / "saved_models/icassp_2022/nmp"


def table(figures: list[Figure]) -> Table:
    """The figures for the terminal."""
    shown = Table(*HEADINGS)
    for figure in figures:
        shown.add_row(*figure.row(), style=None if figure.holds else "bold red")
    return shown


def page(figures: list[Figure]) -> str:
    """The figures as a page, with the hardware beside them."""
    rows = ["| " + " | ".join(cells) + " |" for cells in (HEADINGS, ("---",) * 5, *(each.row() for each in figures))]
    return "\n".join(["# Performance", "", f"Written by `make bench` on {hardware()}.", "", *rows, ""])


def hardware() -> str:
    """The machine in words, and the date."""
    return f"{machine()}, {datetime.now(UTC):%Y-%m-%d}"


def machine() -> str:
    """The machine in words."""
    model = next(
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    )
    memory_gb = psutil.virtual_memory().total / 1e9
    return f"{psutil.cpu_count()} cores of {model}, {memory_gb:.0f} GB"


if __name__ == "__main__":
    sys.exit(main())
