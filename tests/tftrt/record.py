"""Records what TF-TRT says of models of many kinds: PYTHON tests/tftrt/record.py, where the loader finds a libnvinfer.

Of each model tests/recorded/tftrt keeps the report in the log and the nodes of the graph that came out, without values.
"""

import os
import tempfile
from pathlib import Path
from typing import Any

os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "1", "CUDA_VISIBLE_DEVICES": "-1"}

from tensorflow.python.compiler.tensorrt import trt_convert

from optfarm_tasks.frameworks.tftrt import log
from tests.tftrt import models, stand_in

RECORDED = Path(__file__).parents[1] / "recorded/tftrt"
CASES = {
    "mobilenet": ("mobilenet", {}),
    "resnet": ("resnet", {}),
    "recurrent": ("recurrent", {}),
    "encoder": ("encoder", {}),
    "encoder-static": ("encoder", {"use_dynamic_shape": False}),
    "detector": ("detector", {}),
    "detector-static": ("detector", {"use_dynamic_shape": False}),
    "detector-large-segments": ("detector", {"minimum_segment_size": 30}),
    "words": ("words", {"use_dynamic_shape": False}),
    "table": ("table", {}),
    "upper": ("upper", {}),
    "alternating": ("alternating", {}),
}
"""Recording → the model and what differs from dynamic shapes and segments of 3 nodes."""
_NEEDED = "segment_func"


def main() -> None:
    """Writes NAME.txt and NAME.pb of each case."""
    stand_in.install()
    RECORDED.mkdir(exist_ok=True)
    for name, (model, settings) in CASES.items():
        with tempfile.TemporaryDirectory() as folder:
            source = models.write(model, Path(folder))
            given = {"use_dynamic_shape": True, "minimum_segment_size": 3, **settings}
            converter = trt_convert.TrtGraphConverterV2(
                str(source), precision_mode="FP16", use_calibration=False, **given
            )
            with log.recording({"TF_TRT_SHOW_DETAILED_REPORT": "1"}) as said:
                graph = converter.convert().graph.as_graph_def()
        (RECORDED / f"{name}.txt").write_text(said.text)
        (RECORDED / f"{name}.pb").write_bytes(_bare(graph))


def _bare(graph: Any) -> bytes:
    for node in [*graph.node, *(node for function in graph.library.function for node in function.node_def)]:
        for key in [key for key in node.attr if key != _NEEDED]:
            del node.attr[key]
        del node.input[:]
    for function in graph.library.function:
        function.attr.clear()
        function.ret.clear()
    return bytes(graph.SerializeToString(deterministic=True))


if __name__ == "__main__":
    main()
