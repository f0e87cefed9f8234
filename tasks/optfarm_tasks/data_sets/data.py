"""Reads a data set, refuses one that would spoil a sweep, and matches its arrays to a model's inputs."""

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optfarm_tasks.description import DataDescription, Shape, Signature, Split, Tensor
from optfarm_tasks.errors import BadData

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from optfarm_tasks.data_sets.npz import Stored

FILE = "data.npz"
"""The one file of a data set's folder."""
CALIBRATION, TEST, TRAIN = "calibration", "test", "train"
LABELS = "labels"
_SPLITS = (CALIBRATION, TEST, TRAIN)
_HOW = (
    f'a data set is an .npz file of arrays named "{TEST}/NAME", "{CALIBRATION}/NAME" or "{TRAIN}/NAME", '
    f'"{TEST}/{LABELS}" and "{TRAIN}/{LABELS}" for labels'
)
_SPLIT_WORDS = "train|training|test|val|valid|validation|calib|calibration"
_SPLIT_WORD = re.compile(rf"(?i)(?P<name>\w+?)_(?P<split>{_SPLIT_WORDS})|(?P<split_>{_SPLIT_WORDS})_(?P<name_>\w+)")
_LABEL_WORDS = {"y", "label", "labels", "target", "targets"}
_INTEGER = re.compile(r"^(u?)int(\d+)$")
_REAL = re.compile(r"^(bool|u?int\d+|b?float\w+)$")


def describe_data(path: Path) -> DataDescription:
    """The splits of a data set, after reading every value once, in pieces.

    Args:
        path: the data set's folder, or its .npz file.

    Raises:
        BadData: there is no data set, it is damaged, a split makes no sense, or a value is NaN or infinite.
            The message names the array, and what to do.
    """
    from optfarm_tasks.data_sets import npz  # noqa: PLC0415 (NumPy's import takes a tenth of a second)

    file = _file(path)
    scanned = npz.scan(file, labels=LABELS)
    found = sorted(((*_named(stored.key), stored) for stored in scanned), key=lambda each: each[:2])
    if not found:
        raise BadData(f"{file} holds no arrays; {_HOW}")
    splits = {split: _split(split, arrays) for split, arrays in groupby(found, key=lambda each: each[0])}
    return DataDescription(splits=splits, size_bytes=file.stat().st_size)


def load_split(folder: Path, split: str) -> "tuple[dict[str, NDArray[Any]], NDArray[Any] | None]":
    """A split's input arrays by name, first axis the samples, and its labels if it has some.

    Raises:
        BadData: there is no such data set or split, or it is damaged.
    """
    from optfarm_tasks.data_sets import npz  # noqa: PLC0415 (NumPy's import takes a tenth of a second)

    file = _file(folder)
    wanted = {key: name for key in npz.names(file) for each, name in [_named(key)] if each == split}
    if not wanted:
        raise BadData(f"{file} has no {split} split; {_HOW}")
    arrays = {wanted[key]: array for key, array in npz.read(file, set(wanted)).items()}
    labels = arrays.pop(LABELS, None)
    return arrays, labels


def training_split(splits: Iterable[str]) -> str | None:
    """The split that fine-tuning learns from: `train` if there is one, else `calibration`; None if there is neither."""
    there = set(splits)
    return next((name for name in (TRAIN, CALIBRATION) if name in there), None)


def fit(signature: Signature, split: Split) -> dict[str, str]:
    """Which array feeds which input: model input name → array name.

    One input takes one array of any name; otherwise the names must match. A dimension that varies takes any size.
    A float or quantised input takes any real numbers; an integer input takes integers that it can hold.

    Args:
        signature: its inputs say which dimension is the batch.
        split: its shapes have no sample axis.

    Raises:
        BadData: it does not fit; the message says both sides.
    """
    arrays = {array.name: array for array in split.inputs}
    inputs = {tensor.name: tensor for tensor in signature.inputs}
    pairs = {name: name for name in inputs}
    if len(arrays) == len(inputs) == 1:
        pairs = dict(zip(inputs, arrays, strict=True))
    if set(pairs.values()) != set(arrays):
        raise BadData(_both(signature, split, [_names_fault(inputs, arrays)]))
    faults = [fault for name, array in pairs.items() for fault in _faults(inputs[name], arrays[array])]
    if faults:
        raise BadData(_both(signature, split, faults))
    return pairs


def _file(path: Path) -> Path:
    file = path / FILE if path.is_dir() else path
    if not file.is_file():
        seen = ", ".join(sorted(each.name for each in path.iterdir())[:5]) if path.is_dir() else ""
        raise BadData(f"there is no {file}{f' (the folder holds {seen})' if seen else ''}; {_HOW}")
    return file


def check_names(path: Path) -> None:
    """Passes unless arrays have names such as x_train and y_train, which would both be inputs of the test split.

    Args:
        path: a new data set's folder, or its .npz file; one that was pushed before is read as it is.

    Raises:
        BadData: they have; the message says what to call them.
    """
    from optfarm_tasks.data_sets import npz  # noqa: PLC0415 (NumPy's import takes a tenth of a second)

    file = _file(path)
    meant = {key: _meant(match) for key in npz.names(file) if (match := _SPLIT_WORD.fullmatch(key))}
    if any(name.endswith(f"/{LABELS}") or not name.startswith(f"{TEST}/") for name in meant.values()):
        hints = ", ".join(f"{key} to {name}" for key, name in meant.items())
        raise BadData(
            f"{file} holds {', '.join(meant)}, which would all be inputs of the {TEST} split, for they have no slash; "
            f"rename {hints}; an input that is called so is {TEST}/{next(iter(meant))}"
        )


def _meant(match: re.Match[str]) -> str:
    name, split = match["name"] or match["name_"], (match["split"] or match["split_"]).lower()
    kind = next((each for each in (TRAIN, CALIBRATION) if split.startswith(each[:5])), TEST)
    return f"{kind}/{LABELS if name.lower() in _LABEL_WORDS else name}"


def _named(key: str) -> tuple[str, str]:
    """The split and the name that a key stands for; a bare name belongs to the test split."""
    split, slash, name = key.partition("/")
    if not slash:
        split, name = TEST, key
    if split not in _SPLITS or not name:
        raise BadData(f"array {key!r} is in an unknown split {split!r}; {_HOW}")
    return split, name


def _split(name: str, found: "Iterable[tuple[str, str, Stored]]") -> Split:
    arrays = {}
    for _, array, stored in found:
        if array in arrays:
            raise BadData(f"{name}/{array} is there twice: with its split and without")
        _check(stored)
        arrays[array] = stored
    counts = {array: stored.shape[0] for array, stored in arrays.items()}
    if len(set(counts.values())) > 1:
        said = ", ".join(f"{name}/{array} has {count}" for array, count in counts.items())
        raise BadData(f"the arrays of a split hold the same samples, but {said}; make their first axes equal")
    tensors = {
        array: Tensor(name=array, dtype=stored.dtype, shape=stored.shape[1:]) for array, stored in arrays.items()
    }
    labels = tensors.pop(LABELS, None)
    if not tensors:
        raise BadData(f"the {name} split has labels and no inputs; {_HOW}")
    count, values = next(iter(counts.values())) or 0, arrays[LABELS].labels if labels else None
    classes = (values.least, values.most) if values and values.least is not None and values.most is not None else None
    is_one_hot = values is not None and values.is_one_hot
    return Split(count=count, inputs=tuple(tensors.values()), labels=labels, classes=classes, is_one_hot=is_one_hot)


def _check(stored: "Stored") -> None:
    if not stored.shape:
        raise BadData(f"{stored.key} is a single value; its first axis must count the samples")
    if stored.shape[0] == 0:
        raise BadData(f"{stored.key} is empty: its shape is {_sizes(stored.shape)}; leave the split out or fill it")
    if stored.not_finite:
        first = _sizes(stored.first or ())
        raise BadData(f"{stored.key} has {stored.not_finite} NaN or infinite values, the first at {first}; remove them")


def _both(signature: Signature, split: Split, faults: list[str]) -> str:
    wanted, given = (", ".join(map(str, tensors)) or "nothing" for tensors in (signature.inputs, split.inputs))
    return f"the data does not fit the model: {'; '.join(faults)}. The model takes {wanted}; a sample has {given}"


def _names_fault(inputs: Mapping[str, Tensor], arrays: Mapping[str, Tensor]) -> str:
    missing, extra = sorted(set(inputs) - set(arrays)), sorted(set(arrays) - set(inputs))
    parts = [f"no array for {', '.join(missing)}"] * bool(missing) + [f"no input for {', '.join(extra)}"] * bool(extra)
    return " and ".join(parts)


def _faults(wanted: Tensor, given: Tensor) -> Iterator[str]:
    sample = wanted.sample_shape
    if not _same(sample, given.shape):
        yield f"{wanted.name} wants {_sizes(sample or ())} per sample and gets {_sizes(given.shape or ())}"
    if not _takes("float32" if wanted.scale is not None else wanted.dtype, given.dtype):
        yield f"{wanted.name} wants {wanted.dtype} and gets {given.dtype}: convert the array by astype"


def _same(wanted: Shape | None, given: Shape | None) -> bool:
    if wanted is None or given is None:
        return True
    return len(wanted) == len(given) and all(
        None in pair or pair[0] == pair[1] for pair in zip(wanted, given, strict=True)
    )


def _takes(wanted: str, given: str) -> bool:
    if wanted == given:
        return True
    if wanted.startswith(("float", "bfloat")):
        return bool(_REAL.match(given))
    # NumPy makes int64 of any list of whole numbers; models take indices and classes as int32.
    return (wanted, given) == ("int32", "int64") or _holds(wanted, given)


def _holds(wanted: str, given: str) -> bool:
    """Whether every value of one integer type is a value of another."""
    outer, inner = _INTEGER.match(wanted), _INTEGER.match(given)
    if outer is None or inner is None:
        return False
    (unsigned, bits), (source_unsigned, source_bits) = outer.groups(), inner.groups()
    if unsigned and not source_unsigned:
        return False
    return int(bits) - (0 if unsigned else 1) >= int(source_bits) - (0 if source_unsigned else 1)


def _sizes(shape: Shape) -> str:
    return f"[{', '.join('?' if size is None else str(size) for size in shape)}]"
