"""Measures the Server scenario: searches for the highest rate of queries whose p99 keeps the latency limit."""

import random
from collections.abc import Iterator

from optfarm_tasks.benchmark.analysis import pairs, rates, searches
from optfarm_tasks.benchmark.analysis.pairs import BASELINE, CANDIDATE, Side
from optfarm_tasks.benchmark.analysis.rates import SearchAmount
from optfarm_tasks.benchmark.analysis.variant_stats import ServerSetting
from optfarm_tasks.benchmark.controller.attempts import Clock, until_valid
from optfarm_tasks.benchmark.controller.host_noise import host_noise_of
from optfarm_tasks.benchmark.controller.paired_scenarios import Measured, MeasurementPlan
from optfarm_tasks.benchmark.controller.resident import Resident
from optfarm_tasks.benchmark.controller.server_summary import (
    RateSearch,
    ServedTrial,
    ServerAttempt,
    summarise_server,
    warnings_of,
)
from optfarm_tasks.benchmark.controller.summary import is_valid
from optfarm_tasks.benchmark.controller.turns import PairSetup, finish, prepare, stretch
from optfarm_tasks.benchmark.host import noise
from optfarm_tasks.benchmark.process.protocol import Serve
from optfarm_tasks.technique import OnProgress


def measure_server(
    plan: MeasurementPlan,
    on_progress: OnProgress,
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
        return ServerAttempt(plan.setup, plan.effort, server, plan.target, number, taken, host_noise)

    found = until_valid(
        attempt, lambda it: is_valid(summarise_server(it)), on_progress, amount=plan.setup.amount, clock=clock
    )
    summary = summarise_server(found)
    first = found.taken[0]
    return Measured(summary, (first[BASELINE].start, first[CANDIDATE].start), (*warnings_of(found), *summary.warnings))


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
    with Resident(setup.variants[side], cores=setup.cores, threads=setup.threads) as resident:
        start = prepare(resident, setup, side)
        watch = noise.Watch([resident.pid], setup.cores)
        while rate := rates.next_rate(
            rates.outcomes([each.sent.trial for each in served]),
            1e9 / start.request_ns,
            resolution=server.amount.resolution,
        ):
            served.append(_serve(resident, setup, rate, server, seed=seed))
            if rates.is_hopeless(served[-1].sent.trial):
                break
        surroundings = watch.stop()
        end = finish(resident, start)
    return RateSearch(start, end, surroundings, side, tuple(served))


def _serve(resident: Resident, setup: PairSetup, rate_per_s: float, server: ServerSetting, *, seed: int) -> ServedTrial:
    queries, allowed_late = searches.allowed(rate_per_s, server)
    limit_ns = searches.latency_limit_ns(server)
    command = Serve(rate_per_s, queries, seed, latency_limit_ns=limit_ns, allowed_late=allowed_late)
    used, table = stretch(resident, setup, command, rows=5)
    return ServedTrial(searches.sent(table, rate_per_s, server), used)
