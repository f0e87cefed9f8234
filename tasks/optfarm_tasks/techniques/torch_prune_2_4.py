"""2:4 pruning in PyTorch: of every four weights along the inputs, the two smaller ones become zero.

The pattern is chosen once, by magnitude, and the original model teaches the changed one under it. It applies to
convolutions and linear layers whose number of inputs is a multiple of four; the others are left alone.

When it helps: NVIDIA GPUs from Ampere on, whose sparse tensor cores (TensorRT) skip the zeros; smaller downloads.

Traps: CPUs gain no time. The first convolution of an image model has three inputs and is never eligible.
"""

from optfarm_tasks.errors import NothingToDo
from optfarm_tasks.frameworks.torch import conversion, distillation, pruning
from optfarm_tasks.technique import Done, Work

CARD = conversion.card(needs_training_data=True, memory=distillation.MEMORY, tolerance_nmse=0.6)


class PARAMS(distillation.Training):
    """How the model recovers."""

    min_weights: int = pruning.MIN_WEIGHTS


def run(work: Work, params: PARAMS) -> Done:
    """Prunes two of four and fine-tunes.

    Raises:
        NothingToDo: no layer is large enough, or none has inputs by fours.
    """
    source = conversion.Source(work)
    names = pruning.chosen(source, min_weights=params.min_weights, user="torch-prune-2-4")
    kernels = {name: source.program.state_dict[name] for name in names}
    masks = {name: pruning.two_of_four(each) for name, each in kernels.items() if not each.shape[1] % pruning.GROUP}
    if not masks:
        inputs = ", ".join(f"{name} has {each.shape[1]}" for name, each in kernels.items())
        raise NothingToDo(f"no layer has inputs by fours: {inputs}")
    return pruning.pruned(work, source, params, masks)
