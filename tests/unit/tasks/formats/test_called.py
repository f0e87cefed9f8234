"""What people say of a model's inputs and outputs makes its signature, and what they cannot mean is refused."""

import pytest

from optfarm_tasks.description import Format, ModelDescription, Signature, Tensor
from optfarm_tasks.errors import BadParameter
from optfarm_tasks.formats.called import called
from optfarm_tasks.schema.feeding import Feeding


def tensor(name: str, *shape: int | None, dtype: str = "float32") -> Tensor:
    return Tensor(name=name, dtype=dtype, shape=shape)


def described(kind: Format = Format.FROZEN_GRAPH) -> ModelDescription:
    signature = Signature(
        inputs=(tensor("x", None, 4), tensor("state", 2, None, 8), tensor("rate")),
        outputs=(tensor("y", None, 3), tensor("new_state", 2, None, 8)),
        optional=(tensor("training", dtype="bool"), tensor("keep", None)),
    )
    return ModelDescription(format=kind, signatures=(signature,), size_bytes=1)


def names(tensors: tuple[Tensor, ...]) -> list[str]:
    return [each.name for each in tensors]


def test_inputs_with_a_default_are_fed_or_fixed_and_outputs_are_chosen() -> None:
    feeding = Feeding(inputs=("keep",), outputs=("y",), constants={"training": False, "rate": 0.5})

    signature = called(described(), feeding).signature

    assert names(signature.inputs) == ["x", "state", "keep"]
    assert names(signature.outputs) == ["y"]
    assert names(signature.optional) == []


def test_what_lies_within_a_graph_can_be_fetched() -> None:
    signature = called(described(), Feeding(outputs=("features",))).signature

    assert names(signature.outputs) == ["features"]


def test_a_batch_that_is_not_the_first_axis_is_seen_where_shapes_tell_it() -> None:
    made = called(described(), Feeding())

    assert dict(made.feeding.batch_axes) == {"state": 1, "new_state": 1}
    assert [(each.name, each.axis, each.sample_shape) for each in made.signature.inputs] == [
        ("x", 0, (4,)),
        ("state", 1, (2, 8)),
        ("rate", None, ()),
    ]
    assert made.signature.fixed_batch is None


def test_a_model_whose_shapes_leave_nothing_open_says_nothing() -> None:
    plain = ModelDescription(
        format=Format.ONNX, signatures=(Signature(inputs=(tensor("x", 2, 4), tensor("s", 2, 2, 8))),), size_bytes=1
    )

    assert called(plain, Feeding()) == plain


def test_an_axis_can_be_said_and_one_that_is_wrong_be_mended() -> None:
    made = called(described(), Feeding(batch_axes={"state": None, "x": 1}))

    assert dict(made.feeding.batch_axes) == {"state": None, "x": 1, "new_state": 1}
    assert made.signature.inputs[1].sample_shape == (2, None, 8)


@pytest.mark.parametrize(
    ("kind", "feeding", "message"),
    [
        (Format.ONNX, Feeding(constants={"trainig": False}), "--constant trainig: .* did you mean training?"),
        (Format.ONNX, Feeding(inputs=("nothing",)), "--input nothing: the model has none of that name"),
        (Format.SAVED_MODEL, Feeding(outputs=("z",)), "--output z: .* there are new_state, y"),
        (Format.ONNX, Feeding(batch_axes={"x": 2}), r"--batch-axis x=2: x: float32\[\?, 4\] has 2 axes, from 0 on"),
        (Format.ONNX, Feeding(batch_axes={"z": 0}), "--batch-axis z: the model has none of that name"),
        (Format.ONNX, Feeding(inputs=("keep",), constants={"keep": 1}), "keep cannot be both fed .* and given a value"),
        (Format.ONNX, Feeding(constants={"x": 0, "state": 0, "rate": 0}), "nothing left to feed"),
        (
            Format.TFLITE,
            Feeding(constants={"rate": 0}),
            "format tflite cannot be chosen or given a value",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused(kind: Format, feeding: Feeding, message: str) -> None:
    with pytest.raises(BadParameter, match=message):
        called(described(kind), feeding)
