"""Times requests by the farm's clock and by a bare loop in turns, given the runtime and the folder of an artifact.

Prints a JSON list, one entry a turn: which loop, ns a request, and the mean that the farm's clock recorded. Without a
runtime a request does nothing.
"""

import gc
import importlib
import itertools
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter_ns
from typing import Any

from optfarm_tasks.benchmark.process import feeds
from optfarm_tasks.benchmark.process.clock import Span, time_requests

TURN_NS = 100_000_000
FEWEST_REQUESTS, MOST_REQUESTS = 10, 50_000
"""Of a turn; of empty ones as many as the farm's clock takes 100 ms for."""
GROUPS = 20
"""Of four turns each, A B B A."""
WARM_UP_NS = 1_000_000_000

Run = Callable[[Any], Any]


def main(*artifact: str) -> list[dict[str, float | str]]:
    """All turns."""
    run, pool = _loaded(*artifact) if artifact else (_nothing, [None] * feeds.MOST)
    gc.collect()
    gc.freeze()
    gc.disable()
    request_ns = _bare(run, pool, FEWEST_REQUESTS)
    request_ns = _bare(run, pool, max(FEWEST_REQUESTS, int(WARM_UP_NS / request_ns)))
    requests = min(max(FEWEST_REQUESTS, int(TURN_NS / request_ns)), MOST_REQUESTS)
    return [_turn(loop, run, pool, requests) for loop in ("bare", "farm", "farm", "bare") * GROUPS]


def _turn(loop: str, run: Run, pool: Sequence[Any], requests: int) -> dict[str, float | str]:
    if loop == "bare":
        return {"loop": loop, "request_ns": _bare(run, pool, requests)}
    timed = time_requests(run, pool, Span(0, requests, sys.maxsize), room=requests)
    return {"loop": loop, "request_ns": timed.elapsed_ns / requests, "recorded_ns": float(timed.wall_ns.mean())}


def _bare(run: Run, pool: Sequence[Any], requests: int) -> float:
    started = perf_counter_ns()
    for feed in itertools.islice(itertools.cycle(pool), requests):
        run(feed)
    return (perf_counter_ns() - started) / requests


def _loaded(runtime: str, folder: str) -> tuple[Run, list[Any]]:
    session = importlib.import_module(runtime).load(Path(folder), threads=1)
    drawn = feeds.at_random(session.signature, 1, seed=0)
    first = next(drawn)
    size = feeds.pool_size(sum(array.nbytes for array in first.values()))
    return session.run, [session.feed(each) for each in itertools.chain([first], itertools.islice(drawn, size - 1))]


def _nothing(_: Any) -> None:
    return None


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(*sys.argv[1:])) + "\n")
