"""What is said of a model on the command line."""

import pytest

from optfarm.errors import BadRequest
from optfarm.flag_values import feeding_of
from optfarm_tasks.schema.feeding import Feeding


def test_flags_say_how_a_model_is_called() -> None:
    said = feeding_of(["keep"], ["y", "z"], ["training=False", "rate=0.5", "mode=fast", "a=b=1"], ["state=1", "t=none"])

    assert said == Feeding(
        inputs=("keep",),
        outputs=("y", "z"),
        constants={"training": False, "rate": 0.5, "mode": "fast", "a=b": 1},
        batch_axes={"state": 1, "t": None},
    )


def test_no_flags_say_nothing() -> None:
    assert feeding_of((), (), (), ()) is None


@pytest.mark.parametrize(
    ("constants", "axes", "message"),
    [
        (["training"], [], "--constant 'training': write --constant NAME=VALUE"),
        (["=1"], [], "--constant '=1': write --constant NAME=VALUE"),
        (["a="], [], "--constant 'a=': write --constant NAME=VALUE"),
        ([], ["state"], "--batch-axis 'state': write --batch-axis NAME=AXIS"),
        ([], ["state=first"], "--batch-axis state=first: an axis is a number from 0 on, or none"),
        ([], ["state=-1"], "--batch-axis state=-1: an axis is a number from 0 on, or none"),
    ],
)
def test_a_flag_that_says_nothing_is_refused(constants: list[str], axes: list[str], message: str) -> None:
    with pytest.raises(BadRequest) as raised:
        feeding_of((), (), constants, axes)

    assert str(raised.value) == message
