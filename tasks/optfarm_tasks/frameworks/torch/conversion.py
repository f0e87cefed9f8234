"""What the techniques on exported programs share: cards, the program with its signature, exporting it again."""

from collections import Counter
from functools import partial
from typing import Any

from optfarm_tasks import formats
from optfarm_tasks.description import Format, Signature, Tensor
from optfarm_tasks.errors import BadModel, BadParameter, UnsupportedOp
from optfarm_tasks.formats import pt2
from optfarm_tasks.frameworks.imports import blaming
from optfarm_tasks.frameworks.torch import archive
from optfarm_tasks.frameworks.torch.archive import Running
from optfarm_tasks.frameworks.torch.calling import Caller, blank, by_name, tensors_of
from optfarm_tasks.technique import Card, Work

ACCEPTS = frozenset({Format.PT2})
card = partial(Card, accepts=ACCEPTS, yields={Format.PT2: Format.PT2}, modules=archive.MODULES)
"""The card of a technique that makes a .pt2 of a .pt2."""
_QUANTISING = "quantized_decomposed"


class Source:
    """An exported program, how it is run, and its signature."""

    def __init__(self, work: Work) -> None:
        """Loads it.

        Raises:
            BadModel: PyTorch cannot read it, or it holds a pickle that could run code.
        """
        work.on_progress("loading", 0.1)
        self.program, self.running = archive.load(work.model)
        described = formats.describe(work.model)
        self.signature: Signature = described.signature
        self.state = described.state
        self.caller = Caller(self.program, pt2.ends(formats.file_of(work.model)))

    def refuse_lossy_export(self, *, user: str, instead: str = "") -> None:
        """Passes unless another engine than PyTorch would lose what the model or its file has.

        Args:
            user: the technique that exports.
            instead: what quantises after it, where it does not take what PyTorch quantised.

        Raises:
            BadParameter: it is to compute in another type, or is compiled and not quantised.
            UnsupportedOp: it keeps state, or takes bfloat16, or has integers that the engine does not take.
        """
        if instead and is_quantised(self.program):
            raise UnsupportedOp(f"{user} does not take the ops by which PyTorch quantised the model; {instead}")
        if self.state:
            raise UnsupportedOp(f"the model keeps state between calls in {', '.join(self.state)}, which {user} loses")
        if self.caller.bfloat16_inputs:
            raise UnsupportedOp(f"the input {self.caller.bfloat16_inputs[0]} is bfloat16, which {user} does not feed")
        wanted = {
            f"torch-{self.running.autocast}": self.running.autocast is not None,
            "torch-compile": self.running.compile is not None and not is_quantised(self.program),
            "torch-tf32": self.running.tf32,
            "torch-cuda-graph": self.running.cuda_graph,
        }
        for technique in (each for each, is_wanted in wanted.items() if is_wanted):
            raise BadParameter(f"{technique} says how PyTorch computes, and {user} loses it; leave it out")

    @property
    def tensor_only_program(self) -> Any:
        """The program; where some of its arguments are no tensors, one that takes the others in their order.

        Raises:
            BadModel: PyTorch cannot export it again.
        """
        if not self.caller.has_constants:
            return self.program
        tensors = self._sample()
        module = by_name(self.program.module(), self.caller, tuple(tensors))
        sizes = tuple(self._varying(each) for each in self.signature.inputs)
        return _exported(module, tuple(tensors.values()), {}, (sizes,))

    def exported(self, module: Any) -> Any:
        """A module of the same arguments as an ExportedProgram, whose sizes vary as those of the source do.

        Raises:
            BadModel: PyTorch cannot export it.
        """
        from torch.export import ShapesCollection

        tensors = self._sample()
        args, kwargs = self.caller.arguments(tensors)
        sizes = ShapesCollection()
        for each in self.signature.inputs:
            sizes[tensors[each.name]] = self._varying(each)
        return _exported(module, tuple(args), dict(kwargs), sizes.dynamic_shapes(module, args, kwargs))

    def _sample(self) -> dict[str, Any]:
        # PyTorch takes a size of 1 for one that never varies.
        return self.caller.typed(tensors_of(blank(self.signature, varying=2)))

    def _varying(self, tensor: Tensor) -> dict[int, Any]:
        """Axis → that its size varies, if the rest of the program allows it."""
        from torch.export import Dim

        return {axis: Dim.AUTO for axis, size in enumerate(tensor.shape or ()) if size is None}

    def save(self, program: Any, work: Work, running: Running | None = None) -> None:
        """Stores what was made of the program.

        Raises:
            BadModel: PyTorch fixed a size of it that varies, or cannot store it.
        """
        archive.save(program, work, running or self.running)
        made = formats.describe(work.output).signature
        if [each.shape for each in made.inputs] != [each.shape for each in self.signature.inputs]:
            were, are = (", ".join(map(str, each.inputs)) for each in (self.signature, made))
            raise BadModel(f"PyTorch fixed sizes that vary: {were} became {are}")


def _exported(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any], sizes: Any) -> Any:
    import torch

    with blaming(BadModel, "PyTorch cannot export what was made of the model"):
        return torch.export.export(module, args, kwargs, dynamic_shapes=sizes)


def is_quantised(program: Any) -> bool:
    """Whether ops of it quantise."""
    return any(_QUANTISING in op for op in counts(program))


def counts(program: Any) -> dict[str, int]:
    """Op → nodes; "total" is their sum."""
    ops = Counter(str(node.target) for node in program.graph.nodes if node.op == "call_function")
    return {"total": ops.total(), **dict(ops.most_common())}
