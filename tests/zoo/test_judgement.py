"""What counts as right in the zoo: near the truth, or refused for a reason that people can act on."""

import numpy as np
import pytest

from tests.zoo.judgement import Outcome, judged
from tests.zoo.recipes import RECIPES

TRUTH = {"y": np.arange(12, dtype=np.float32).reshape(4, 3)}
EXACT, INT8, TRAINED = RECIPES["freeze"], RECIPES["onnx-int8"], RECIPES["prune(epochs=1, min_weights=256)"]


def word(outcome: Outcome, recipe: object = EXACT, *tags: str) -> str:
    return judged(outcome, TRUTH, recipe, tags=frozenset(tags)).word  # type: ignore[arg-type]


def of(outputs: np.ndarray, **said: object) -> Outcome:
    return Outcome(outputs={"y": outputs}, **said)  # type: ignore[arg-type]


def test_outputs_near_the_truth_are_done() -> None:
    assert word(of(TRUTH["y"] + 1e-4)) == "done"


def test_outputs_far_from_it_are_wrong_where_numbers_stay() -> None:
    assert word(of(TRUTH["y"] * 2)) == "wrong"
    assert word(of(TRUTH["y"] * 2), TRAINED) == "done"


def test_outputs_of_other_names_or_shapes_are_wrong() -> None:
    assert word(Outcome(outputs={"z": TRUTH["y"]})) == "wrong"
    assert word(of(TRUTH["y"][:2])) == "wrong"


def test_a_quantiser_that_changes_nothing_has_to_say_so() -> None:
    assert word(of(TRUTH["y"]), INT8) == "nothing"
    assert word(of(TRUTH["y"], warnings=("no layer stays int8",)), INT8) == "done"
    assert word(of(TRUTH["y"]), INT8, "tiny") == "done"


def test_nan_is_wrong_unless_the_model_gives_it() -> None:
    lost = np.full((4, 3), np.nan, np.float32)

    assert word(of(lost)) == "nan"
    assert word(of(lost), TRAINED) == "nan"
    assert judged(of(lost), {"y": lost}, EXACT, tags=frozenset({"nan"})).word == "done"


@pytest.mark.parametrize(
    ("reason", "message", "expected"),
    [
        ("unsupported_op", "TFLite has no kernel for AvgPool3D", "refused"),
        ("bad_model", "keras cannot export the model: KeyError: 'x'", "vague"),
        ("bad_model", "OpenVINO cannot convert it: Check 'false' failed at src/a.cpp:151", "vague"),
        ("internal", "ZeroDivisionError: division by zero", "internal"),
        ("out_of_memory", "memory ran out", "internal"),
        ("crash", "the process ended with -11", "crash"),
        ("hang", "no end after 180 s", "hang"),
    ],
)
def test_a_refusal_needs_a_typed_reason_in_plain_words(reason: str, message: str, expected: str) -> None:
    assert word(Outcome(reason=reason, message=message)) == expected


def test_classes_may_differ_by_few_where_numbers_are_rounded() -> None:
    truth = {"y": np.arange(10)}
    off_by_one = Outcome(outputs={"y": np.array([1, 1, *range(2, 10)])})

    assert judged(off_by_one, truth, INT8, tags=frozenset()).word == "done"
    assert judged(off_by_one, truth, EXACT, tags=frozenset()).word == "wrong"
