"""Where ONNX Runtime computes on a GPU is asked for and told; it would go on elsewhere without a word."""

import pytest

from optfarm_tasks.frameworks.onnx.placement import described, providers_of
from optfarm_tasks.schema.device import CPU, DeviceKind, DeviceSpec

GPU = DeviceSpec(kind=DeviceKind.GPU, index=1)
CUDA, ON_CPU = "CUDAExecutionProvider", "CPUExecutionProvider"


def test_a_processor_has_one_provider() -> None:
    assert providers_of(CPU) == [ON_CPU]


def test_a_gpu_computes_float32_as_such_and_by_tensorrt_if_asked() -> None:
    cuda = (CUDA, {"device_id": "1", "use_tf32": "0"})

    assert providers_of(GPU) == [cuda]
    assert providers_of(GPU, has_tensorrt=True) == [("TensorrtExecutionProvider", {"device_id": "1"}), cuda]


@pytest.mark.parametrize(
    ("nodes", "said"),
    [
        ([(CUDA, "Conv")] * 3, ""),
        ([(CUDA, "Conv"), (ON_CPU, "TopK")], "1 of 2 nodes on the CPU (TopK)"),
        (
            [(ON_CPU, "A"), *[(ON_CPU, "B")] * 2, *[(ON_CPU, each) for each in "CDEF"], (CUDA, "Conv")],
            "7 of 8 nodes on the CPU (B, A, C, D, E, …)",
        ),
    ],
)
def test_what_is_left_to_the_processor_is_named(nodes: list[tuple[str, str]], said: str) -> None:
    assert described(nodes) == said
