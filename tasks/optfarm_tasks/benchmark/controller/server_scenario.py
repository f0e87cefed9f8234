"""Measures the Server scenario: searches for the highest rate of queries whose p99 keeps the latency limit."""

import contextlib
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from optfarm_tasks.benchmark.analysis import pairs, rates, raw, searches, usage
from optfarm_tasks.benchmark.analysis.conclusion import HostNoise
from optfarm_tasks.benchmark.analysis.pairs import BASELINE, CANDIDATE, Side
from optfarm_tasks.benchmark.analysis.rates import SearchAmount
from optfarm_tasks.benchmark.analysis.searches import TrialQueries, rate_of
from optfarm_tasks.benchmark.analysis.usage import Stretch
from optfarm_tasks.benchmark.analysis.variant_stats import ServerSetting
from optfarm_tasks.benchmark.controller.attempts import Clock, until_valid
from optfarm_tasks.benchmark.controller.columns import joined, query_columns, warm_columns
from optfarm_tasks.benchmark.controller.gpu_watch import watching
from optfarm_tasks.benchmark.controller.host_noise import host_noise_of
from optfarm_tasks.benchmark.controller.paired_scenarios import Measured, MeasurementPlan
from optfarm_tasks.benchmark.controller.resident import Resident
from optfarm_tasks.benchmark.controller.summary import Summary, disturbances, setting_of, summary_of
from optfarm_tasks.benchmark.controller.turns import PairSetup, ProcessRecord, finish, prepare, stretch
from optfarm_tasks.benchmark.host import noise
from optfarm_tasks.benchmark.host.gpu import GpuWatch
from optfarm_tasks.benchmark.process.protocol import Serve
from optfarm_tasks.progress import OnPhase
from optfarm_tasks.technique import OnProgress


@dataclass(frozen=True)
class ServedTrial:
    """One trial, and what it used."""

    sent: TrialQueries
    used: Stretch


@dataclass(frozen=True)
class RateSearch(ProcessRecord):
    """One search for the highest rate, in one process."""

    side: Side
    served: tuple[ServedTrial, ...]

    @property
    def rate_per_s(self) -> float:
        """The highest rate that held; 0 when none did."""
        return rate_of([each.sent for each in self.served])

    @property
    def final(self) -> ServedTrial:
        """The trial that decides the rate."""
        return self.served[rates.deciding([each.sent.trial for each in self.served])]


@dataclass(frozen=True)
class ServerAttempt:
    """All searches of an attempt."""

    plan: MeasurementPlan
    server: ServerSetting
    number: int
    taken: tuple[tuple[RateSearch, RateSearch], ...]
    """Baseline and candidate."""
    host_noise: HostNoise


def measure_server(
    plan: MeasurementPlan,
    on_progress: OnPhase,
    *,
    clock: Clock,
    latency_limit_ms: float,
    amount: SearchAmount | None = None,
) -> Measured:
    """Searches for both variants, and again while the measurement is invalid; see `until_valid`.

    Args:
        plan: what is measured, and at which effort.
        on_progress: called at the start of each search.
        clock: time between searches.
        latency_limit_ms: what 99% of the queries may take, from their arrival on.
        amount: how much is searched; that of the effort when left out.

    Raises:
        TaskError: a resident refused or died.
    """
    server = ServerSetting(latency_limit_ms, amount or rates.AMOUNTS[plan.effort])

    def attempt(number: int, deadline_s: float) -> ServerAttempt:
        host_noise = host_noise_of(plan.usual, plan.setup.cores)
        taken = tuple(_searches(plan.setup, on_progress, server, attempt=number, clock=clock, by_s=deadline_s))
        return ServerAttempt(plan, server, number, taken, host_noise)

    found = until_valid(
        attempt, lambda it: disturbances(_summary(it)), on_progress, amount=plan.setup.amount, clock=clock
    )
    summary = _summary(found)
    first = found.taken[0]
    return Measured(summary, (first[BASELINE].start, first[CANDIDATE].start), (*_warnings(found), *summary.warnings))


def _searches(
    setup: PairSetup, on_progress: OnProgress, server: ServerSetting, *, attempt: int, clock: Clock, by_s: float
) -> Iterator[tuple[RateSearch, RateSearch]]:
    rng = random.Random(f"{setup.seed}/{attempt}")  # noqa: S311 (an order, not a secret)
    count, longest_s = server.amount.searches, 0.0
    for number, order in zip(range(count), pairs.spawn_orders(rng), strict=False):
        started_s = clock.now_s()
        if number and not pairs.fits(started_s, longest_s, budget_s=by_s):
            return
        seed, found = rng.getrandbits(32), dict[Side, RateSearch]()
        for turn, side in enumerate(order):
            done = (number + turn / 2) / count
            on_progress(f"search {number + 1}/{count}: rates of the {setup.variants[side].role}", done)
            found[side] = _search(setup, side, server, seed=seed)
        longest_s = max(longest_s, clock.now_s() - started_s)
        yield found[BASELINE], found[CANDIDATE]


def _search(setup: PairSetup, side: Side, server: ServerSetting, *, seed: int) -> RateSearch:
    """One search in a fresh process; both variants are sent the same arrivals, but for the rate."""
    served: list[ServedTrial] = []
    with contextlib.ExitStack() as stack:
        resident = stack.enter_context(Resident(setup.variants[side], cores=setup.cores, threads=setup.threads))
        start = prepare(resident, setup, side)
        watch = noise.Watch([resident.pid], setup.cores)
        gpu = stack.enter_context(watching(setup.device, [resident.pid]))
        while rate := rates.next_rate(
            rates.outcomes([each.sent.trial for each in served]),
            1e9 / start.request_ns,
            resolution=server.amount.resolution,
        ):
            served.append(_serve(resident, setup, rate, server, seed=seed, gpu=gpu))
            if rates.is_hopeless(served[-1].sent.trial):
                break
        surroundings = watch.stop()
        end = finish(resident, start)
    return RateSearch(start, end, surroundings, side, tuple(served))


def _serve(
    resident: Resident, setup: PairSetup, rate_per_s: float, server: ServerSetting, *, seed: int, gpu: GpuWatch | None
) -> ServedTrial:
    queries, allowed_late = searches.allowed(rate_per_s, server)
    limit_ns = searches.latency_limit_ns(server)
    command = Serve(rate_per_s, queries, seed, latency_limit_ns=limit_ns, allowed_late=allowed_late)
    used, table = stretch(resident, setup, command, rows=5, gpu=gpu)
    return ServedTrial(searches.sent(table, rate_per_s, server), used)


def _summary(attempt: ServerAttempt) -> Summary:
    """Both measurements; the ratio of two rates is null where one of them is 0."""
    plan = attempt.plan
    shared = setting_of(plan.setup, plan.effort, plan.target, attempt=attempt.number)
    setting = replace(shared, server=attempt.server)
    return summary_of(_columns(attempt), plan.setup, attempt.taken, setting, attempt.host_noise)


def _warnings(attempt: ServerAttempt) -> Iterator[str]:
    """What a reader has to know about how it was measured."""
    amount = attempt.server.amount
    if len(attempt.taken) < amount.searches:
        yield f"only {len(attempt.taken)} of {amount.searches} searches fit into the time"
    for side, variant in enumerate(attempt.plan.setup.variants):
        own = [both[side] for both in attempt.taken]
        yield from (f"{variant.role}: {warning}" for warning in own[0].start.warnings)
        fewest = min(each.final.sent.trial.queries for each in own)
        if all(not each.rate_per_s for each in own):
            alone_ms = own[0].start.request_ns / 1e6
            yield (
                f"the {variant.role} holds a p99 of {attempt.server.latency_limit_ms:g} ms at no rate; "
                f"a query that never waits takes it {alone_ms:.3g} ms"
            )
        elif fewest < rates.QUERIES:
            yield (
                f"the rate of the {variant.role} rests on {fewest} queries, where LoadGen's early stopping wants "
                f"{rates.QUERIES}: it is slow, and a trial takes at most {amount.trial_s:g} s"
            )


def _columns(attempt: ServerAttempt) -> raw.Columns:
    found = [(number, search) for number, both in enumerate(attempt.taken) for search in both]
    served = [(number, search.side, *each) for number, search in found for each in enumerate(search.served)]
    parts = [
        query_columns(number, side, trial, rate_per_s=each.sent.trial.rate_per_s, table=each.sent.table)
        for number, side, trial, each in served
    ]
    used = [usage.columns_of(number, trial, side, each.used) for number, side, trial, each in served]
    warm = [warm_columns(number, search.side, search.start) for number, search in found]
    return {**joined(parts), **joined(warm), **joined(used), "bound_ms": np.array(attempt.server.latency_limit_ms)}
