"""Has a graph compute in a narrower type than float32: every op that may, with casts around those that may not.

A value of float32 keeps its name, and its narrow form is called NAME/float16 or NAME/bfloat16. So inputs, outputs and
what the bodies of loops and branches take from outside stay as they are. A form is there only where something takes it.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from optfarm_tasks.errors import NothingToDo

Narrow = Literal["float16", "bfloat16"]

_WIDE, _HALF = "tensor(float)", "tensor(float16)"
"""Where ONNX takes halves, engines take bfloat16 too; of ONNX's own ops several took it only later."""


@dataclass(frozen=True)
class Narrowed:
    """What became of a graph."""

    computed: Counter[str]
    """Ops that compute in the narrow type."""
    left: Counter[str]
    """Ops that take floats, and stay in float32."""
    unheld: tuple[str, ...]
    """Constants that the narrow type cannot hold: their ops stay in float32."""


def narrow(model: Any, dtype: Narrow) -> tuple[Any, Narrowed]:
    """A copy of an onnx.ModelProto that computes in a narrow type; its inputs and outputs stay as they are.

    Raises:
        NothingToDo: none of its ops takes float32 and may take the narrow type.
    """
    import onnx
    from onnx.inliner import inline_local_functions

    inlined = inline_local_functions(model) if model.functions else model
    made = onnx.shape_inference.infer_shapes(inlined)
    found = _Rewriting(made, dtype).run()
    if not found.computed:
        raise NothingToDo(f"no op of the model takes float32 and may compute in {dtype}")
    return made, found


class _Rewriting:
    """A graph, which is changed in place, and what is known of its values."""

    def __init__(self, model: Any, dtype: Narrow) -> None:
        self._graph, self._dtype = model.graph, dtype
        self._opsets = {each.domain: each.version for each in model.opset_import}
        self._hoist_constants()
        self._constants = {each.name: each for each in self._graph.initializer}

    def run(self) -> Narrowed:
        """Rewrites the nodes, then the constants that they take."""
        unheld = {name for name in self._constants if name in self._floats and not self._holds(name)}
        chosen = [self._is_narrow(node) and not unheld & set(node.input) for node in self._graph.node]
        pairs = list(zip(self._graph.node, chosen, strict=True))
        read = {each.name for each in self._graph.output}.union(*(self._reads(*pair) for pair in pairs))
        computed, left = (
            Counter(node.op_type for node, is_narrow in pairs if is_narrow is side and self._floats & set(node.input))
            for side in (True, False)
        )
        given = (each.name for each in self._graph.input if each.name not in self._constants)
        fed = [self._cast(name) for name in given if self._form(name) in read]
        nodes = [made for node, is_narrow in pairs for made in self._written(node, read, is_narrow=is_narrow)]
        self._convert_constants(read)
        del self._graph.node[:], self._graph.value_info[:]
        self._graph.node.extend([*fed, *nodes])
        return Narrowed(computed, left, tuple(sorted(unheld)))

    def _hoist_constants(self) -> None:
        """Has constants lie in one place: those of nodes become initialisers."""
        kept = []
        for node in self._graph.node:
            values = {each.name: each for each in node.attribute}
            if node.op_type == "Constant" and "value" in values:
                self._graph.initializer.add().CopyFrom(values["value"].t)
                self._graph.initializer[-1].name = node.output[0]
            else:
                kept.append(node)
        del self._graph.node[:]
        self._graph.node.extend(kept)

    @cached_property
    def _types(self) -> dict[str, int]:
        """Value → number of its type, where it is a tensor of a known one."""
        stated = (*self._graph.input, *self._graph.output, *self._graph.value_info)
        found = {each.name: each.type.tensor_type.elem_type for each in stated}
        found |= {each.name: each.data_type for each in self._graph.initializer}
        return {name: kind for name, kind in found.items() if kind}

    @cached_property
    def _floats(self) -> frozenset[str]:
        from onnx import TensorProto

        return frozenset(name for name, kind in self._types.items() if kind == TensorProto.FLOAT)

    @cached_property
    def _scales(self) -> frozenset[str]:
        """What ops that quantise divide by."""
        quantising = ("QuantizeLinear", "DequantizeLinear")
        return frozenset(node.input[1] for node in self._graph.node if node.op_type in quantising)

    def _is_narrow(self, node: Any) -> bool:
        """Whether each type that a node takes and gives floats in may be narrow, and follows from what it takes."""
        from onnx import TensorProto

        if any(each.name in ("to", "dtype") and each.i == TensorProto.FLOAT for each in node.attribute):
            return False
        inputs, outputs = (
            list(self._typed(node, *side)) for side in ((node.input, "inputs"), (node.output, "outputs"))
        )
        takes = {kind for name, kind in inputs if name in self._floats}
        gives = {kind for name, kind in outputs if name in self._floats}
        unknown = {kind for name, kind in (*inputs, *outputs) if name not in self._types}
        narrow = {kind for kind in takes if self._may_be_narrow(node, kind)}
        return bool(narrow) and gives <= narrow and not unknown & narrow and not list(_captured(node))

    def _typed(self, node: Any, names: Any, side: str) -> Iterator[tuple[str, str]]:
        """Values of a side of a node, and what ONNX calls the type of each there."""
        formal = [] if self._schema(node) is None else getattr(self._schema(node), side)
        for index, name in enumerate(names):
            if name and formal:
                yield name, formal[min(index, len(formal) - 1)].type_str

    def _may_be_narrow(self, node: Any, kind: str) -> bool:
        constraints = {each.type_param_str: each.allowed_type_strs for each in self._schema(node).type_constraints}
        return _HALF in constraints.get(kind, [kind])

    def _schema(self, node: Any) -> Any:
        """What ONNX says of an op in the version that the model has; None of an op that is not its own."""
        import onnx

        domain = "" if node.domain == "ai.onnx" else node.domain
        if not onnx.defs.has(node.op_type, domain):
            return None
        return onnx.defs.get_schema(node.op_type, self._opsets.get(domain, 1), domain)

    def _reads(self, node: Any, is_narrow: bool) -> set[str]:  # noqa: FBT001 (it is one half of a pair)
        """The forms of values that a node will take."""
        return {*self._forms(node, node.input, "inputs", is_narrow=is_narrow), *_captured(node)}

    def _forms(self, node: Any, names: Any, side: str, *, is_narrow: bool) -> list[str]:
        typed = self._typed(node, names, side) if is_narrow else ()
        halved = {name for name, kind in typed if name in self._floats and self._may_be_narrow(node, kind)}
        return [self._form(name) if name in halved else name for name in names]

    def _written(self, node: Any, read: set[str], *, is_narrow: bool) -> Iterator[Any]:
        """A node that takes and gives the right forms, and casts into those that others want of what it gives."""
        plain = list(node.output)
        given = self._forms(node, plain, "outputs", is_narrow=is_narrow)
        node.input[:] = self._forms(node, node.input, "inputs", is_narrow=is_narrow)
        node.output[:] = given
        yield node
        for name, form in zip(plain, given, strict=True):
            if form != name and name in read:
                yield self._cast(name, back=True)
            if form == name and self._form(name) in read:
                yield self._cast(name)

    def _cast(self, name: str, *, back: bool = False) -> Any:
        from onnx import TensorProto, helper

        ends = (self._form(name), name) if back else (name, self._form(name))
        kind = TensorProto.FLOAT if back else getattr(TensorProto, self._dtype.upper())
        return helper.make_node("Cast", [ends[0]], [ends[1]], name=f"{ends[1]}/cast", to=kind)

    def _form(self, name: str) -> str:
        return f"{name}/{self._dtype}"

    def _holds(self, name: str) -> bool:
        """Whether the narrow type holds a constant: weights may become zero, an epsilon not, and a scale not coarse."""
        import numpy as np
        from onnx import numpy_helper

        if self._dtype == "bfloat16":
            return True
        array = numpy_helper.to_array(self._constants[name])
        size = np.abs(array[np.isfinite(array)])
        limits = np.finfo(np.float16)
        least = limits.tiny if name in self._scales else limits.smallest_subnormal if array.size == 1 else 0
        return not ((size > limits.max) | ((size > 0) & (size < least))).any()

    def _convert_constants(self, read: set[str]) -> None:
        """Stores constants in the forms that something takes; files of old list constants among the inputs too."""
        import ml_dtypes
        from onnx import numpy_helper

        kept = [each for name, each in self._constants.items() if name in read]
        for name, each in self._constants.items():
            if self._form(name) in read:
                array = numpy_helper.to_array(each).astype(getattr(ml_dtypes, self._dtype, self._dtype))
                kept.append(numpy_helper.from_array(array, self._form(name)))
        inputs = [each for each in self._graph.input if each.name not in self._constants]
        del self._graph.initializer[:], self._graph.input[:]
        self._graph.initializer.extend(kept)
        self._graph.input.extend(inputs)


def _captured(node: Any) -> Iterator[str]:
    """What the bodies of a node take by name, of themselves and from outside."""
    for attribute in node.attribute:
        for body in ([attribute.g] if attribute.HasField("g") else []) + list(attribute.graphs):
            yield from (each.name for each in body.output)
            for inner in body.node:
                yield from inner.input
                yield from _captured(inner)
