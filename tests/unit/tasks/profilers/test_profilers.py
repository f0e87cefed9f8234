"""What runtimes tell of their ops becomes events: each op once, with the times that were told."""

import json
import subprocess
import sys
from typing import Any

import pytest

from optfarm_tasks import registry
from optfarm_tasks.errors import BadParameter
from optfarm_tasks.frameworks.tflite.profiler_api import ProfiledEvent
from optfarm_tasks.profilers import litert, names, onnxruntime, openvino, profiler


def told(tag: str, kind: int, start_us: int, elapsed_us: int) -> ProfiledEvent:
    return ProfiledEvent(tag=tag.encode(), kind=kind, start_us=start_us, elapsed_us=elapsed_us)


def shown(*events: ProfiledEvent) -> list[tuple[str, int, int]]:
    return [(each.op, each.start_ns // 1000, each.duration_ns // 1000) for each in litert.events(events)]


def test_every_profiler_is_that_of_a_runtime() -> None:
    known = {"litert", "onnxruntime", "openvino", "tensorflow", "tensorrt", "torch"}

    assert set(names()) == known <= set(registry.runtime_names())


def test_a_runtime_without_a_profiler_is_refused_with_those_that_have_one() -> None:
    with pytest.raises(BadParameter, match="the runtime coded cannot be observed; those of litert, onnxruntime, "):
        profiler("coded")


def test_to_find_a_profiler_imports_no_framework() -> None:
    script = "import json, sys; from optfarm_tasks.profilers import *; list(map(profiler, names())); "
    command = [sys.executable, "-c", script + "print(json.dumps(sorted(sys.modules)))"]

    loaded = json.loads(subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout)

    frameworks = {"ai_edge_litert", "onnxruntime", "openvino", "tensorflow", "tensorrt", "tensorrt_rtx", "torch"}
    assert not frameworks & set(loaded)


def test_ops_of_xnnpack_are_laid_end_to_end_from_where_their_graph_began() -> None:
    found = shown(told("Invoke", 1, 100, 20), told("Conv", 8, 0, 7), told("Add", 8, 0, 0), told("Relu", 8, 0, 3))

    assert found == [("Conv", 100, 7), ("Add", 107, 0), ("Relu", 107, 3)]


def test_ops_of_litert_itself_keep_their_own_start() -> None:
    found = shown(
        told("Invoke", 1, 100, 50), told("CAST", 2, 105, 5), told("Conv", 8, 0, 7), told("SOFTMAX", 2, 140, 9)
    )

    assert found == [("CAST", 105, 5), ("Conv", 110, 7), ("SOFTMAX", 140, 9)]


def test_ops_in_a_loop_begin_with_its_body() -> None:
    found = shown(told("WHILE", 2, 100, 90), told("Invoke", 1, 110, 30), told("Conv", 8, 0, 7))

    assert found == [("WHILE", 100, 90), ("Conv", 110, 7)]


def test_what_is_no_op_is_left_out() -> None:
    assert shown(told("LiteRT::Run[Buffer sync]", 1, 5, 5), told("Invoke", 32, 9, 9)) == []


def kernel(name: str, ts: int, dur: int) -> dict[str, Any]:
    about = {"op_name": name.partition("_")[0], "provider": "CPUExecutionProvider"}
    return {"cat": "Node", "name": f"{name}_kernel_time", "ts": ts, "dur": dur, "tid": 3, "args": about}


def test_onnxruntime_s_kernels_are_parted_by_run() -> None:
    run = {"cat": "Session", "name": "model_run", "ts": 0, "dur": 99, "tid": 3, "args": {}}
    fence = {"cat": "Node", "name": "Conv_1_fence_before", "ts": 1, "dur": 0, "tid": 3, "args": {"op_name": "Conv"}}

    first, second = onnxruntime.inferences([fence, kernel("Conv_1", 1, 5), run, kernel("Conv_1", 9, 4), run])

    assert [(each.name, each.op, each.start_ns, each.duration_ns) for each in first] == [("Conv_1", "Conv", 1000, 5000)]
    assert [each.duration_ns for each in second] == [4000]


def layer(name: str, mean_us: int) -> openvino.Layer:
    return openvino.Layer(name=name, op="Convolution", kernel="jit", mean_us=mean_us)


def test_openvino_s_means_are_freed_of_the_first_inference() -> None:
    first, every = [layer("a", 100), layer("b", 4)], [layer("a", 28), layer("b", 4)]

    events = openvino.mean(first, every, runs=9)

    assert [(each.name, each.start_ns, each.duration_ns) for each in events] == [("a", 0, 20_000), ("b", 20_000, 4_000)]


def test_openvino_s_rounding_makes_no_time_negative() -> None:
    assert [each.duration_ns for each in openvino.mean([layer("a", 9)], [layer("a", 0)], runs=3)] == [0]
