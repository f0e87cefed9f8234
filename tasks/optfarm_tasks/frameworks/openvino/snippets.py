"""Compiles models for OpenVINO's CPU plugin without the snippets that compute dense layers of int8 wrong.

Where all sizes are known, the plugin may fuse a sequence of dense layers into one snippet. OpenVINO 2026.4.1 computes
quantised ones wrong there: outputs are near zero.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

WITHOUT = {"SNIPPETS_MODE": "DISABLE"}
_SNIPPET, _CONSTANT, _BYTES = "Subgraph", "Const", frozenset({"i8", "u8"})


def compiled(model: Any, settings: Mapping[Any, Any]) -> tuple[Any, bool]:
    """A model that is compiled for the CPU, and whether it had to be without snippets.

    Args:
        model: an openvino.Model.
        settings: of the CPU plugin.

    Raises:
        RuntimeError: OpenVINO does not compile it.
    """
    import openvino

    core = openvino.Core()
    found = core.compile_model(model, "CPU", dict(settings))
    if not is_quantised(model) or not any(map(_computes_with_bytes, found.get_runtime_model().get_ops())):
        return found, False
    return core.compile_model(model, "CPU", {**settings, **WITHOUT}), True


@contextmanager
def patched_compile_model() -> Iterator[None]:
    """NNCF compiles models by itself, and takes no settings: what it compiles is compiled as here."""
    import openvino

    def compile_model(model: Any, *, device_name: str, config: Mapping[Any, Any] | None = None) -> Any:
        if device_name != "CPU":
            raise ValueError(f"this is for the CPU, and not for {device_name}")
        return compiled(model, config or {})[0]

    given = openvino.compile_model
    openvino.compile_model = compile_model
    try:
        yield
    finally:
        openvino.compile_model = given


def is_quantised(model: Any) -> bool:
    """Whether ranges are given for some of its values."""
    return any(node.get_type_name() == "FakeQuantize" for node in model.get_ops())


def _computes_with_bytes(layer: Any) -> bool:
    """Whether a layer that runs is a snippet that reads weights of int8."""
    if _told(layer, "layerType") != _SNIPPET:
        return False
    read = [port.get_source_output().get_node() for port in layer.inputs()]
    return any(_told(each, "layerType") == _CONSTANT and _told(each, "outputPrecisions") in _BYTES for each in read)


def _told(layer: Any, what: str) -> str:
    return str(layer.get_rt_info()[what].astype(str))
