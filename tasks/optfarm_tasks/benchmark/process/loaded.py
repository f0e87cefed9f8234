"""A variant in the memory of its resident: answers the controller's commands one at a time."""

import contextlib
import gc
import importlib
import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from time import perf_counter_ns
from typing import Any, cast

import numpy as np

from optfarm_tasks.benchmark.host import memory
from optfarm_tasks.benchmark.host.memory import Account
from optfarm_tasks.benchmark.process import feeds
from optfarm_tasks.benchmark.process.arrivals import arrivals_ns
from optfarm_tasks.benchmark.process.clock import Span, Timed, capacity, group_size, time_requests
from optfarm_tasks.benchmark.process.queries import serve
from optfarm_tasks.benchmark.process.repeat import is_repeated
from optfarm_tasks.benchmark.process.warmup import warm_up
from optfarm_tasks.data_sets import data, images
from optfarm_tasks.description import Split
from optfarm_tasks.errors import BadParameter, MissingToolchain
from optfarm_tasks.frameworks.imports import require
from optfarm_tasks.runtime import Runtime, Session
from optfarm_tasks.schema.device import DeviceSpec

Reply = tuple[dict[str, Any], bytes]


class Loaded:
    """Holds a session, its pool of feeds, and how many requests are timed together."""

    def __init__(self, order: dict[str, Any]) -> None:
        """Imports the runtime, loads the artifact and draws the feeds; `order` is the message `load`."""
        self._order = order
        runtime = _import(order["runtime"])
        self._memory = Account()
        start = perf_counter_ns()
        self._session = runtime.load(
            Path(order["folder"]), threads=order["threads"], device=DeviceSpec.model_validate(order.get("device", {}))
        )
        self._load_ns = perf_counter_ns() - start
        with self._memory.besides():
            drawn, self._warnings = _inputs(self._session, order)
            self._feeds = _pool(self._session, drawn)
            del drawn
        self._group = 1

    def answer(self, order: dict[str, Any]) -> Reply:
        """Does what a message asks and tells what came of it."""
        commands: dict[str, Callable[[dict[str, Any]], Reply]] = {
            "first": self._first,
            "warm": self._warm,
            "block": self._block,
            "confine": self._confine,
            "rung": self._rung,
            "serve": self._serve,
            "end": self._end,
        }
        return commands[order["command"]](order)

    @property
    def introduction(self) -> dict[str, Any]:
        """What is known once the artifact is loaded."""
        inputs = [str(tensor) for tensor in self._session.signature.inputs]
        return {
            "load_ns": self._load_ns,
            "precision": self._session.precision,
            "inputs": inputs,
            "warnings": self._warnings,
        }

    def _first(self, _: dict[str, Any]) -> Reply:
        timed = self._time(Span(0, 1, 1), expected_ns=1e9)
        return {"first_ns": int(timed.wall_ns[0])}, b""

    def _warm(self, order: dict[str, Any]) -> Reply:
        warm = warm_up(lambda span, expected_ns: self._time(span, expected_ns=expected_ns), max_ns=order["max_ns"])
        self._group = group_size(warm.request_ns)
        told = {"steady": warm.steady, "request_ns": warm.request_ns, "group": self._group}
        return told, warm.wall_ns.tobytes()

    def _block(self, order: dict[str, Any]) -> Reply:
        span = Span(order["min_ns"], order["min_requests"], order["max_ns"])
        timed = self._time(span, expected_ns=order["request_ns"])
        return {"elapsed_ns": timed.elapsed_ns, "process_cpu_ns": timed.process_cpu_ns}, timed.table.tobytes()

    def _confine(self, order: dict[str, Any]) -> Reply:
        memory.confine(order["ceiling_bytes"])
        return {}, b""

    def _rung(self, order: dict[str, Any]) -> Reply:
        drawn, _ = _inputs(self._session, {**self._order, "batch_size": order["batch_size"]})
        self._feeds, self._group = _pool(self._session, drawn), 1
        warm = self._time(Span(order["min_ns"] // 4, 2, order["max_ns"]), expected_ns=1e6)
        span = Span(order["min_ns"], order["min_requests"], order["max_ns"])
        timed = self._time(span, expected_ns=float(np.median(warm.wall_ns)))
        return {"peak_rss_bytes": memory.peak_rss_bytes()}, timed.table.tobytes()

    def _serve(self, order: dict[str, Any]) -> Reply:
        arrivals = arrivals_ns(order["queries"], order["rate_per_s"], seed=order["seed"])
        with _no_collection():
            table = serve(
                self._session.run,
                self._feeds,
                arrivals,
                latency_limit_ns=order["latency_limit_ns"],
                allowed_late=order["allowed_late"],
            )
        return {}, table.tobytes()

    def _end(self, order: dict[str, Any]) -> Reply:
        # Memory first: looking at outputs takes some that no request does.
        told = {"peak_rss_bytes": self._memory.peak_rss_bytes, "floor_rss_bytes": self._memory.floor_rss_bytes}
        return {**told, "is_deterministic": is_repeated(self._session, self._feeds[0], order["repeats"])}, b""

    def _time(self, span: Span, *, expected_ns: float) -> Timed:
        room = capacity(span, expected_ns * self._group)
        with _no_collection():
            if self._group == 1:
                return time_requests(self._session.run, self._feeds, span, room=room)
            timed = time_requests(self._run_each, _in_groups(self._feeds, self._group), span, room=room)
        return replace(timed, wall_ns=timed.wall_ns // self._group, cpu_ns=timed.cpu_ns // self._group)

    def _run_each(self, group: tuple[Any, ...]) -> None:
        run = self._session.run
        for feed in group:
            run(feed)


def _import(module: str) -> Runtime:
    if not module.isascii() or not all(part.isidentifier() for part in module.split(".")):
        raise BadParameter(f"{module!r} is no module of a runtime")
    runtime = cast("Runtime", importlib.import_module(module))
    # An absent one is told by load(), which knows what to say about it.
    with contextlib.suppress(MissingToolchain):
        require(runtime.MODULES, user=module)
    return runtime


def _pool(session: Session, drawn: Iterator[feeds.Arrays]) -> list[Any]:
    first = next(drawn)
    size = feeds.pool_size(sum(array.nbytes for array in first.values()))
    return [session.feed(inputs) for inputs in itertools.chain([first], itertools.islice(drawn, size - 1))]


def _inputs(session: Session, order: dict[str, Any]) -> tuple[Iterator[feeds.Arrays], tuple[str, ...]]:
    """Endless batches by input, and what is to be said of them."""
    if order["split"] is None:
        return feeds.at_random(session.signature, order["batch_size"], seed=order["seed"]), ()
    fit = images.fit(session.signature, Split.model_validate(order["split"]))
    arrays, _ = data.load_split(Path(order["data"]), data.TEST)
    samples = {array: arrays[array] for array in fit.names.values()}
    return map(fit.feed, feeds.from_data(samples, order["batch_size"], seed=order["seed"])), fit.warnings


def _in_groups(pool: list[Any], size: int) -> list[tuple[Any, ...]]:
    turns = itertools.cycle(pool)
    return [tuple(itertools.islice(turns, size)) for _ in pool]


@contextlib.contextmanager
def _no_collection() -> Iterator[None]:
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
