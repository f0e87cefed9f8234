"""Gives ops weights of their own, and takes out shapes, both of which ONNX Runtime's quantisation gets wrong.

It makes a MatMul of each Gemm and turns its weights over, for other ops that share them too: twice where two Gemms do.
A scale per channel is of the axis that one of them has its channels along. And it stumbles over the old shapes of
weights, which PyTorch's exporter writes down a second time.
"""

from collections import Counter
from pathlib import Path

_WEIGHTS_AT = 1


def untie_weights(file: Path) -> None:
    """Changes a file in place; weights that lie in other files stay there."""
    import onnx

    model = onnx.load(file, load_external_data=False)
    graph = model.graph
    weights = {each.name: each for each in graph.initializer}
    uses = Counter(name for node in graph.node for name in node.input)
    for number, node in enumerate(graph.node):
        if node.op_type == "Gemm" and node.input[_WEIGHTS_AT] in weights and uses[node.input[_WEIGHTS_AT]] > 1:
            graph.initializer.add().CopyFrom(weights[node.input[_WEIGHTS_AT]])
            node.input[_WEIGHTS_AT] = graph.initializer[-1].name = f"{node.input[_WEIGHTS_AT]}/{number}"
    del graph.value_info[:]
    onnx.save(model, file)
