"""What version 0.1.0 left behind before some fields were renamed: a farm folder, its reports, results of each kind.

farm.tar.xz is the folder of an embedded farm after six sweeps, without logs and without raw samples above 200 kB: one
compares in the scenario SingleStream and has a recipe that failed, one is of the scenario Server, one climbed batch
sizes, one observed ops, one was cancelled, one had just begun when the farm was stopped.
"""

from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
PRESENT = {"profile": "effort", "bound_ms": "latency_limit_ms", "serving": "server_rates"}


def in_present_words(written: Any) -> Any:
    """JSON of that version under the names that its fields have now."""
    if isinstance(written, dict):
        return {PRESENT.get(name, name): in_present_words(value) for name, value in written.items()}
    if isinstance(written, list):
        return [in_present_words(value) for value in written]
    return written


def holds(read: Any, written: Any) -> bool:
    """Whether everything that was written is read, beside fields that the writer did not know."""
    if isinstance(written, dict):
        return all(name in read and holds(read[name], value) for name, value in written.items())
    if isinstance(written, list):
        return len(written) == len(read) and all(map(holds, read, written))
    return bool(written == read)
