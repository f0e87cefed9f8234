"""Samples come with their number first, and go where an input has its batch."""

import numpy as np
import pytest

from optfarm_tasks.benchmark.process import feeds
from optfarm_tasks.data_sets.data import fit
from optfarm_tasks.data_sets.model_inputs import by_sample, fitted
from optfarm_tasks.description import Signature, Split, Tensor
from optfarm_tasks.errors import BadData

STATE = Tensor(name="state", dtype="float32", shape=(2, None, 8), batch_axis=1)
RATE = Tensor(name="rate", dtype="float32", shape=())
SIGNATURE = Signature(inputs=(STATE, RATE))
SAMPLES = np.arange(3 * 2 * 8, dtype=np.float32).reshape(3, 2, 8)


def test_samples_go_where_the_batch_is_and_come_back() -> None:
    arrays = fitted({"state": SAMPLES, "rate": np.full(3, 0.5)}, SIGNATURE)

    assert arrays["state"].shape == (2, 3, 8)
    assert arrays["state"].flags.c_contiguous
    assert (arrays["state"][:, 1] == SAMPLES[1]).all()
    assert (by_sample(arrays["state"], STATE) == SAMPLES).all()
    assert arrays["rate"] == np.float32(0.5)
    assert arrays["rate"].shape == ()


def test_one_value_serves_a_batch_only_if_all_samples_have_it() -> None:
    with pytest.raises(
        BadData, match=r"rate: float32\[\] has no axis for samples.*batch size of 1.*--constant rate=VALUE"
    ):
        fitted({"state": SAMPLES, "rate": np.arange(3)}, SIGNATURE)


def test_a_data_set_fits_by_the_shape_of_its_samples() -> None:
    tensors = tuple(
        Tensor(name=name, dtype="float32", shape=shape) for name, shape in (("state", (2, 8)), ("rate", ()))
    )

    assert fit(SIGNATURE, Split(count=3, inputs=tensors)) == {"state": "state", "rate": "rate"}


def test_random_requests_have_one_value_where_there_is_no_axis_for_samples() -> None:
    drawn = next(feeds.at_random(SIGNATURE, 4, seed=0))

    assert drawn["state"].shape == (4, 2, 8)
    assert len(set(drawn["rate"].tolist())) == 1
    assert fitted(drawn, SIGNATURE)["state"].shape == (2, 4, 8)
