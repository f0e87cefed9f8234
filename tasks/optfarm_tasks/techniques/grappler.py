"""Grappler's passes, run once ahead of time instead of at each loading.

The model is frozen, then the chosen passes run over its graph, in the order in which TensorFlow runs them. The result
counts nodes by op before and after.

When it helps: models of many small ops, whose folding and pruning is then done before the artifact is stored; it loads
faster, and tools that optimise little by themselves get a smaller graph. TensorFlow runs the same passes when it loads
a model, so a long-running process gains little.

Traps: `remap` makes ops such as _FusedConv2D, which TensorFlow makes for itself when it runs, but which no other
format has: leave it out before TFLite, ONNX or OpenVINO. Folded constants may be larger than the ops that made them.
"""

from typing import Self

from pydantic import Field, model_validator

from optfarm_tasks.frameworks.tensorflow import graph_edit, grappler
from optfarm_tasks.frameworks.tensorflow.freeze import MetaGraph
from optfarm_tasks.technique import Done, Params, Work

CARD = graph_edit.card(tolerance_nmse=1e-8)

_PASSES = {
    "pruning": "pruning",
    "constant_folding": "constfold",
    "common_subgraphs": "common_subgraph_elimination",
    "arithmetic": "arithmetic",
    "remap": "remap",
    "dependency": "dependency",
}
"""Parameter → Grappler's name of the pass, in the order in which they run."""


class PARAMS(Params):
    """The passes."""

    pruning: bool = Field(default=True, description="strip what no output needs, and nodes that only pass values on")
    constant_folding: bool = Field(default=True, description="compute what depends on constants alone")
    common_subgraphs: bool = Field(default=True, description="compute equal parts of the graph once")
    arithmetic: bool = Field(default=True, description="simplify arithmetic, such as x*1 or two transpositions")
    remap: bool = Field(default=False, description="fuse a convolution or product with its bias and activation")
    dependency: bool = Field(default=True, description="take away control dependencies that order nothing")

    @model_validator(mode="after")
    def _has_a_pass(self) -> Self:
        if not any(getattr(self, name) for name in _PASSES):
            raise ValueError(f"no pass is left to run; set one of {', '.join(_PASSES)} to true")
        return self


def run(work: Work, params: PARAMS) -> Done:
    """Runs the chosen passes."""
    passes = [_PASSES[name] for name in _PASSES if getattr(params, name)]

    def change(graph: MetaGraph) -> MetaGraph:
        with grappler.placed_on_cpu(graph):
            return grappler.optimise(graph, passes)

    return graph_edit.rewrite(work, change)
