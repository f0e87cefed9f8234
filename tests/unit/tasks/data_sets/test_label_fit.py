"""Labels that cannot be compared with a model's outputs are found out before anything runs."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from optfarm_tasks.data_sets.data import check_names, describe_data
from optfarm_tasks.data_sets.label_fit import check_labels, label_warnings
from optfarm_tasks.description import Shape, Signature, Split, Tensor
from optfarm_tasks.errors import BadData

CLASSIFIER = {"y": (None, 3)}


def signature(outputs: dict[str, Shape | None]) -> Signature:
    tensors = (Tensor(name=name, dtype="float32", shape=shape) for name, shape in outputs.items())
    return Signature(inputs=(Tensor(name="x", dtype="float32", shape=(None, 4)),), outputs=tuple(tensors))


def split(folder: Path, labels: Any) -> Split:
    """The test split of a data set with these labels, as it is read from a file."""
    array = np.asarray(labels)
    np.savez(folder / "data.npz", **{"test/x": np.ones((len(array), 4), np.float32), "test/labels": array})
    return describe_data(folder / "data.npz").splits["test"]


@pytest.mark.parametrize(
    ("outputs", "labels"),
    [
        (CLASSIFIER, [0, 1, 2]),
        (CLASSIFIER, [[0], [1], [2]]),
        (CLASSIFIER, np.eye(3, dtype=np.float32)),
        ({"y": (8, 3)}, [0, 2]),
        ({"y": (None, 1)}, [0.5, 0.25]),
        ({"y": (None, 5, 5, 3)}, np.zeros((2, 5, 5), np.uint8)),
        ({"a": (None, 7), "b": (None, 3)}, [6, 0]),
        ({"y": None}, [99]),
        ({"y": (None, None)}, [99]),
        ({"y": (3,)}, np.zeros((2, 3))),
        ({}, [99]),
        ({"detection_boxes": (None, 10, 4), "detection_scores": (None, 10)}, [99]),
    ],
)
def test_labels_that_fit_or_of_which_nothing_is_known_pass(
    outputs: dict[str, Shape | None], labels: Any, tmp_path: Path
) -> None:
    check_labels(signature(outputs), split(tmp_path, labels))


@pytest.mark.parametrize(
    ("outputs", "labels", "said"),
    [
        (CLASSIFIER, [0, 3], "the labels are 0..3, and y has the classes 0..2"),
        (CLASSIFIER, [-1, 2], "the labels are -1..2, and y has the classes 0..2"),
        (CLASSIFIER, [0.5, 1.5], "the labels, float64 of shape [] a sample, fit no output; there are y: float32[?, 3]"),
        (CLASSIFIER, np.zeros((2, 5)), "the labels, float64 of shape [5] a sample, fit no output"),
        ({"y": (None, 5, 5, 3)}, [1, 2], "the labels, int64 of shape [] a sample, fit no output"),
    ],
)
def test_labels_that_fit_no_output_are_refused(
    outputs: dict[str, Shape | None], labels: Any, said: str, tmp_path: Path
) -> None:
    with pytest.raises(BadData) as refused:
        check_labels(signature(outputs), split(tmp_path, labels))

    assert str(refused.value).startswith(said)


ONE_HOT = np.eye(3, dtype=np.float32)[[0, 2, 1, 1]]


@pytest.mark.parametrize("labels", [ONE_HOT, ONE_HOT.astype(np.int64), ONE_HOT.astype(bool), ONE_HOT[:, None]])
def test_one_hot_labels_are_recognised_and_told(labels: Any, tmp_path: Path) -> None:
    found = split(tmp_path, labels)

    assert found.is_one_hot
    (warning,) = label_warnings(signature(CLASSIFIER), found)
    assert "for top-1 give the numbers of the classes" in warning


@pytest.mark.parametrize(
    "labels",
    [
        [0, 1, 2],
        ONE_HOT * 0.5,
        np.ones((4, 3)),
        np.zeros((4, 3)),
        [[1, 1, 0], [0, 0, 0]],
        [[1.0], [1.0]],
        np.array([["a", "b"]]),
        np.asfortranarray(ONE_HOT * 2),
    ],
)
def test_other_labels_are_not_called_one_hot(labels: Any, tmp_path: Path) -> None:
    assert not split(tmp_path, labels).is_one_hot


def test_classes_are_counted_over_all_pieces_of_a_large_file(tmp_path: Path) -> None:
    labels = np.zeros(3_000_000, np.int64)
    labels[-1], labels[0] = 7, -2
    np.savez(tmp_path / "data.npz", **{"test/x": np.ones((len(labels), 1), np.uint8), "test/labels": labels})

    assert describe_data(tmp_path).splits["test"].classes == (-2, 7)


@pytest.mark.parametrize(
    ("names", "hints"),
    [
        (("x_train", "y_train"), ("x_train to train/x", "y_train to train/labels")),
        (("X_test", "Y_test"), ("X_test to test/X", "Y_test to test/labels")),
        (("x_train", "x_val"), ("x_train to train/x", "x_val to test/x")),
        (("train_images", "train_labels"), ("train_images to train/images", "train_labels to train/labels")),
        (("image_calibration",), ("image_calibration to calibration/image",)),
    ],
)
def test_names_that_mean_a_split_are_not_taken_for_inputs(
    names: tuple[str, ...], hints: tuple[str, ...], tmp_path: Path
) -> None:
    np.savez(tmp_path / "data.npz", **{name: np.ones((2, 3), np.float32) for name in names})

    with pytest.raises(BadData) as refused:
        check_names(tmp_path)

    assert all(hint in str(refused.value) for hint in hints)


@pytest.mark.parametrize("names", [("test/x_train", "contest"), ("x_test",), ("image_val", "speed")])
def test_names_that_are_read_as_they_are_meant_pass(names: tuple[str, ...], tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", **{name: np.ones((2, 3), np.float32) for name in names})

    check_names(tmp_path)

    found = {each.name for each in describe_data(tmp_path).splits["test"].inputs}
    assert found == {name.removeprefix("test/") for name in names}
