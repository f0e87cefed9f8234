"""Which shapes an engine takes: by its batch, or as people write them."""

import pytest

from optfarm_tasks.description import Shape, Signature, Tensor
from optfarm_tasks.errors import BadParameter, UnsupportedOp
from optfarm_tasks.formats.tensorrt import Sizes
from optfarm_tasks.frameworks.tensorrt.profiles import profile_of


def signature(**shapes: Shape | None) -> Signature:
    return Signature(inputs=tuple(Tensor(name=name, dtype="float32", shape=shape) for name, shape in shapes.items()))


def profile(given: Signature, *, batch: int = 1, max_batch: int = 64, shapes: str = "") -> dict[str, Sizes]:
    return profile_of(given, batch=batch, max_batch=max_batch, shapes=shapes)


def test_a_varying_batch_goes_from_one_to_the_largest() -> None:
    found = profile(signature(x=(None, 24)), batch=8)

    assert found == {"x": Sizes(min=(1, 24), opt=(8, 24), max=(64, 24))}


def test_a_model_of_known_sizes_needs_no_profile() -> None:
    assert profile(signature(x=(4, 24))) == {}


def test_samples_may_lie_along_another_axis() -> None:
    given = signature(state=(2, None, 8), x=(None, 3)).with_batch_axes({"state": 1})

    assert profile(given, max_batch=16)["state"] == Sizes(min=(2, 1, 8), opt=(2, 1, 8), max=(2, 16, 8))


def test_shapes_of_several_inputs_are_given_together() -> None:
    given = signature(ids=(None, None), mask=(None, None), x=(None, 3))

    found = profile(given, shapes="ids=1x8:1x64:4x512;mask=1x8:1x64:4x512")

    assert found["ids"] == found["mask"] == Sizes(min=(1, 8), opt=(1, 64), max=(4, 512))
    assert found["x"] == Sizes(min=(1, 3), opt=(1, 3), max=(64, 3))


@pytest.mark.parametrize(
    ("given", "settings", "said"),
    [
        (signature(x=(None, 3)), {"batch": 9, "max_batch": 8}, "batch is 9, and max_batch is 8"),
        (signature(x=(None, None)), {}, r"vary beside the batch, .* as shapes='x=1x1:8x8:64x64'"),
        (signature(x=(None, 3)), {"shapes": "z=1x3:1x3:1x3"}, "shapes names z; the inputs of the model are x"),
        (signature(x=(None, 3)), {"shapes": "x=1x4:1x4:1x4"}, r"shapes gives 1x4 for the input x: float32\[\?, 3\]"),
        (signature(x=(None, 3)), {"shapes": "x=2x3:1x3:4x3"}, "shapes of x do not rise"),
        (signature(x=(None, 3)), {"shapes": "x=0x3:1x3:4x3"}, "shapes of x do not rise"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(given: Signature, settings: dict, said: str) -> None:
    with pytest.raises(BadParameter, match=said):
        profile(given, **settings)


def test_an_input_of_unknown_rank_is_refused() -> None:
    with pytest.raises(UnsupportedOp, match="nothing is known of the shape of the input x"):
        profile(signature(x=None))
