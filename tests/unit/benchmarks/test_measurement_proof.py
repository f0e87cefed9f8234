"""The proof of the measuring method says of recorded rows whether a bound holds."""

from pathlib import Path
from typing import Any

import pytest

from benchmarks.figure import Figure
from benchmarks.measurement import agreement, detection, overhead, page, repeatability, scattered, twins
from benchmarks.measurement.journal import Journal

Row = dict[str, Any]


def by_name(figures: list[Figure]) -> dict[str, Figure]:
    return {figure.name: figure for figure in figures}


def rounds(*apart: float, verdict: str = "clean") -> list[Row]:
    """Rounds of litert-benchmark, which is so much slower than the farm in each."""
    return [
        {
            "model": "PilotNet",
            "tool": "litert-benchmark",
            "round": number,
            "verdict": verdict,
            "p50_ns": 2_000_000,
            "theirs": {"p50_ns": 2_000_000 * (1 + each)},
        }
        for number, each in enumerate(apart)
    ]


def measured(ratio: float, ci95: tuple[float, float], verdict: str = "clean", **more: object) -> Row:
    return {"ratio": ratio, "ci95": list(ci95), "verdict": verdict, **more}


def test_agreement_is_the_median_over_rounds_and_its_side_does_not_matter() -> None:
    (near,) = agreement.figures(rounds(-0.009, -0.009, -0.009, -0.009, 0.2, 0.3))
    (far,) = agreement.figures(rounds(*[-0.011] * 6))

    assert near.value == pytest.approx(0.9)
    assert near.holds
    assert far.value == pytest.approx(1.1)
    assert not far.holds


def test_agreement_takes_six_clean_rounds() -> None:
    (few,) = agreement.figures(rounds(*[0.0] * 5))
    (disturbed,) = agreement.figures(rounds(*[0.0] * 6, verdict="degraded"))

    assert not few.holds
    assert not disturbed.holds


def test_scattered_memory_is_what_lies_in_blocks_of_less_than_two_megabytes() -> None:
    buddies = """Node 0, zone      DMA      0      0      0      0      0      0      0      0      1      1      3
Node 0, zone   Normal      5      1      0      0      0      0      0      0      2     10   2000"""

    assert scattered.scattered_bytes(buddies) == (5 * 1 + 1 * 2 + 3 * 256) * 4096


def test_ratios_that_vary_by_three_percent_do_not_repeat() -> None:
    def runs(spread: float) -> list[Row]:
        return [
            measured(1 + spread * (-1) ** number, (0.9, 1.1), run=number, naive_ns=[2.0, 1.0]) for number in range(10)
        ]

    (steady,), (varying,) = repeatability.figures(runs(0.01)), repeatability.figures(runs(0.03))

    assert steady.holds
    assert not varying.holds
    assert varying.value == pytest.approx(3.162, abs=0.001)


def test_twins_whose_intervals_miss_one_too_often_do_not_hold() -> None:
    holding, missing = measured(1.001, (0.99, 1.01)), measured(1.02, (1.01, 1.03))

    (enough,) = twins.figures([holding] * 27 + [missing] * 3)
    (fewer,) = twins.figures([holding] * 26 + [missing] * 4)
    (unusable,) = twins.figures([holding] * 29 + [measured(1.0, (0.9, 1.1), "invalid")] * 3)

    assert enough.holds
    assert not fewer.holds
    assert not unusable.holds


def test_detection_tells_verdicts_and_signs_apart() -> None:
    slower = {"ratio": 0.97, "ci95": [0.96, 0.98]}
    quiet = [{**slower, "kind": "quiet", "verdict": "clean"}] * 16 + [
        {**slower, "kind": "quiet", "verdict": "degraded", "ratio": 1.01}
    ] * 4
    rival = [{**slower, "kind": "rival", "verdict": "invalid"}] * 19 + [{**slower, "kind": "rival", "verdict": "clean"}]

    found = by_name(detection.figures(quiet + rival))

    assert found["verdict not clean beside a rival"].value == 95
    assert found["verdict not clean beside a rival"].holds
    assert found["verdict clean in quiet"].holds
    assert found["3% slower: seen as slower"].value == 80
    assert not found["3% slower: seen as slower"].holds


def test_overhead_is_what_a_group_of_turns_adds_to_the_bare_loop() -> None:
    def turns(bare_ns: float, farm_ns: float, recorded_ns: float) -> list[Row]:
        bare = {"loop": "bare", "request_ns": bare_ns}
        farm = {"loop": "farm", "request_ns": farm_ns, "recorded_ns": recorded_ns}
        return [bare, farm, farm, bare] * 3

    found = by_name(
        overhead.figures(
            [
                {"request": overhead.EMPTY, "run": 0, "turns": turns(20, 2_120, 70)},
                {"request": "PilotNet", "run": 0, "turns": turns(1_000_000, 1_002_000, 985_000)},
            ]
        )
    )

    assert found[f"cost of timing, {overhead.EMPTY}"].value == pytest.approx(2.1)
    assert not found[f"cost of timing, {overhead.EMPTY}"].holds
    assert found[f"error of what is recorded, {overhead.EMPTY}"].holds
    assert found["cost of timing, PilotNet"].value == pytest.approx(0.2)
    assert found["error of what is recorded, PilotNet"].value == pytest.approx(1.5)


def test_a_journal_goes_on_where_it_stood(tmp_path: Path) -> None:
    file = tmp_path / "twins.json"
    Journal(file, machine="a").once(lambda: {"ratio": 1.0}, twin=0)

    again = Journal(file, machine="a")
    again.once(lambda: {"ratio": 2.0}, twin=0)
    again.once(lambda: {"ratio": 3.0}, twin=1)

    assert again.rows == [{"twin": 0, "ratio": 1.0}, {"twin": 1, "ratio": 3.0}]


def test_a_journal_of_another_machine_is_refused(tmp_path: Path) -> None:
    Journal(tmp_path / "twins.json", machine="a").once(dict, twin=0)

    with pytest.raises(SystemExit, match="remove it"):
        Journal(tmp_path / "twins.json", machine="b")


def test_the_page_has_every_section_and_says_what_is_not_measured() -> None:
    text = page.text(
        {"twins": twins.figures([measured(1.0, (0.99, 1.01))] * 30)}, machine="a machine", versions={"tool": "1.0"}
    )

    assert "| intervals of twins that hold 1 | 100 % | ≥ 90 % | yes |" in text
    assert text.count("Not measured yet.") == len(page.SECTIONS) - 1


def test_a_section_that_was_not_measured_again_stays_on_the_page() -> None:
    figures = twins.figures([measured(1.0, (0.99, 1.01))] * 30)
    before = page.text({"twins": figures}, machine="a machine", versions={})

    text = page.text({"overhead": figures}, machine="another", versions={}, before=before)

    assert text.count("| intervals of twins that hold 1 | 100 % | ≥ 90 % | yes |") == 2
    assert text.index("On a machine, ") < text.index("On another, ")
