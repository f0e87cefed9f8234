"""The array of an input that always gets one value."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from optfarm_tasks.errors import BadParameter
from optfarm_tasks.schema.recipe import Scalar


def filled(name: str, value: Scalar, *, dtype: DTypeLike, sizes: Sequence[int | None]) -> NDArray[Any]:
    """An array of an input's type and shape, of which each element has the value.

    Raises:
        BadParameter: the type does not hold the value, or a size varies.
    """
    given, wanted = np.asarray(value), np.dtype(dtype)
    if isinstance(value, str) != (wanted.kind in "OSU"):
        raise BadParameter(f"{name} is {wanted}, and {value!r} is none")
    array = given.astype(wanted)
    if given.dtype.kind in "biuf" and wanted.kind != "f" and array != given:
        raise BadParameter(f"{name} is {wanted}, which does not hold {value!r}")
    if any(size is None or size < 0 for size in sizes):
        raise BadParameter(f"{name} has sizes that vary, so one value does not say all of it; feed it instead")
    return np.full([size or 0 for size in sizes], array)
