"""Measures the scenario Server: searches, for each variant in fresh processes, the highest rate that holds a bound."""

import random
from collections.abc import Iterator

from optfarm_tasks.benchmark.analysis import pairs, rates, searches
from optfarm_tasks.benchmark.analysis.pairs import BASELINE, CANDIDATE, Side
from optfarm_tasks.benchmark.analysis.rates import SearchAmount
from optfarm_tasks.benchmark.analysis.variant_stats import Searching
from optfarm_tasks.benchmark.controller.attempts import Clock, until_valid
from optfarm_tasks.benchmark.controller.contention import contention
from optfarm_tasks.benchmark.controller.paired_scenarios import Measured, MeasurementPlan
from optfarm_tasks.benchmark.controller.resident import Resident
from optfarm_tasks.benchmark.controller.server_summary import Hunt, Search, Served, summarise_server, warnings_of
from optfarm_tasks.benchmark.controller.summary import HostNoise, is_valid
from optfarm_tasks.benchmark.controller.turns import PairSetup, finish, prepare, stretch
from optfarm_tasks.benchmark.host import noise
from optfarm_tasks.benchmark.process.protocol import Serve
from optfarm_tasks.technique import OnProgress


def measure_server(
    plan: MeasurementPlan,
    report: OnProgress,
    *,
    clock: Clock,
    latency_limit_ms: float,
    amount: SearchAmount | None = None,
) -> Measured:
    """Searches for both variants, and again while the measurement is invalid; see `until_valid`.

    Args:
        plan: the bench, and its profile.
        report: told of the progress.
        clock: time between searches.
        latency_limit_ms: what 99% of the queries may take, from their arrival on.
        amount: how much is searched; what the profile says when left out.

    Raises:
        TaskError: a resident refused or died.
    """
    searching = Searching(latency_limit_ms, amount or rates.AMOUNTS[plan.effort])

    def attempt(number: int, deadline_s: float) -> Hunt:
        beside = HostNoise(contention(plan.usual, plan.bench.cores), plan.usual)
        taken = tuple(_searches(plan.bench, report, searching, attempt=number, clock=clock, by_s=deadline_s))
        return Hunt(plan.bench, plan.effort, searching, plan.aim, number, taken, beside)

    hunt = until_valid(
        attempt, lambda it: is_valid(summarise_server(it)), report, amount=plan.bench.amount, clock=clock
    )
    summary = summarise_server(hunt)
    first = hunt.taken[0]
    return Measured(summary, (first[BASELINE].start, first[CANDIDATE].start), (*warnings_of(hunt), *summary.warnings))


def _searches(
    bench: PairSetup, report: OnProgress, searching: Searching, *, attempt: int, clock: Clock, by_s: float
) -> Iterator[tuple[Search, Search]]:
    rng = random.Random(f"{bench.seed}/{attempt}")  # noqa: S311 (an order, not a secret)
    count, longest_s = searching.amount.searches, 0.0
    for number, order in zip(range(count), pairs.spawn_orders(rng), strict=False):
        started_s = clock.now_s()
        if number and not pairs.fits(started_s, longest_s, budget_s=by_s):
            return
        seed, found = rng.getrandbits(32), dict[Side, Search]()
        for turn, side in enumerate(order):
            done = (number + turn / 2) / count
            report(f"search {number + 1}/{count}: rates of the {bench.variants[side].role}", done)
            found[side] = _search(bench, side, searching, seed=seed)
        longest_s = max(longest_s, clock.now_s() - started_s)
        yield found[BASELINE], found[CANDIDATE]


def _search(bench: PairSetup, side: Side, searching: Searching, *, seed: int) -> Search:
    """One search in a fresh process; both variants are sent the same arrivals, but for the rate."""
    served: list[Served] = []
    with Resident(bench.variants[side], cores=bench.cores, threads=bench.threads) as resident:
        start = prepare(resident, bench, side)
        watch = noise.Watch([resident.pid], bench.cores)
        while rate := rates.next_rate(
            rates.outcomes([each.sent.trial for each in served]),
            1e9 / start.request_ns,
            resolution=searching.amount.resolution,
        ):
            served.append(_serve(resident, bench, rate, searching, seed=seed))
            if rates.is_hopeless(served[-1].sent.trial):
                break
        surroundings = watch.stop()
        end = finish(resident, start)
    return Search(side, start, tuple(served), end, surroundings)


def _serve(resident: Resident, bench: PairSetup, rate_per_s: float, searching: Searching, *, seed: int) -> Served:
    queries, allowed_late = searches.allowed(rate_per_s, searching)
    limit_ns = searches.latency_limit_ns(searching)
    command = Serve(rate_per_s, queries, seed, latency_limit_ns=limit_ns, allowed_late=allowed_late)
    used, table = stretch(resident, bench, command, rows=5)
    return Served(searches.sent(table, rate_per_s, searching), used)
