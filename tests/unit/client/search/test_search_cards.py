"""The techniques that are there make a space that can be searched."""

from typing import Any

import pytest

from optfarm.search.knob import Range
from optfarm.search.proposer import Proposer
from optfarm.search.space import Space, choices_of, shortest, space_of
from optfarm_tasks import registry
from optfarm_tasks.description import FINAL_FORMATS, Format
from optfarm_tasks.errors import BadParameter
from optfarm_tasks.resolved import resolve

STARTS = (Format.KERAS, Format.SAVED_MODEL, Format.TFLITE)


def space(start: Format) -> Space:
    cards = [registry.card(name) for name in registry.technique_names() if name != "baseline"]
    return space_of(cards, [], start=start, final_formats=FINAL_FORMATS, max_steps=3)[0]


@pytest.mark.parametrize("start", STARTS)
def test_each_technique_has_a_recipe_that_the_farm_takes(start: Format) -> None:
    there = space(start)

    for recipe in shortest(there).values():
        assert resolve(recipe, start).output_format in FINAL_FORMATS
        assert choices_of(there, recipe) is not None


def test_knobs_hold_their_defaults() -> None:
    for move in space(Format.KERAS).moves:
        for knob in move.knobs:
            if isinstance(knob, Range):
                assert knob.lower <= knob.default <= knob.upper, f"{move.name}: {knob}"
            else:
                assert knob.default in knob.values, f"{move.name}: {knob}"


@pytest.mark.parametrize("start", STARTS)
def test_what_is_drawn_of_them_is_valid_by_format_and_range(start: Format) -> None:
    proposer = Proposer(space(start), sampler="tpe", seed=0, objectives=2)

    drawn = []
    for number in range(60):
        drawn.append(proposer.ask())
        proposer.record(drawn[-1], [number % 7, number % 11])

    faults: list[Any] = []
    for recipe in drawn:
        try:
            resolve(recipe, start)
        except BadParameter as error:
            faults.append(str(error))
    assert len({str(recipe) for recipe in drawn}) > 20
    assert all("no pass is left" in fault for fault in faults), faults
