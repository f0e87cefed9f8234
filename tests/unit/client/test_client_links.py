"""A folder from elsewhere may hold links to files of whoever pushes it; they are not sent."""

from pathlib import Path

import pytest

from optfarm import inputs
from optfarm.errors import BadRequest


def onnx_model(file: Path) -> None:
    """A product whose weights lie in weights.bin beside it."""
    from onnx import TensorProto, helper, save

    weights = helper.make_tensor("w", TensorProto.FLOAT, [2, 2], b"\0" * 16, raw=True)
    ends = [[helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 2])] for name in "xy"]
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "product", *ends, [weights])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    save(model, file, save_as_external_data=True, location="weights.bin", size_threshold=0)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    file = tmp_path / "models/product.onnx"
    file.parent.mkdir()
    onnx_model(file)
    return file


def test_a_link_out_of_the_folder_is_refused_with_where_it_leads(model: Path, tmp_path: Path) -> None:
    weights, secret = model.with_name("weights.bin"), tmp_path / "id_ed25519"
    weights.rename(secret)
    weights.symlink_to("../id_ed25519")

    with pytest.raises(BadRequest, match=rf"weights\.bin is a link out of its folder, to {secret}; "):
        inputs.new_model(model, None)


def test_a_link_within_the_folder_and_to_the_model_itself_is_followed(model: Path, tmp_path: Path) -> None:
    weights = model.with_name("weights.bin")
    weights.rename(model.with_name("real.bin"))
    weights.symlink_to("real.bin")
    (tmp_path / "latest.onnx").symlink_to(model)
    (tmp_path / "weights.bin").write_bytes(b"\0" * 16)

    assert [file.path for file in inputs.new_model(model, None).tree.files] == ["product.onnx", "weights.bin"]
    assert inputs.new_model(tmp_path / "latest.onnx", "latest").name == "latest"
