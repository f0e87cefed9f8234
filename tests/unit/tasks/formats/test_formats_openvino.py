"""Bad OpenVINO models are refused with what is wrong, and odd ones are read."""

import shutil
from pathlib import Path

import pytest

from optfarm_tasks.description import Format
from optfarm_tasks.errors import BadModel
from optfarm_tasks.formats import describe, detect

IR = '<?xml version="1.0"?>\n<net name="m" version="11"><layers>{layers}</layers><edges>{edges}</edges></net>'
PORT = '<output><port id="0" precision="FP32"{names}><dim>2</dim></port></output>'
X = f'<layer id="0" name="x" type="Parameter"><data shape="2" element_type="f32"/>{PORT.format(names="")}</layer>'
END = '<layer id="1" name="end" type="Result"/>'
EDGE = '<edge from-layer="0" from-port="0" to-layer="1" to-port="0"/>'


def ir_files(folder: Path, xml: str, weights: bytes = b"") -> Path:
    """A model.xml beside its model.bin."""
    (folder / "model.bin").write_bytes(weights)
    path = folder / "model.xml"
    path.write_text(xml)
    return path


def constant_layer(**data: object) -> str:
    """A Const layer."""
    told = {"element_type": "f32", "shape": "2", "offset": 0, "size": 8} | data
    attributes = " ".join(f'{key}="{value}"' for key, value in told.items())
    return f'<layer id="2" name="w" type="Const"><data {attributes}/></layer>'


def test_an_xml_without_its_bin_is_refused(exchange_models: Path, tmp_path: Path) -> None:
    shutil.copy(exchange_models / "linear/model.xml", tmp_path)

    assert detect(tmp_path) is Format.OPENVINO
    with pytest.raises(BadModel, match=r"lies without model\.bin, which holds its weights"):
        describe(tmp_path)


@pytest.mark.parametrize(
    ("xml", "told_"),
    [
        ("<note><to>Tove</to></note>", r"its root is <note>, not a <net>"),
        ('<net version="7"/>', r"its root is <net> of version 7"),
        ('<net version="11"><layers>', "truncated or damaged"),
        ('<!DOCTYPE net [<!ENTITY x SYSTEM "file:///etc/passwd">]><net version="11">&x;</net>', "has a DOCTYPE"),
        ("weights are on the wiki", "begins with b'weights are "),
        (IR.format(layers=X, edges=""), "has no output"),
        (IR.format(layers=X + END, edges=""), "nothing leads to the output 'end'"),
        (IR.format(layers=X + END + constant_layer(), edges=EDGE), "'w' wants bytes 0 to 8 of 0"),
        (IR.format(layers=X + END + constant_layer(size=0), edges=EDGE), r"'w' of shape \[2\] has 0 bytes"),
        (IR.format(layers=X + END + constant_layer(offset="0x1"), edges=EDGE), "'0x1' is no offset"),
        (IR.format(layers=X.replace("f32", "f31") + END, edges=EDGE), "has no type 'f31'"),
    ],
)
def test_what_is_no_openvino_model_is_refused(xml: str, told_: str, tmp_path: Path) -> None:
    with pytest.raises(BadModel, match=told_):
        describe(ir_files(tmp_path, xml))


def test_entities_do_not_hide_in_another_encoding(tmp_path: Path) -> None:
    document = '<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE net [<!ENTITY x "y">]><net version="11"/>'
    ir_files(tmp_path, "").write_bytes(document.encode("utf-16"))

    with pytest.raises(BadModel):
        describe(tmp_path)


def test_an_input_of_unknown_rank_and_an_output_named_by_its_tensor_are_read(tmp_path: Path) -> None:
    layers = (
        X.replace('shape="2"', 'shape="..."').replace("<dim>2</dim>", "").replace('"FP32"', '"FP32" names="x:0,out"')
    )
    signature = describe(ir_files(tmp_path, IR.format(layers=layers + END, edges=EDGE))).signature

    assert (signature.inputs[0].name, signature.inputs[0].shape) == ("out", None)
    assert signature.outputs[0].name == "out"


def test_a_constant_without_elements_may_have_a_byte(tmp_path: Path) -> None:
    layers = X + END + constant_layer(shape="0", size=1)

    assert describe(ir_files(tmp_path, IR.format(layers=layers, edges=EDGE), b"\0")).parameters == 0
