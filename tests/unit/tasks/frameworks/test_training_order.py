"""Samples are learnt from in random order, but for models that keep state from one to the next."""

import numpy as np

from optfarm_tasks.frameworks.keras.losses import for_answers
from optfarm_tasks.frameworks.keras.training_set import TrainingSet


def samples(*, keeps_order: bool) -> TrainingSet:
    given = np.arange(10, dtype=np.float32)
    return TrainingSet(
        {"x": given}, [given], for_answers("mse"), split="train", teacher="", batch_size=4, weights=[1.0],
        keeps_order=keeps_order,
    )  # fmt: skip


def test_a_model_with_state_learns_in_the_order_of_the_samples() -> None:
    order = samples(keeps_order=True).order(seed=3, epoch=1)

    assert [rows.tolist() for rows in order] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 0, 1]]


def test_other_models_learn_in_another_order_each_epoch() -> None:
    first, second = (np.concatenate(samples(keeps_order=False).order(seed=3, epoch=each))[:10] for each in (0, 1))

    assert sorted(first.tolist()) == sorted(second.tolist()) == list(range(10))
    assert first.tolist() != second.tolist()
