"""Which of ONNX Runtime's execution providers compute a model on a device, and where each of its nodes ended up.

ONNX Runtime lists providers that it cannot load, and computes on the CPU where it cannot: both without a word.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from optfarm_tasks.errors import MissingToolchain
from optfarm_tasks.schema.device import DeviceKind, DeviceSpec

CPU_PROVIDER, CUDA_PROVIDER, TENSORRT_PROVIDER = (f"{each}ExecutionProvider" for each in ("CPU", "CUDA", "Tensorrt"))
_RECORD = "session.record_ep_graph_assignment_info"
_MOST_NAMED = 5

Providers = list[Any]
"""As `InferenceSession` takes them: names, or pairs of a name and settings."""


def providers_of(device: DeviceSpec, *, has_tensorrt: bool = False) -> Providers:
    """The providers for a device, in the order in which nodes are offered to them."""
    if device.kind is not DeviceKind.GPU:
        return [CPU_PROVIDER]
    number = {"device_id": str(device.index or 0)}
    # By default the CUDA provider rounds float32 to TF32.
    cuda = (CUDA_PROVIDER, {**number, "use_tf32": "0"})
    return [(TENSORRT_PROVIDER, number), cuda] if has_tensorrt else [cuda]


def name_of(provider: Any) -> str:
    """The name of a provider that may have settings."""
    return provider if isinstance(provider, str) else str(provider[0])


def record(options: Any) -> None:
    """Has a session remember where it places nodes."""
    options.add_session_config_entry(_RECORD, "1")


def refuse_fallback(session: Any, providers: Providers) -> None:
    """Passes when a session has the providers that it was asked for.

    Raises:
        MissingToolchain: one did not load; ONNX Runtime goes on without it.
    """
    import onnxruntime

    for name in map(name_of, providers):
        if name in session.get_providers():
            continue
        built = onnxruntime.get_available_providers()
        why = (
            "is built without it" if name not in built else "cannot load it: its libraries or the driver are not there"
        )
        raise MissingToolchain(f"{name} is wanted, and ONNX Runtime {onnxruntime.__version__} {why}")


def placed(session: Any) -> str:
    """What of a session that was to run on a GPU runs elsewhere: `3 of 120 nodes on the CPU (TopK)`; empty if nothing.

    Args:
        session: an InferenceSession whose options had `record`.
    """
    nodes = [
        (group.ep_name, node.op_type)
        for group in session.get_provider_graph_assignment_info()
        for node in group.get_nodes()
    ]
    return described(nodes)


def described(nodes: Iterable[tuple[str, str]]) -> str:
    """As `placed`, of pairs of a provider and an op."""
    known = list(nodes)
    on_cpu = Counter(op for provider, op in known if provider == CPU_PROVIDER)
    if not on_cpu:
        return ""
    named = [op for op, _ in on_cpu.most_common(_MOST_NAMED)]
    more = ", …" if len(on_cpu) > _MOST_NAMED else ""
    return f"{on_cpu.total()} of {len(known)} nodes on the CPU ({', '.join(named)}{more})"
