"""A data set is read without trust, or refused by a message that says what is wrong with it."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from optfarm_tasks.data_sets.data import describe_data, load_split
from optfarm_tasks.description import Split, Tensor
from optfarm_tasks.errors import BadData


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the data set goes."""
    return tmp_path / "data.npz"


def write(file: Path, **arrays: Any) -> None:
    """Saves arrays; a double underscore stands for the slash of a split."""
    np.savez(file, **{name.replace("__", "/"): np.asarray(array) for name, array in arrays.items()})


def test_splits_have_counts_shapes_and_labels(file: Path) -> None:
    write(
        file,
        test__image=np.zeros((5, 4, 3), np.uint8),
        test__labels=np.arange(5),
        calibration__image=np.ones((2, 4, 3)),
    )

    found = describe_data(file)

    assert found.splits["test"] == Split(
        count=5,
        inputs=(Tensor(name="image", dtype="uint8", shape=(4, 3)),),
        labels=Tensor(name="labels", dtype="int64", shape=()),
        classes=(0, 4),
    )
    assert found.splits["calibration"].count == 2
    assert found.splits["calibration"].labels is None
    assert found.size_bytes == file.stat().st_size
    assert describe_data(file.parent) == found


def test_a_bare_name_belongs_to_the_test_split(file: Path) -> None:
    write(file, x=np.zeros((2, 3)))

    assert describe_data(file).splits["test"].inputs[0].name == "x"
    assert load_split(file.parent, "test")[0]["x"].shape == (2, 3)


def test_strings_are_strings(file: Path) -> None:
    write(file, test__text=["one", "three"], test__raw=[b"a", b"b"])

    assert {tensor.dtype for tensor in describe_data(file).splits["test"].inputs} == {"string"}


def test_a_split_loads_with_its_labels_apart(file: Path) -> None:
    write(file, test__x=np.arange(6.0).reshape(2, 3), test__labels=[1, 0], calibration__x=np.ones((1, 3), ">f4"))

    inputs, labels = load_split(file.parent, "test")
    calibration, none = load_split(file, "calibration")

    np.testing.assert_array_equal(inputs["x"], np.arange(6.0).reshape(2, 3))
    np.testing.assert_array_equal(labels, [1, 0])
    assert calibration["x"].dtype == np.dtype("=f4")
    assert none is None


def test_a_missing_split_is_named(file: Path) -> None:
    write(file, test__x=[[1.0]])

    with pytest.raises(BadData, match="has no calibration split"):
        load_split(file.parent, "calibration")


@pytest.mark.parametrize("order", ["C", "F"])
def test_nans_are_counted_and_the_first_is_located(order: Any, file: Path) -> None:
    array = np.zeros((4, 3, 2), np.float32, order=order)
    array[2, 1, 0] = np.nan
    array[3, 2, 1] = np.inf
    write(file, test__x=array)

    with pytest.raises(BadData, match=r"test/x has 2 NaN or infinite values, the first at \[2, 1, 0\]"):
        describe_data(file)


def test_a_nan_beyond_the_first_piece_is_found(file: Path) -> None:
    array = np.zeros((3, 1 << 20))
    array[2, -1] = -np.inf
    np.savez_compressed(file, **{"test/x": array})

    with pytest.raises(BadData, match=r"1 NaN or infinite values, the first at \[2, 1048575\]"):
        describe_data(file)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"training__x": [[1.0]]}, r"array 'training/x' is in an unknown split 'training'"),
        ({"test__x": np.zeros((0, 3))}, r"test/x is empty: its shape is \[0, 3\]"),
        ({"test__x": 3.0}, r"test/x is a single value"),
        ({"test__x": [[1.0]], "test__y": [[1.0], [2.0]]}, r"test/x has 1, test/y has 2"),
        ({"test__labels": [1]}, r"the test split has labels and no inputs"),
        ({"test__x": [[1.0]], "x": [[1.0]]}, r"test/x is there twice"),
        ({"test__x": np.array(["2020-01-01"], "M8[D]")}, r"test/x holds datetime64\[D\]"),
        ({}, r"holds no arrays"),
    ],
)
def test_a_split_that_makes_no_sense_is_refused(arrays: dict[str, Any], message: str, file: Path) -> None:
    write(file, **arrays)

    with pytest.raises(BadData, match=message):
        describe_data(file)


def test_objects_are_never_unpickled(file: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (file.with_name("sprung"),))

    np.savez(file, **{"test/x": np.array([Trap()], dtype=object)})

    with pytest.raises(BadData, match="test/x holds Python objects, which are never unpickled"):
        describe_data(file)
    with pytest.raises(BadData):
        load_split(file, "test")
    assert not file.with_name("sprung").exists()


def test_nothing_at_the_path_is_refused(tmp_path: Path) -> None:
    (tmp_path / "images.csv").touch()

    with pytest.raises(BadData, match=r"there is no .*data\.npz \(the folder holds images\.csv\)"):
        describe_data(tmp_path)
    with pytest.raises(BadData, match=r"there is no .*nothing\.npz"):
        describe_data(tmp_path / "nothing.npz")


def test_other_files_are_refused(file: Path) -> None:
    file.write_text("a,b\n1,2\n")
    with pytest.raises(BadData, match=r"is no \.npz file"):
        describe_data(file)

    with file.open("wb") as stream:
        np.save(stream, np.zeros(3))
    with pytest.raises(BadData, match=r"is a single array; save it by np\.savez"):
        describe_data(file)

    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(BadData, match=r"holds readme\.txt"):
        describe_data(file)


@settings(max_examples=80, deadline=5000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(part=st.floats(0, 1, exclude_max=True), flip=st.booleans(), bit=st.integers(0, 7))
@example(part=0.896484375, flip=True, bit=6).via("the length of a member's comment")
def test_a_damaged_file_is_refused_or_read_alike(part: float, flip: bool, bit: int, file: Path) -> None:
    write(file, test__x=np.arange(60.0).reshape(4, 15), test__labels=[1, 2, 3, 4])
    whole, good = describe_data(file), bytearray(file.read_bytes())
    at = int(part * len(good))
    if flip:
        good[at] ^= 1 << bit
    file.write_bytes(good if flip else good[:at])

    try:
        found = describe_data(file)
    except BadData:
        return
    assert found == whole
