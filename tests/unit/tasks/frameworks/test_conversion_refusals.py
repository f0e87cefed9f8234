"""What engines say of models that they do not take, in words that people can act on."""

from contextlib import AbstractContextManager

import pytest

from optfarm_tasks.errors import BadModel, TaskError, UnsupportedOp
from optfarm_tasks.frameworks.onnx import conversion as onnx
from optfarm_tasks.frameworks.openvino import conversion as openvino

TABLE = """Check 'false' failed at src/frontends/common_translators/src/unconverted_ops_report.cpp:151:
FrontEnd API failed with OpConversionFailure:
Model wasn't fully converted. Failed operations detailed log:
-- HashTableV2 with a message:
Variable or resource `hash_table` is not initialized, model is inconsistent
-- LookupTableFindV2 with a message:
Exception from src/core/include/openvino/core/type/element_type.hpp:256:
Unknown type

Summary:
-- Conversion is failed for: HashTableV2, LookupTableFindV2
"""
SHAPES = """Check 'data_shape[1].compatible(filters_shape[1])' failed at src/core/convolution_shape_inference.hpp:307:
While validating node 'opset1::Convolution Convolution_117 () -> ()' with friendly_name 'Convolution_117':
Data batch channel count (32) does not match filter input channel count (8).
"""
NO_TRANSLATOR = """Check 'translate_map.count(type)' failed at src/frontends/tensorflow_lite/src/frontend.cpp:221:
FrontEnd API failed with OpConversionFailure:
No translator found for IF node.
"""


def refusal(said: str, within: AbstractContextManager[None]) -> TaskError:
    with pytest.raises(TaskError) as refused, within:
        raise RuntimeError(said)
    return refused.value


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        (TABLE, "OpenVINO cannot convert HashTableV2, LookupTableFindV2: Variable or resource `hash_table` is not"),
        (SHAPES, "OpenVINO cannot convert Convolution Convolution_117"),
        (NO_TRANSLATOR, "OpenVINO has no counterpart for IF"),
        ("No translator found for operation(s): Roll, Erfinv", "OpenVINO has no counterpart for Roll, Erfinv"),
    ],
)
def test_openvino_names_the_op(said: str, wanted: str) -> None:
    found = refusal(said, openvino.naming_ops())

    assert isinstance(found, UnsupportedOp)
    assert wanted in str(found)


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        (
            "Load model from m.onnx failed: Unsupported model IR version: 15, max supported IR version: 13",
            "the model is of ONNX's IR version 15, and this ONNX Runtime takes 13 at most",
        ),
        (
            "Opset 999 is under development.\nCurrent official support for domain ai.onnx is till opset 26.",
            "the model is written in opset 999, and this ONNX Runtime takes 26 at most",
        ),
    ],
)
def test_onnx_runtime_tells_which_version_it_takes(said: str, wanted: str) -> None:
    found = refusal(said, onnx._naming_causes())

    assert isinstance(found, BadModel)
    assert str(found) == wanted


def test_what_names_no_op_is_left_to_whoever_blames() -> None:
    with pytest.raises(RuntimeError, match="out of luck"), openvino.naming_ops():
        raise RuntimeError("out of luck")
