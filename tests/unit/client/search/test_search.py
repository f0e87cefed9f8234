"""A search from end to end, against a scheduler that answers at once."""

from typing import Any

import pytest

from optfarm import Farm
from optfarm.errors import BadRequest, FarmError
from optfarm.search.report import SearchReport
from optfarm.search.trial import Trial
from optfarm_tasks.schema.spec import Effort
from tests.unit.cards import ONNX, card
from tests.unit.search_farm import SearchFarm, broken, disturbed, measured


def search(there: SearchFarm, **asked: Any) -> SearchReport:
    with there.url() as url, Farm(url) as farm:
        return farm.search("m", **({"data": "d", "trials": 12} | asked))


def is_measured_in_full(trial: Trial) -> bool:
    return trial.row is not None and trial.row.measurement is not None and trial.row.measurement.effort is Effort.FULL


def names(found: Any) -> list[str]:
    return [each.recipe for each in found]


def test_a_search_tries_its_budget_in_small_sweeps_and_measures_the_best_again() -> None:
    there = SearchFarm()

    found = search(there)

    assert len(there.tried) == len(set(there.tried)) == 12
    assert max(len(spec.recipes) for spec in there.sweeps.values()) <= 4
    assert 0 < len(there.measured_again) < 12
    assert all(is_measured_in_full(trial) or trial.is_dropped for trial in found.trials)
    assert {trial.number for trial in found.trials} == set(range(13))


def test_nothing_on_the_front_is_beaten_and_the_fastest_comes_first() -> None:
    found = search(SearchFarm(), trials=20)

    points = [(each.relative_time, each.facts.size_bytes, each.loss) for each in found.front]
    assert [time for time, _, _ in points] == sorted(time for time, _, _ in points)
    for one in points:
        assert not any(other != one and all(a <= b for a, b in zip(other, one, strict=True)) for other in points)
    assert {each.sweep_id for each in found.front} <= {trial.sweep_id for trial in found.trials}


def test_the_quick_profile_measures_nothing_again() -> None:
    there = SearchFarm()

    found = search(there, effort="quick")

    assert there.measured_again == []
    assert found.front


def test_the_same_search_asks_for_the_same_recipes() -> None:
    first, again, other = SearchFarm(), SearchFarm(), SearchFarm()

    search(first, seed=1)
    search(again, seed=1)
    search(other, seed=2)

    assert first.tried == again.tried != other.tried
    assert first.measured_again == again.measured_again


def test_an_interrupted_search_goes_on_with_what_it_had() -> None:
    whole, part = SearchFarm(), SearchFarm(away_after=2)

    search(whole)
    with pytest.raises(FarmError):
        search(part)
    part.away_after = None
    search(part)

    assert part.tried == whole.tried[:8] + whole.tried


def test_the_best_is_within_the_loss_that_is_allowed() -> None:
    found = search(SearchFarm(), trials=20)

    fastest, careful = found.best(), found.best(max_loss=0.001)

    assert fastest is not None
    assert careful is not None
    assert "lite" in fastest.recipe
    assert "lite" not in careful.recipe
    assert careful.loss is not None
    assert careful.loss <= 0.001
    assert (fastest.speed_up or 0) > (careful.speed_up or 0)


def test_failing_trials_are_pruned_with_their_reason_and_the_search_goes_on() -> None:
    def some(recipe: Any, profile: Any) -> Any:
        return broken(recipe, profile) if "prune" in str(recipe) else measured(recipe, profile)

    found = search(SearchFarm(make=some))

    pruned = [trial for trial in found.trials if "prune" in str(trial.recipe)]
    assert pruned
    assert {trial.reason for trial in pruned} == {"unsupported_op: no kernel for Igamma"}
    assert found.front
    assert not any("prune" in name for name in names(found.front))


def test_a_search_in_which_all_fails_ends_with_the_baseline() -> None:
    found = search(SearchFarm(make=broken), trials=5)

    assert names(found.front) == ["baseline"]
    assert all(trial.reason for trial in found.trials if trial.number)


def test_a_disturbed_quick_measurement_is_taken_again_in_full() -> None:
    there = SearchFarm(make=disturbed)

    found = search(there, trials=4)

    assert sorted(there.measured_again) == sorted(there.tried)
    assert all(trial.is_measured for trial in found.trials)


def test_what_the_farm_refuses_is_left_out_with_its_reason() -> None:
    there = SearchFarm(refused={"prune": "it needs training data"})

    found = search(there)

    reasons = {each.technique: each.reason for each in found.left_out}
    assert reasons["prune"] == "it needs training data"
    assert "place(match=…)" in reasons["place"]
    assert not any("prune" in name for name in there.tried)


def test_named_techniques_narrow_the_search_and_fix_parameters() -> None:
    there = SearchFarm()

    search(there, techniques=["prune(sparsity=0.9)", "lite", "lite -> zip"], trials=6)

    assert there.tried[0] == "lite -> zip"
    assert not any("fold" in name for name in there.tried)
    assert all("sparsity=0.9" in name for name in there.tried if "prune" in name)


def test_without_data_time_is_traded_against_size() -> None:
    found = search(SearchFarm(), data=None, trials=4)

    assert {len(trial.point or ()) for trial in found.trials} == {2}


def test_a_time_limit_ends_the_search() -> None:
    there = SearchFarm()

    search(there, trials=None, minutes=1e-9)

    assert len(there.tried) <= 4


def test_a_search_ends_when_all_recipes_are_tried() -> None:
    there = SearchFarm()

    search(there, techniques=["zip", "lite(kind=a)"], trials=40)

    assert sorted(there.tried) == ["lite(kind=a)", "lite(kind=a) -> zip"]


def test_numbers_of_all_trials_come_as_a_frame() -> None:
    found = search(SearchFarm())

    frame = found.to_dataframe()

    assert len(frame) == 13
    assert set(frame[frame.is_on_front].recipe) == set(names(found.front))


def test_the_front_is_written_in_markdown() -> None:
    found = search(SearchFarm(), trials=4)

    text = found.to_markdown()

    assert all(f"| {name} |" in text for name in names(found.front))
    assert "optfarm artifact pull" in text


@pytest.mark.parametrize(
    ("there", "asked", "why"),
    [
        (SearchFarm(cards=(card("onnx-only", {ONNX: ONNX}),)), {}, "no technique applies to m"),
        (SearchFarm(refused=dict.fromkeys(["prune", "fold", "lite", "zip"], "no GPU")), {}, "fold: no GPU"),
        (SearchFarm(devices=("alpha.cpu", "beta.cpu")), {}, "on one device, not on alpha.cpu, beta.cpu"),
        (SearchFarm(), {"trials": 0}, "0 trials"),
        (SearchFarm(), {"techniques": ["fild"]}, "no technique 'fild'; did you mean 'fold'"),
    ],
)
def test_what_cannot_be_searched_is_refused(there: SearchFarm, asked: dict[str, Any], why: str) -> None:
    with pytest.raises(BadRequest, match=why):
        search(there, **asked)
    assert there.sweeps == {}
