"""What the steps of a recipe learn from: samples to calibrate by, or to fine-tune on. Pure."""

from optfarm_tasks.data_sets.data import CALIBRATION, training_split
from optfarm_tasks.errors import BadParameter
from optfarm_tasks.resolved import ResolvedRecipe
from optfarm_tasks.schema.sweep import Data, Model


def samples_for(resolved: ResolvedRecipe, model: Model, data: Data | None) -> Data | None:
    """The data set that a recipe's conversion needs; None where it needs none.

    Raises:
        BadParameter: it needs one, and there is none with the right split, or the model takes strings.
    """
    calibrates, fine_tunes = resolved.needs_calibration, resolved.needs_training_data
    if not (calibrates or fine_tunes):
        return None
    _refuse_strings(model)
    splits = sorted(data.description.splits) if data is not None else []
    if data is None and calibrates:
        raise BadParameter("it needs calibration data; name a data set with a calibration split")
    if data is None:
        raise BadParameter("it fine-tunes; name a data set with a train or a calibration split")
    there = ", ".join(splits)
    if calibrates and CALIBRATION not in splits:
        raise BadParameter(f"it needs calibration data; {data.name} has only the split {there}")
    if fine_tunes and training_split(splits) is None:
        raise BadParameter(f"it fine-tunes on a train or a calibration split; {data.name} has only {there}")
    return data


def _refuse_strings(model: Model) -> None:
    for tensor in model.description.signature.inputs:
        if tensor.dtype == "string":
            raise BadParameter(f"it learns from numbers, and the input {tensor.name} takes strings")
