"""Opens a .tflite to look at its ops and tensors."""

from typing import Any


def plain_interpreter(model: bytes) -> Any:
    """A .tflite as it is, without delegates, whose nodes stand beside those that they replace."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    plain = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    return Interpreter(model_content=model, experimental_op_resolver_type=plain)
