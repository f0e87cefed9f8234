"""The mean of a hundred calls, in ns, as it is often taken: `python -m benchmarks.measurement.naive RUNTIME FOLDER`.

No warm-up, no pinning, no shield; one thread, as the farm is asked for.
"""

import importlib
import sys
import time
from pathlib import Path

from optfarm_tasks.benchmark.process import feeds

CALLS = 100


def main(runtime: str, folder: str) -> float:
    """The mean."""
    session = importlib.import_module(runtime).load(Path(folder), threads=1)
    feed = session.feed(next(feeds.at_random(session.signature, 1, seed=0)))
    started = time.perf_counter_ns()
    for _ in range(CALLS):
        session.run(feed)
    return (time.perf_counter_ns() - started) / CALLS


if __name__ == "__main__":
    sys.stdout.write(f"{main(*sys.argv[1:])}\n")
