"""The loss that fine-tuning goes by follows from labels and outputs, and one that does not fit is refused."""

import numpy as np
import pytest

from optfarm_tasks.errors import BadData, BadParameter
from optfarm_tasks.frameworks.keras import losses

SOFTMAX = np.full((4, 3), 1 / 3, np.float32)
LOGITS = np.float32([[3, -1, 0]] * 4)
CLASSES = np.int64([0, 1, 2, 1, 0])


@pytest.mark.parametrize(
    ("labels", "outputs", "name", "from_logits"),
    [
        (CLASSES, SOFTMAX, "sparse_categorical_crossentropy", False),
        (CLASSES, LOGITS, "sparse_categorical_crossentropy", True),
        (CLASSES[:, None], LOGITS, "sparse_categorical_crossentropy", True),
        (np.zeros((5, 8, 8), np.uint8), np.zeros((4, 8, 8, 2)), "sparse_categorical_crossentropy", True),
        (np.int64([0, 1, 1]), np.float32([[0.2], [0.9]]), "binary_crossentropy", False),
        (np.int64([0, 1, 1]), np.float32([[-3], [4]]), "binary_crossentropy", True),
        (np.int64([0, 5, 9]), np.float32([[2], [7]]), "mse", False),
        (np.float32([[0.1], [0.2]]), np.float32([[2], [7]]), "mse", False),
        (np.float32([0.1, 0.2]), np.float32([[2], [7]]), "mse", False),
    ],
)
def test_auto_follows_labels_and_outputs(
    labels: np.ndarray, outputs: np.ndarray, name: str, *, from_logits: bool
) -> None:
    assert losses.for_labels("auto", labels, outputs) == losses.Loss(name, from_logits=from_logits)


def test_labels_take_the_shape_that_the_loss_compares() -> None:
    classes = losses.shaped(CLASSES[:, None], LOGITS, losses.Loss("sparse_categorical_crossentropy"))
    numbers = losses.shaped(np.float64([1, 2]), np.zeros((9, 1)), losses.Loss("mse"))

    assert (classes.shape, classes.dtype) == ((5,), np.int64)
    assert (numbers.shape, numbers.dtype) == ((2, 1), np.float32)


@pytest.mark.parametrize(
    ("asked", "labels", "outputs"),
    [
        ("auto", np.zeros((5, 7)), SOFTMAX),
        ("auto", np.int64([0, 3]), SOFTMAX),
        ("sparse_categorical_crossentropy", np.float32([0.5]), SOFTMAX),
        ("mse", CLASSES, SOFTMAX),
        ("mse", np.array(["a", "b"]), np.zeros((2, 1))),
    ],
)
def test_labels_that_do_not_fit_are_refused_with_both_shapes(
    asked: str, labels: np.ndarray, outputs: np.ndarray
) -> None:
    with pytest.raises(BadData, match=r"labels of shape \[.*do not fit outputs of shape \["):
        losses.for_labels(asked, labels, outputs)


def test_a_teacher_gives_numbers_and_no_classes() -> None:
    assert losses.for_answers("auto").name == "mse"
    with pytest.raises(BadParameter, match="takes labels, and the split has none"):
        losses.for_answers("sparse_categorical_crossentropy")
