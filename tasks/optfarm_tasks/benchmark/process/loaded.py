"""Holds one variant in memory and carries out the controller's commands on it, one at a time."""

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
from optfarm_tasks.benchmark.process import feeds, protocol
from optfarm_tasks.benchmark.process.asynchronous import time_asynchronous
from optfarm_tasks.benchmark.process.clock import Span, Timed, capacity, group_size, time_requests
from optfarm_tasks.benchmark.process.queries import arrivals_ns, serve
from optfarm_tasks.benchmark.process.repeat import is_repeated
from optfarm_tasks.benchmark.process.warmup import warm_up
from optfarm_tasks.data_sets import data, images
from optfarm_tasks.description import Split
from optfarm_tasks.errors import BadParameter, MissingToolchain
from optfarm_tasks.frameworks.imports import require
from optfarm_tasks.runtime import Runtime, Session, enqueue_of
from optfarm_tasks.schema.device import DeviceSpec


class LoadedVariant:
    """Holds a session, its pool of feeds, and how many requests are timed together."""

    def __init__(self, load: protocol.Load) -> None:
        """Imports the runtime, loads the artifact and draws the feeds."""
        self._load = load
        runtime = _import(load.runtime)
        self._memory = Account()
        start = perf_counter_ns()
        device = DeviceSpec.model_validate(load.device)
        self._session = runtime.load(Path(load.folder), threads=load.threads, device=device)
        self._load_ns = perf_counter_ns() - start
        if load.batch_axes:
            self._session.signature = self._session.signature.with_batch_axes(load.batch_axes)
        with self._memory.besides():
            drawn, self._warnings = _inputs(self._session, load)
            self._feeds = _pool(self._session, drawn)
            del drawn
        self._group = 1
        self._enqueue = enqueue_of(self._session)

    def answer(self, command: Any) -> Any:
        """Carries out a command; its reply."""
        commands: dict[type[Any], Callable[[Any], Any]] = {
            protocol.WarmUp: self._warm_up,
            protocol.TimeBlock: self._time_block,
            protocol.Confine: self._confine,
            protocol.TimeRung: self._time_rung,
            protocol.Serve: self._serve,
            protocol.Finish: self._finish,
        }
        return commands[type(command)](command)

    @property
    def introduction(self) -> protocol.Loaded:
        """What is known once the artifact is loaded."""
        inputs = tuple(str(tensor) for tensor in self._session.signature.inputs)
        return protocol.Loaded(
            self._load_ns,
            inputs,
            self._warnings,
            has_device_clock=self._enqueue is not None,
        )

    def _warm_up(self, command: protocol.WarmUp) -> protocol.WarmedUp:
        warm = warm_up(lambda span, expected_ns: self._time(span, expected_ns=expected_ns), max_ns=command.max_ns)
        self._group = group_size(warm.request_ns) if self._enqueue is None else 1
        return protocol.WarmedUp(warm.steady, warm.request_ns, self._group, warm.wall_ns.tobytes())

    def _time_block(self, command: protocol.TimeBlock) -> protocol.Timed:
        span = Span(command.min_ns, command.min_requests, command.max_ns)
        timed = self._time(span, expected_ns=command.request_ns)
        return protocol.Timed(timed.table.tobytes(), timed.elapsed_ns, timed.process_cpu_ns)

    def _confine(self, command: protocol.Confine) -> protocol.Done:
        memory.confine(command.ceiling_bytes)
        return protocol.Done()

    def _time_rung(self, command: protocol.TimeRung) -> protocol.RungTimed:
        drawn, _ = _inputs(self._session, replace(self._load, batch_size=command.batch_size))
        self._feeds, self._group = _pool(self._session, drawn), 1
        warm = self._time(Span(command.min_ns // 4, 2, command.max_ns), expected_ns=1e6)
        span = Span(command.min_ns, command.min_requests, command.max_ns)
        timed = self._time(span, expected_ns=float(np.median(warm.wall_ns)))
        return protocol.RungTimed(memory.peak_rss_bytes(), timed.wall_ns.tobytes())

    def _serve(self, command: protocol.Serve) -> protocol.Timed:
        arrivals = arrivals_ns(command.queries, command.rate_per_s, seed=command.seed)
        limit_ns, allowed_late = command.latency_limit_ns, command.allowed_late
        with _no_collection():
            table = serve(
                self._session.run, self._feeds, arrivals, latency_limit_ns=limit_ns, allowed_late=allowed_late
            )
        return protocol.Timed(table.tobytes())

    def _finish(self, command: protocol.Finish) -> protocol.Finished:
        # Memory first: looking at outputs takes some that no request does.
        peak_bytes, floor_bytes = self._memory.peak_rss_bytes, self._memory.floor_rss_bytes
        is_deterministic = is_repeated(self._session, self._feeds[0], command.repeats)
        return protocol.Finished(peak_bytes, floor_bytes, self._session.precision, is_deterministic=is_deterministic)

    def _time(self, span: Span, *, expected_ns: float) -> Timed:
        room = capacity(span, expected_ns * self._group)
        with _no_collection():
            if self._enqueue is not None:
                return time_asynchronous(self._enqueue, self._feeds, span, room=room)
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
    # load() reports an absent one, for it knows what to say about it.
    with contextlib.suppress(MissingToolchain):
        require(runtime.MODULES, user=module)
    return runtime


def _pool(session: Session, drawn: Iterator[feeds.Arrays]) -> list[Any]:
    first = next(drawn)
    size = feeds.pool_size(sum(array.nbytes for array in first.values()))
    return [session.feed(inputs) for inputs in itertools.chain([first], itertools.islice(drawn, size - 1))]


def _inputs(session: Session, load: protocol.Load) -> tuple[Iterator[feeds.Arrays], tuple[str, ...]]:
    """Endless batches by input, and the warnings about them."""
    if load.data is None or load.split is None:
        return feeds.at_random(session.signature, load.batch_size, seed=load.seed), ()
    fit = images.fit(session.signature, Split.model_validate(load.split))
    arrays, _ = data.load_split(Path(load.data), data.TEST)
    samples = {array: arrays[array] for array in fit.names.values()}
    return map(fit.feed, feeds.from_data(samples, load.batch_size, seed=load.seed)), fit.warnings


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
