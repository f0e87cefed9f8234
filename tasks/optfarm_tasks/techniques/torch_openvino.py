"""OpenVINO from PyTorch, with 32-bit floats.

OpenVINO reads an exported program (.pt2) itself, without ONNX between; sizes that vary stay open, and inputs and
outputs keep their names. Outputs differ by rounding.

When it helps: Intel and AMD CPUs, where its kernels are often the fastest; where every OpenVINO variant of a PyTorch
model begins: `torch-openvino -> openvino-int8`.

Traps: an op without a counterpart is refused by name (unsupported_op); `torch-onnx -> openvino` may take it.
"""

from optfarm_tasks.description import Format
from optfarm_tasks.errors import BadModel
from optfarm_tasks.frameworks.imports import blaming
from optfarm_tasks.frameworks.openvino import conversion as openvino_conversion
from optfarm_tasks.frameworks.torch import conversion
from optfarm_tasks.technique import Done, Params, Work

CARD = conversion.card(
    yields={Format.PT2: Format.OPENVINO},
    modules=("torch", "openvino"),
    tolerance_nmse=1e-8,
)
PARAMS = Params

_NAME = "torch"


def run(work: Work, _: Params) -> Done:
    """Converts without any optimisation that changes numbers."""
    import openvino

    source = conversion.Source(work)
    source.refuse_lossy_export(user="torch-openvino", instead="quantise after it: torch-openvino -> openvino-int8")
    work.on_progress("converting", 0.3)
    with blaming(BadModel, "OpenVINO cannot convert the model"), openvino_conversion.naming_ops():
        model = openvino.convert_model(source.tensor_only_program)
    ends = len(source.signature.inputs), len(source.signature.outputs)
    if (len(model.inputs), len(model.outputs)) != ends:
        raise BadModel(
            f"OpenVINO makes {len(model.inputs)} inputs and {len(model.outputs)} outputs of the model's {ends[0]} and "
            f"{ends[1]}"
        )
    with blaming(BadModel, "OpenVINO cannot take the model's own sizes"):
        # It leaves all sizes open, those too that never vary.
        sizes = [[-1 if size is None else size for size in each.shape or ()] for each in source.signature.inputs]
        model.reshape(dict(enumerate(map(openvino.PartialShape, sizes))))
    openvino_conversion.set_apart(model, set())
    # OpenVINO numbers the models that a process made.
    model.set_friendly_name(_NAME)
    openvino_conversion.write(model, source.signature, work)
    return Done(notes={"nodes_after": openvino_conversion.counts(model)})
