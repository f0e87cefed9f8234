"""PyTorch with the weights of convolutions in the order of pixels (channels last).

Images and weights stay what they are; only their order in memory changes, which the layers behind a convolution take
over. Outputs differ by rounding.

When it helps: convolutional networks on CPUs with wide vectors and on GPUs, whose kernels want channels side by side;
together with `torch-bfloat16` more than alone.

Traps: a model without convolutions is left as it is (nothing_to_do). Layers that need the other order copy each time.
"""

from optfarm_tasks.errors import NothingToDo
from optfarm_tasks.frameworks.torch import conversion
from optfarm_tasks.technique import Done, Params, Work

CARD = conversion.card(tolerance_nmse=1e-8)
PARAMS = Params

_CONVOLUTIONS = ("aten.conv2d", "aten.convolution", "aten.conv_transpose2d")
_IMAGE_AXES = 4


def run(work: Work, _: Params) -> Done:
    """Lays the weights out anew.

    Raises:
        NothingToDo: it has no convolution of images whose weights are not in that order already.
    """
    import torch

    source = conversion.Source(work)
    weights = {
        node.args[1].target if node.args[1].op == "get_attr" else node.args[1].name
        for node in source.program.graph.nodes
        if node.op == "call_function" and str(node.target).startswith(_CONVOLUTIONS)
    }
    named = {**source.program.graph_signature.inputs_to_parameters, **source.program.graph_signature.inputs_to_buffers}
    state, changed = source.program.state_dict, 0
    for key in sorted({named[name] for name in weights if name in named}):
        tensor = state[key]
        if tensor.dim() == _IMAGE_AXES and not tensor.is_contiguous(memory_format=torch.channels_last):
            laid_out = tensor.detach().contiguous(memory_format=torch.channels_last)
            is_parameter = isinstance(tensor, torch.nn.Parameter)
            state[key] = torch.nn.Parameter(laid_out, tensor.requires_grad) if is_parameter else laid_out
            changed += 1
    if not changed:
        raise NothingToDo("no convolution of images has weights in another order")
    source.save(source.program, work)
    return Done(notes={"weights_laid_out": changed})
