"""Detectors are scored by a real child: what they show counts, not in which order."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from optfarm_tasks.schema.result import Quality
from optfarm_tasks.schema.spec import Evaluate
from tests.integration.children import lay_out, run

SAMPLES, BOXES = 12, 5


def detector(folder: Path, *, order: list[int], moved: float, is_batched: bool) -> Path:
    """A detector that gives what it is fed, in another order, its first box elsewhere."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    shapes = {"boxes": [BOXES, 4], "scores": [BOXES], "classes": [BOXES]}
    apart = np.zeros((BOXES, 1), np.float32)
    apart[0] = moved
    constants = [
        numpy_helper.from_array(np.array(order), "order"),
        numpy_helper.from_array(np.array([0]), "samples"),
        numpy_helper.from_array(apart, "apart"),
        numpy_helper.from_array(np.zeros(1, np.float32), "nothing"),
    ]
    nodes: list[Any] = []
    for name in shapes:
        last = f"detection_{name}"
        nodes.append(helper.make_node("Gather", [name, "order"], [f"{name}_ordered"], axis=1))
        moving = [f"{name}_ordered", "apart" if name == "boxes" else "nothing"]
        nodes.append(helper.make_node("Add", moving, [last if is_batched else f"{name}_moved"]))
        if not is_batched:
            nodes.append(helper.make_node("Squeeze", [f"{name}_moved", "samples"], [last]))
    batch: list[str | int] = ["batch"] if is_batched else [1]
    inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, batch + size) for name, size in shapes.items()]
    outputs = [
        helper.make_tensor_value_info(f"detection_{name}", TensorProto.FLOAT, [*(batch if is_batched else []), *size])
        for name, size in shapes.items()
    ]
    graph = helper.make_graph(nodes, "detector", inputs, outputs, constants)
    folder.mkdir()
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.save(model, folder / "model.onnx")
    return folder / "model.onnx"


@pytest.mark.parametrize("is_batched", [True, False])
def test_boxes_are_matched_whatever_their_order(tmp_path: Path, *, is_batched: bool) -> None:
    random = np.random.default_rng(0)
    low = random.random((SAMPLES, BOXES, 2), np.float32) + 2 * np.arange(BOXES, dtype=np.float32)[:, None]
    data = {
        "test/boxes": np.concatenate([low, low + 1], axis=2),
        "test/scores": random.uniform(0.6, 1, (SAMPLES, BOXES)).astype(np.float32),
        "test/classes": random.integers(0, 3, (SAMPLES, BOXES)).astype(np.float32),
    }
    np.savez(tmp_path / "data.npz", allow_pickle=False, **data)
    baseline = detector(tmp_path / "one", order=[0, 1, 2, 3, 4], moved=0, is_batched=is_batched)
    candidate = detector(tmp_path / "two", order=[3, 0, 4, 1, 2], moved=50, is_batched=is_batched)
    task = lay_out(tmp_path / "task", Evaluate(), baseline=baseline, candidate=candidate, data=tmp_path / "data.npz")

    facts: Quality = run(task).facts(Quality)

    f1, overlap = facts.scores
    assert (f1.name, f1.value, f1.baseline) == ("detection_f1", pytest.approx(4 / 5), 1)
    assert (overlap.name, overlap.value) == ("detection_iou", pytest.approx(1))
    assert f1.loss_ci95 == pytest.approx((0.2, 0.2))
    assert (facts.mse, facts.nmse, facts.nmse_ci95_reason) == (None, None, "nmse is not known")
    assert not facts.collapsed
