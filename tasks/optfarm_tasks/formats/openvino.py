"""Reads an OpenVINO model: its signature and ops from the .xml, and whether its constants lie in the .bin beside it."""

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from xml.etree import ElementTree as ET
from xml.etree.ElementTree import Element

from optfarm_tasks.description import Format, ModelDescription, Shape, Signature, Tensor
from optfarm_tasks.errors import BadModel
from optfarm_tasks.formats.openvino_types import bytes_of, dtype_name
from optfarm_tasks.formats.raw import MAIN, Malformed, view

SIGNATURE_PATH = ("optfarm", "signature")
"""Where a model's own information keeps the name of the signature it was made from; OpenVINO has no word for it."""
PRECISION_PATH = ("optfarm", "inference_precision")
"""Where a model's own information says in which type to compute what is float; float32 if it does not."""

_VERSIONS = frozenset({"10", "11"})
_MOST_XML_BYTES = 128 << 20
"""The graph of a model of billions of weights takes a tenth of it, for weights lie in the .bin."""
_SHOWN_BYTES = 12
_NUMBER = re.compile(r"-?[0-9]{1,18}")
_UNESCAPED_COMMA = re.compile(r"(?<!\\),")


def describe(path: Path, *, size_bytes: int) -> ModelDescription:
    """The model in an .xml and a .bin file.

    Raises:
        BadModel: it is something else, or the .bin is missing.
        Malformed: one of the files is truncated or damaged.
        OSError: one cannot be read.
    """
    root = _root(path)
    weights = path.with_suffix(".bin")
    if not weights.is_file():
        raise BadModel(f"{path} lies without {weights.name}, which holds its weights; put both into one folder")
    layers = list(root.iter("layer"))
    return ModelDescription(
        format=Format.OPENVINO,
        signatures=(_signature(root),),
        size_bytes=size_bytes,
        parameters=sum(
            _elements(each, weights.stat().st_size) for each in layers if _attribute(each, "type") == "Const"
        ),
        ops=dict(Counter(_attribute(each, "type") for each in layers).most_common()),
        state=tuple(sorted(_attribute(each, "name") for each in layers if _attribute(each, "type") == "Assign")),
    )


def companions(path: Path) -> tuple[str, ...]:
    """The other files of the model, relative to its folder."""
    return (path.with_suffix(".bin").name,)


def ends(path: Path) -> tuple[str, ...]:
    """The layers whose outputs nothing but a result takes, constants apart.

    Raises:
        BadModel, Malformed, OSError: as `describe`.
    """
    root = _root(path)
    layers = {_attribute(each, "id"): each for each in root.iterfind("layers/layer")}
    kinds = {key: _attribute(each, "type") for key, each in layers.items()}
    taken = {start for start, _, end in _edges(root) if kinds.get(end) != "Result"}
    left = (key for key, kind in kinds.items() if kind not in ("Const", "Parameter", "Result") and key not in taken)
    return tuple(_attribute(layers[key], "name") for key in left)


def name_of(names: Iterable[str], otherwise: str) -> str:
    """The one name by which an input or output goes that has several, or none: the plainest."""
    return min(names, key=lambda name: (":" in name or "/" in name, name), default=otherwise)


def _root(path: Path) -> Element:
    data = view(path)
    if len(data) > _MOST_XML_BYTES:
        raise BadModel(f"{path} has {len(data)} bytes; an OpenVINO model's .xml has up to {_MOST_XML_BYTES}")
    content = bytes(data)
    if b"<!DOCTYPE" in content:
        raise BadModel(f"{path} is no OpenVINO model: it has a DOCTYPE, with which a document could read other files")
    if not content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        raise BadModel(f"{path} is no OpenVINO model: it begins with {content[:_SHOWN_BYTES]!r}")
    try:
        # In UTF-8, whatever the document says of itself, a DOCTYPE could not have hidden from the search above.
        root = ET.fromstring(content, ET.XMLParser(encoding="utf-8"))  # noqa: S314 (it declares no entities)
    except (ET.ParseError, ValueError) as error:
        raise Malformed(f"it is truncated or damaged: {error}") from error
    if root.tag != "net" or root.get("version") not in _VERSIONS:
        raise BadModel(f"{path} is no OpenVINO model: its root is {_shown(root)}, not a <net> of version 10 or 11")
    return root


def _shown(root: Element) -> str:
    version = root.get("version")
    return f"<{root.tag}>" if version is None else f"<{root.tag}> of version {version}"


def _signature(root: Element) -> Signature:
    layers = list(root.iterfind("layers/layer"))
    if not any(_attribute(each, "type") == "Result" for each in layers):
        raise Malformed("it has no output; it is truncated or damaged")
    signature = root.find("/".join(("rt_info", *SIGNATURE_PATH)))
    return Signature(
        name=MAIN if signature is None else _attribute(signature, "value"),
        inputs=tuple(_input(each) for each in layers if _attribute(each, "type") == "Parameter"),
        outputs=tuple(_outputs(root, layers)),
    )


def _input(layer: Element) -> Tensor:
    data = _child(layer, "data")
    is_open = data.get("shape") == "..."
    port = _child(layer, "output/port")
    name = name_of(_names(port.get("names")), _attribute(layer, "name"))
    return Tensor(
        name=name, dtype=dtype_name(_attribute(data, "element_type")), shape=None if is_open else _shape(port)
    )


def _outputs(root: Element, layers: Iterable[Element]) -> Iterator[Tensor]:
    ports = {
        (_attribute(layer, "id"), port.get("id")): port for layer in layers for port in layer.iterfind("output/port")
    }
    sources = {end: (start, port) for start, port, end in _edges(root)}
    for layer in layers:
        if _attribute(layer, "type") != "Result":
            continue
        source = ports.get(sources.get(_attribute(layer, "id"), ("", "")))
        if source is None:
            raise Malformed(f"it is damaged: nothing leads to the output {_attribute(layer, 'name')!r}")
        # Files of before 2025 name the tensor alone, not the outputs that give it.
        names = _names(layer.get("output_names") or source.get("names"))
        dtype = dtype_name(_attribute(source, "precision"))
        yield Tensor(name=name_of(names, _attribute(layer, "name")), dtype=dtype, shape=_shape(source))


def _edges(root: Element) -> Iterator[tuple[str, str, str]]:
    """The layer and the port that each edge starts from, and the layer it leads to."""
    for edge in root.iterfind("edges/edge"):
        yield _attribute(edge, "from-layer"), _attribute(edge, "from-port"), _attribute(edge, "to-layer")


def _names(names: str | None) -> list[str]:
    return [name.replace("\\,", ",") for name in _UNESCAPED_COMMA.split(names)] if names else []


def _shape(port: Element) -> Shape:
    sizes = (_number(each.text or "", what="dim") for each in port.iterfind("dim"))
    return tuple(None if size < 0 else size for size in sizes)


def _elements(layer: Element, weights_bytes: int) -> int:
    """The elements of a constant, which must lie within the .bin."""
    name, data = _attribute(layer, "name"), _child(layer, "data")
    start, size = (_number(_attribute(data, key), what=key) for key in ("offset", "size"))
    if start < 0 or size < 0 or start + size > weights_bytes:
        wants = f"the constant {name!r} wants bytes {start} to {start + size} of {weights_bytes}"
        raise Malformed(f"the .bin is truncated or is another model's: {wants}")
    shape = _attribute(data, "shape").strip()
    elements = math.prod(_number(each.strip(), what="shape") for each in shape.split(",")) if shape else 1
    # OpenVINO stores a byte for a constant without elements.
    if elements and bytes_of(dtype_name(_attribute(data, "element_type")), elements) not in (None, size):
        raise Malformed(f"it is damaged: the constant {name!r} of shape [{shape}] has {size} bytes")
    return elements


def _child(element: Element, path: str) -> Element:
    found = element.find(path)
    if found is None:
        raise Malformed(f"it is truncated or damaged: the layer {element.get('name')!r} has no {path}")
    return found


def _attribute(element: Element, key: str) -> str:
    value = element.get(key)
    if value is None:
        raise Malformed(f"it is truncated or damaged: a <{element.tag}> has no {key}")
    return value


def _number(text: str, *, what: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise Malformed(f"it is damaged: {text[:20]!r} is no {what}")
    return int(text)
