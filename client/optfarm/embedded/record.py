"""Records which process runs which part, so that only the farm's own processes are ever ended."""

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import psutil

from optfarm.embedded.layout import write_private

_CLOCK_SLACK_S = 2.0
"""A process's start time follows small corrections of the clock."""


@dataclass(frozen=True)
class Record:
    """A process that ran as a part when this was written."""

    part: str
    pid: int
    started_at: float


def write_own(part: str, folder: Path) -> None:
    """Records the calling process, which is about to become the part, under the same pid."""
    started_at = psutil.Process().create_time()
    text = json.dumps({"pid": os.getpid(), "started_at": started_at})
    write_private(folder / "run" / f"{part}.json", text)


def read_all(folder: Path) -> list[Record]:
    """Every record in a farm's folder, whether its process lives or not."""
    found = ((path.stem, json.loads(path.read_text())) for path in sorted((folder / "run").glob("*.json")))
    return [Record(part, pid=known["pid"], started_at=known["started_at"]) for part, known in found]


def living(folder: Path) -> dict[str, psutil.Process]:
    """Part → its process, for the records in a farm's folder whose process is still the one recorded."""
    found = {record.part: process_of(record) for record in read_all(folder)}
    return {part: process for part, process in found.items() if process is not None}


def end(processes: list[psutil.Process], *, patience_s: float) -> None:
    """Ends processes and all their descendants: asks first, then kills. Blocks until they are gone."""
    family = [*processes, *(child for process in processes for child in _children(process))]
    for process in processes:
        _signal(process, kill=False)
    _, stubborn = psutil.wait_procs(family, timeout=patience_s)
    for process in stubborn:
        _signal(process, kill=True)
    psutil.wait_procs(stubborn, timeout=patience_s)


def process_of(record: Record) -> psutil.Process | None:
    """The process that a record is of; None where it has ended, whatever has its pid now."""
    try:
        process = psutil.Process(record.pid)
        is_same = abs(process.create_time() - record.started_at) < _CLOCK_SLACK_S
        return process if is_same and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.NoSuchProcess:
        return None


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _signal(process: psutil.Process, *, kill: bool) -> None:
    try:
        process.kill() if kill else process.terminate()
    except psutil.NoSuchProcess:
        return
    except psutil.AccessDenied:
        print(f"process {process.pid} belongs to somebody else and was left alone", file=sys.stderr)
