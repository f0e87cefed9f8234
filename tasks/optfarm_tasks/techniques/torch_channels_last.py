"""PyTorch with the weights of convolutions in the order of pixels (channels last).

Images and weights stay what they are; only their order in memory changes, which the layers behind a convolution take
over. Outputs differ by rounding.

When it helps: convolutional networks on CPUs with wide vectors and on GPUs, whose kernels want channels side by side;
together with `torch-bfloat16` more than alone.

Traps: a model without convolutions is left as it is (nothing_to_do). Layers that need the other order copy each time.
"""

from optfarm_tasks.errors import NothingToDo
from optfarm_tasks.frameworks.torch import conversion, weights
from optfarm_tasks.technique import Done, Params, Work

CARD = conversion.card(tolerance_nmse=1e-8)
PARAMS = Params

_IMAGE_AXES = 4


def run(work: Work, _: Params) -> Done:
    """Lays the weights out anew.

    Raises:
        NothingToDo: it has no convolution of images whose weights are not in that order already.
    """
    import torch

    source = conversion.Source(work)
    state = source.program.state_dict
    names = [
        name
        for name in weights.of_layers(source.program, weights.CONVOLUTIONS)
        if state[name].dim() == _IMAGE_AXES and not state[name].is_contiguous(memory_format=torch.channels_last)
    ]
    if not names:
        raise NothingToDo("no convolution of images has weights in another order")
    weights.change(source.program, names, lambda _, each: each.contiguous(memory_format=torch.channels_last))
    source.save(source.program, work)
    return Done(notes={"weights_laid_out": len(names)})
