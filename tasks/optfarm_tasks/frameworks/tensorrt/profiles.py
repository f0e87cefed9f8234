"""Works out which shapes an engine takes, and for which its kernels are chosen. Pure."""

import re
from collections.abc import Iterator

from optfarm_tasks.description import Shape, Signature, Tensor
from optfarm_tasks.errors import BadParameter, UnsupportedOp
from optfarm_tasks.formats.tensorrt import Sizes

PATTERN = r"^([^=;]+=\d+(x\d+)*(:\d+(x\d+)*){2}(;|$))*$"
"""What people write of shapes: INPUT=MIN:OPT:MAX, sizes with an x between them, a semicolon between inputs."""
_ONE = re.compile(r"\s*([^=;]+)=([\dx]+):([\dx]+):([\dx]+)")


def profile_of(signature: Signature, *, batch: int, max_batch: int, shapes: str) -> dict[str, Sizes]:
    """Input → its shapes, of those in which a size varies.

    Args:
        signature: how the model is called.
        batch: the batch that kernels are chosen for.
        max_batch: the largest that it takes.
        shapes: the shapes of inputs in which more than the batch varies, see `PATTERN`.

    Raises:
        BadParameter: shapes do not fit their input, or those of one are not given whose sizes vary.
        UnsupportedOp: nothing is known of the shape of an input, not even its rank.
    """
    if batch > max_batch:
        raise BadParameter(f"batch is {batch}, and max_batch is {max_batch}; the engine takes batches up to max_batch")
    given = _given(shapes)
    unknown = sorted(given.keys() - {each.name for each in signature.inputs})
    if unknown:
        names = ", ".join(each.name for each in signature.inputs)
        raise BadParameter(f"shapes names {', '.join(unknown)}; the inputs of the model are {names}")
    return {each.name: sizes for each, sizes in _sizes(signature, given, (1, batch, max_batch))}


def _sizes(
    signature: Signature, given: dict[str, Sizes], batches: tuple[int, int, int]
) -> Iterator[tuple[Tensor, Sizes]]:
    for tensor in signature.inputs:
        if tensor.shape is None:
            raise UnsupportedOp(f"nothing is known of the shape of the input {tensor.name}; an engine has to know it")
        if tensor.name in given:
            _check(tensor, tensor.shape, given[tensor.name])
            yield tensor, given[tensor.name]
        elif None in tensor.shape:
            yield tensor, _by_batch(tensor, tensor.shape, batches)


def _by_batch(tensor: Tensor, shape: Shape, batches: tuple[int, int, int]) -> Sizes:
    if any(size is None and axis != tensor.axis for axis, size in enumerate(shape)):
        form = ":".join("x".join(str(size or number) for size in shape) for number in (1, 8, 64))
        raise BadParameter(
            f"sizes of the input {tensor} vary beside the batch, and an engine takes a range of them: give it, "
            f"as shapes='{tensor.name}={form}'"
        )
    low, usual, high = (tuple(number if size is None else size for size in shape) for number in batches)
    return Sizes(min=low, opt=usual, max=high)


def _check(tensor: Tensor, shape: Shape, sizes: Sizes) -> None:
    for each in (sizes.min, sizes.opt, sizes.max):
        fits = len(each) == len(shape) and all(known in (None, size) for known, size in zip(shape, each, strict=True))
        if not fits:
            raise BadParameter(f"shapes gives {'x'.join(map(str, each))} for the input {tensor}")
    rising = zip(sizes.min, sizes.opt, sizes.max, strict=True)
    if not all(0 < low <= usual <= high for low, usual, high in rising):
        raise BadParameter(f"shapes of {tensor.name} do not rise from the smallest over the usual to the largest")


def _given(shapes: str) -> dict[str, Sizes]:
    found = {}
    for name, *parts in _ONE.findall(shapes):
        low, usual, high = (tuple(map(int, part.split("x"))) for part in parts)
        found[name.strip()] = Sizes(min=low, opt=usual, max=high)
    return found
