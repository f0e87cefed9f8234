"""Whether labels can be compared with what a model gives, as far as its files say it. Pure."""

from collections.abc import Mapping

from optfarm_tasks.description import Shape, Signature, Split
from optfarm_tasks.errors import BadData

_ONE_HOT = (
    "the labels are one-hot, so they are compared as numbers, by their mean square error; "
    "for top-1 give the numbers of the classes: labels.argmax(axis=-1)"
)
_WHOLE = ("int", "uint", "bool")


def check_labels(signature: Signature, split: Split) -> None:
    """Passes when labels fit an output, or when that is not known before the model runs.

    Raises:
        BadData: they fit none, or name a class that an output does not have.
    """
    outputs, labels = _known_outputs(signature), split.labels
    if labels is None or labels.shape is None or not outputs:
        return
    classes = _class_outputs(outputs, split)
    if classes:
        widest = max(classes, key=lambda name: outputs[name][-1] or 0)
        _check_classes(widest, outputs[widest][-1] or 0, split)
    elif not any(_plain(shape[1:]) == _plain(labels.shape) for shape in outputs.values()):
        there = ", ".join(str(each) for each in signature.outputs)
        raise BadData(f"the labels, {labels.dtype} of shape {_sizes(labels.shape)}, fit no output; there are {there}")


def label_warnings(signature: Signature, split: Split) -> tuple[str, ...]:
    """What is scored otherwise than people may think."""
    if not split.is_one_hot or _class_outputs(_known_outputs(signature), split):
        return ()
    return (_ONE_HOT,)


def _known_outputs(signature: Signature) -> Mapping[str, Shape]:
    """The shapes of the outputs; none where one is not known or has no batch, or where they are sets of detections."""
    shapes = {each.name: each.shape for each in signature.outputs if each.dtype != "string"}
    batches = {None, signature.fixed_batch}
    known = {name: shape for name, shape in shapes.items() if shape and shape[0] in batches and None not in shape[1:]}
    is_detector = any("boxes" in name or "detection" in name for name in shapes)
    return {} if is_detector or len(known) < len(shapes) else known


def _class_outputs(outputs: Mapping[str, Shape], split: Split) -> list[str]:
    """The outputs with an axis of classes behind the shape of whole-numbered labels."""
    labels = split.labels
    if labels is None or labels.shape is None or not labels.dtype.startswith(_WHOLE):
        return []
    wanted = _plain(labels.shape)
    return [
        name
        for name, shape in outputs.items()
        if len(shape) > 1 and (shape[-1] or 0) > 1 and _plain(shape[1:-1]) == wanted
    ]


def _check_classes(output: str, count: int, split: Split) -> None:
    if split.classes is None:
        return
    least, most = split.classes
    if least < 0 or most >= count:
        raise BadData(f"the labels are {least}..{most}, and {output} has the classes 0..{count - 1}")


def _plain(shape: Shape) -> Shape:
    return tuple(size for size in shape if size != 1)


def _sizes(shape: Shape) -> str:
    return f"[{', '.join(map(str, shape))}] a sample"
