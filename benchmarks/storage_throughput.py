"""How fast storage pushes and pulls beside s5cmd on the same S3 server: python -m benchmarks.storage_throughput."""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.figure import Figure
from optfarm_storage.location import S3Location
from optfarm_storage.retry import Retry
from optfarm_storage.s3 import S3Store
from optfarm_storage.store import ObjectStore
from optfarm_storage.tree import pull, push
from optfarm_tasks.schema.tree import scan
from tests.servers import S3Server, serving

BOUND = 0.8
ROUNDS = 9
S5CMD = Path(sys.executable).with_name("s5cmd")


@dataclass(frozen=True)
class Load:
    """Files that are moved."""

    name: str
    files: int
    size_bytes: int


LOADS = (Load("100 MB", 1, 100_000_000), Load("1,000 files of 10 KB", 1000, 10_000))


@dataclass(frozen=True)
class Round:
    """Seconds that each took for the same files."""

    ours_s: float
    s5cmd_s: float

    @property
    def ratio(self) -> float:
        """Throughput relative to s5cmd's."""
        return self.s5cmd_s / self.ours_s


def main() -> int:
    """The exit code: 0 when every bound holds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"interleaved rounds ({ROUNDS})")
    options = parser.parse_args()
    measured = figures(rounds=options.rounds)
    if options.json:
        sys.stdout.write(json.dumps([figure.as_json() for figure in measured], indent=2) + "\n")
    else:
        Console().print(table(measured))
    return 0 if all(figure.holds for figure in measured) else 1


def table(measured: Iterable[Figure]) -> Table:
    """The figures for the terminal."""
    shown = Table("what", "value", "bound", "holds", "how")
    for figure in measured:
        shown.add_row(*figure.row(), style=None if figure.holds else "bold red")
    return shown


def figures(*, rounds: int = ROUNDS) -> list[Figure]:
    """Throughput of pushes and pulls ÷ s5cmd's, as medians of rounds in which both take turns."""
    with tempfile.TemporaryDirectory(prefix="optfarm-bench-") as folder, serving(S3Server(Path(folder))) as server:
        return [figure for load in LOADS for figure in _figures(server.bucket(), load, Path(folder), rounds)]


def _figures(location: S3Location, load: Load, folder: Path, rounds: int) -> list[Figure]:
    pushes, pulls = [], []
    with closing(S3Store(location)) as store:
        for number in range(rounds + 1):
            place = folder / f"{load.files}-{number}"
            pushed, pulled = _round(Retry(store), location, load, place, ours_first=number % 2 == 0)
            pushes.append(pushed)
            pulls.append(pulled)
            shutil.rmtree(place)  # else every round writes to memory that the kernel has yet to clear, and times that
    # The first round fills pools and caches on both sides.
    return [_figure("push", load, pushes[1:]), _figure("pull", load, pulls[1:])]


def _figure(verb: str, load: Load, rounds: list[Round]) -> Figure:
    ours_s = statistics.median(each.ours_s for each in rounds)
    s5cmd_s = statistics.median(each.s5cmd_s for each in rounds)
    note = f"median of {len(rounds)} rounds; {_speed(load, ours_s)} against {_speed(load, s5cmd_s)}"
    ratio = statistics.median(each.ratio for each in rounds)
    return Figure(f"{verb} {load.name} ÷ s5cmd", ratio, "", ">=", BOUND, note)


def _speed(load: Load, duration_s: float) -> str:
    return f"{load.files * load.size_bytes / duration_s / 1e6:.0f} MB/s"


def _round(
    store: ObjectStore, location: S3Location, load: Load, place: Path, *, ours_first: bool
) -> tuple[Round, Round]:
    source = place / "source"
    source.mkdir(parents=True)
    for number in range(load.files):
        (source / f"{number:04}").write_bytes(os.urandom(load.size_bytes))
    files = scan(source).files
    remote = f"s3://{location.bucket}/s5cmd/{place.name}"
    pushed = _taking_turns(
        lambda: push(store, source, files),
        lambda: _s5cmd(location, f"{source}/", f"{remote}/"),
        ours_first=ours_first,
    )
    pulled = _taking_turns(
        lambda: pull(store, files, place / "ours"),
        lambda: _s5cmd(location, f"{remote}/*", f"{place}/theirs/"),
        ours_first=ours_first,
    )
    return pushed, pulled


def _taking_turns(ours: Callable[[], object], theirs: Callable[[], object], *, ours_first: bool) -> Round:
    if ours_first:
        ours_s = _timed(ours)
        return Round(ours_s, _timed(theirs))
    s5cmd_s = _timed(theirs)
    return Round(_timed(ours), s5cmd_s)


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _s5cmd(location: S3Location, source: str, target: str) -> None:
    keys = {"AWS_ACCESS_KEY_ID": str(location.access_key), "AWS_SECRET_ACCESS_KEY": str(location.secret_key)}
    command = [str(S5CMD), "--endpoint-url", str(location.endpoint), "--log", "error", "cp", source, target]
    subprocess.run(command, check=True, env=os.environ | keys | {"AWS_REGION": location.region})


if __name__ == "__main__":
    sys.exit(main())
