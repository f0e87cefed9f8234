"""What people read in a report, and what programs do."""

import csv
import io
from typing import Any

import pytest

from optfarm.columns import cells_of, columns_of
from optfarm.errors import BadRequest
from optfarm.loss import allowed, loss
from optfarm.notes import notes_of
from optfarm.ranking import fastest, is_eligible, latency_ns
from optfarm.table import csv_text, hardware_line, markdown_text, values_of
from optfarm_tasks.errors import Reason
from optfarm_tasks.schema.measurement import Verdict
from optfarm_tasks.schema.recipe import Recipe
from optfarm_tasks.schema.result import Failure, Score
from optfarm_tasks.schema.sweep import Skipped
from tests.unit.reports import failed, measurement, quality, report, row


def test_a_row_shows_size_error_time_and_speed_up_with_its_interval() -> None:
    variant = row("tflite-int8", quality=quality(0.041), measurement=measurement(4.9, speed_up=3.91))

    shown = cells_of(columns_of(report(variant)), variant)

    assert shown == ("tflite-int8", "16.2", "0.041", "4.9", "3.91 [3.86, 3.96]", "clean")


def test_threads_and_batches_are_named_only_where_they_vary() -> None:
    one, two = row("tflite-int8"), row("tflite-int8", threads=2)

    assert cells_of(columns_of(report(one)), one)[0] == "tflite-int8"
    assert cells_of(columns_of(report(one, two)), two)[0] == "tflite-int8 (threads 2, batch 1)"


@pytest.mark.parametrize(
    ("scored", "shown"),
    [
        ({"scores": (Score(name="agreement", value=0.9, baseline=1, higher_is_better=True),)}, "(agreement 0.9)"),
        ({"collapsed": True, "collapse_reason": "1 of 8 values of y are NaN or infinite"}, "not finite COLLAPSED"),
        ({}, "not scored"),
    ],
)
def test_what_has_no_error_says_why(scored: dict[str, Any], shown: str) -> None:
    variant = row("tflite-int8", quality=quality(mse=None, nmse=None, **scored))

    assert cells_of(columns_of(report(variant)), variant)[2] == shown


def test_a_collapsed_variant_is_marked_and_its_reason_stands_below() -> None:
    bad = quality(28157.0, collapsed=True, collapse_reason="every output is the same")
    facts = report(row("tflite-int8", quality=bad))

    assert "COLLAPSED" in markdown_text(facts)
    assert "tflite-int8 collapsed: every output is the same" in markdown_text(facts)


def test_a_failed_variant_tells_its_reason_and_the_end_of_its_log() -> None:
    why = Failure(reason=Reason.UNSUPPORTED_OP, message="no kernel for Foo", log_tail=("one", "two"))
    facts = report(failed("tflite-int8", why))

    assert cells_of(columns_of(facts), facts.rows[0])[-1] == "failed: unsupported_op"
    (note,) = notes_of(facts)
    assert note.splitlines()[0] == "tflite-int8 on alpha.cpu failed, unsupported_op: no kernel for Foo"
    assert [line.strip() for line in note.splitlines()[1:]] == ["one", "two"]


def test_a_log_that_only_says_the_reason_again_is_left_out() -> None:
    cause = "no kernel for Foo; " * 40 + "the cause stands last"
    traceback = (
        "Traceback (most recent call last):",
        "  raise BadModel(text)",
        f"optfarm_tasks.errors.BadModel: {cause}",
    )
    why = Failure(reason=Reason.BAD_MODEL, message=cause, log_tail=traceback)

    assert notes_of(report(failed("tflite-int8", why))) == (f"tflite-int8 on alpha.cpu failed, bad_model: {cause}",)


def test_a_variant_with_nothing_to_do_is_skipped_and_no_failure() -> None:
    why = Failure(reason=Reason.NOTHING_TO_DO, message="the graph has no batch norm", log_tail=("one", "two"))
    facts = report(failed("fold-batch-norms", why))

    assert cells_of(columns_of(facts), facts.rows[0])[-1] == "skipped"
    assert notes_of(facts) == ("fold-batch-norms skipped: the graph has no batch norm",)


def test_a_skipped_combination_tells_its_reason() -> None:
    skipped = Skipped(recipe=Recipe.parse("tflite-int8"), device=None, reason="it needs calibration data")

    assert notes_of(report(skipped=(skipped,))) == ("skipped tflite-int8: it needs calibration data",)


def test_each_device_has_its_hardware_line() -> None:
    assert hardware_line(report(row("baseline")), "alpha.cpu") == "alpha.cpu, Xeon, 2 cores, 8 GiB"


def test_csv_has_a_line_a_row_and_plain_numbers() -> None:
    (line,) = csv.DictReader(io.StringIO(csv_text(report(row("tflite-int8")))))

    assert line["method"] == "tflite-int8"
    assert float(line["inference_ms"]) == 4.9
    assert float(line["size_mb"]) == 16.2


def test_csv_of_no_rows_is_a_header() -> None:
    assert csv_text(report()) == "device,method\n"


def test_the_headline_time_is_the_one_the_measurement_names() -> None:
    measured = measurement(5.0, estimator="clean_p50", clean_p50_ns=4_000_000)

    assert latency_ns(row("baseline", measurement=measured)) == 4_000_000
    assert values_of(row("baseline", measurement=measured))["inference_ms"] == 4.0


@pytest.mark.parametrize(
    ("score", "lost"),
    [
        (Score(name="mae", value=0.044, baseline=0.040), 0.1),
        (Score(name="top1", value=0.76, baseline=0.80, higher_is_better=True), 0.05),
        (Score(name="top1", value=0.88, baseline=0.80, higher_is_better=True), -0.1),
        (Score(name="mae", value=0.0, baseline=0.0), 0.0),
        (Score(name="mae", value=0.1, baseline=0.0), float("inf")),
    ],
)
def test_loss_is_the_relative_change_for_the_worse_of_the_first_score(score: Score, lost: float) -> None:
    assert loss(quality(0.5, scores=(score,))) == pytest.approx(lost)


def test_loss_without_labels_is_the_normalised_error() -> None:
    assert loss(quality(0.02)) == 0.02


def test_best_is_the_fastest_that_may_be_trusted() -> None:
    invalid = row("a", measurement=measurement(1, verdict=Verdict.INVALID))
    collapsed = row("b", measurement=measurement(2), quality=quality(9, collapsed=True))
    lossy = row("c", measurement=measurement(3), quality=quality(0.2))
    good = row("d", measurement=measurement(4), quality=quality(0.001))
    slow = row("e", measurement=measurement(5), quality=quality(0.001))
    broken = failed("f", Failure(reason=Reason.TIMEOUT, message="too slow"))
    rows = [slow, broken, invalid, collapsed, lossy, good]

    assert fastest([each for each in rows if is_eligible(each, max_loss=0.01)]) == good
    assert fastest([each for each in rows if is_eligible(each, max_loss=None)]) == lossy
    assert fastest([]) is None


def test_a_loss_that_may_pass_the_limit_is_not_called_best() -> None:
    unsure = row("a", quality=quality(0.005, nmse_ci95=(0.001, 0.02)))

    assert is_eligible(unsure, max_loss=0.02)
    assert not is_eligible(unsure, max_loss=0.01)
    assert cells_of(columns_of(report(unsure), max_loss=0.01), unsure)[-2:] == ("0.5% [0.1%, 2%]", "undecided")
    *_, note = notes_of(report(unsure), max_loss=0.01)
    assert "8 samples do not tell whether it loses 1%; take about 2,888 test samples" in note


def test_a_single_sample_is_undecided_and_the_reason_is_told() -> None:
    one = row("a", quality=quality(0.0, samples=1, nmse_ci95=None, nmse_ci95_reason="1 test sample is too few"))

    assert cells_of(columns_of(report(one), max_loss=0.005), one)[-2:] == ("0%", "undecided")
    assert notes_of(report(one), max_loss=0.005)[1:] == (
        "a: whether it loses 0.5% cannot be told: 1 test sample is too few",
    )


@pytest.mark.parametrize(("text", "limit"), [("0.5%", 0.005), ("0.005", 0.005), (" 1 % ", 0.01), ("0", 0.0)])
def test_a_largest_loss_is_a_share_or_a_percentage(text: str, limit: float) -> None:
    assert allowed(text) == pytest.approx(limit)


@pytest.mark.parametrize("text", ["", "much", "1%%", "nan", "inf", "5 percent"])
def test_a_largest_loss_that_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(BadRequest, match="write"):
        allowed(text)


def test_a_variant_that_was_never_scored_is_within_no_limit() -> None:
    unscored = row("a", quality=None)

    assert is_eligible(unscored, max_loss=None)
    assert not is_eligible(unscored, max_loss=0.5)
