"""Lists how many outputs a TensorFlow op has and of which types, which a graph file does not say."""

from optfarm_tasks.formats.graph_def import Node
from optfarm_tasks.formats.raw import Malformed

UNKNOWN = "unknown"
"""The type of an output that only a runtime knows."""

_ATTRIBUTES = {
    "ArgMax": "output_type",
    "ArgMin": "output_type",
    "Cast": "DstT",
    "Gather": "Tparams",
    "GatherNd": "Tparams",
    "GatherV2": "Tparams",
    "OneHot": "T",
    "Rank": "out_type",
    "Shape": "out_type",
    "Size": "out_type",
    "TensorArrayGatherV3": "dtype",
    "TensorArrayReadV3": "dtype",
    "TensorListStack": "element_dtype",
}
"""Op of one output → the attribute that says its type, where that is not T."""

_LISTS = {
    "IdentityN": "T",
    "If": "Tout",
    "PartitionedCall": "Tout",
    "StatefulPartitionedCall": "Tout",
    "StatelessIf": "Tout",
    "StatelessWhile": "T",
    "While": "T",
}
"""Op → the attribute that lists the types of its outputs."""

_COUNTS = {"Split": "num_split", "SplitV": "num_split", "Unpack": "num"}
"""Op → the attribute that says how many outputs of type T it has."""

_TRUTHS = (
    "All", "Any", "Equal", "Greater", "GreaterEqual", "IsFinite", "IsInf", "IsNan", "Less", "LessEqual",
    "LogicalAnd", "LogicalNot", "LogicalOr", "NotEqual",
)  # fmt: skip
_STRINGS = ("AsString", "DecodeBase64", "EncodeBase64", "EncodePng", "ReduceJoin", "StringJoin", "StringLower")

_MOST_OUTPUTS = 1 << 12
"""More than any node has; a damaged count would fill the memory."""

_FIXED: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(_TRUTHS, ("bool",)),
    **dict.fromkeys(_STRINGS, ("string",)),
    "CombinedNonMaxSuppression": ("float32", "float32", "float32", "int32"),
    "NonMaxSuppression": ("int32",),
    "NonMaxSuppressionV2": ("int32",),
    "NonMaxSuppressionV3": ("int32",),
    "NonMaxSuppressionV4": ("int32", "int32"),
    "NonMaxSuppressionV5": ("int32", "T", "int32"),
    "StringLength": ("int32",),
    "TopK": ("T", "int32"),
    "TopKV2": ("T", "int32"),
}


def output_types(node: Node) -> tuple[str, ...]:
    """The type of each output; one output of type T, or else UNKNOWN, is what an op of no table has.

    Raises:
        Malformed: a type does not exist, or the outputs are more than can be.
    """
    if node.op in _LISTS:
        return node.types(_LISTS[node.op])
    if node.op in _COUNTS:
        return (node.type("T") or UNKNOWN,) * _count(node)
    if node.op in _FIXED:
        return tuple((node.type("T") or UNKNOWN) if each == "T" else each for each in _FIXED[node.op])
    return (node.type(_ATTRIBUTES.get(node.op, "T")) or UNKNOWN,)


def _count(node: Node) -> int:
    count = node.number(_COUNTS[node.op])
    if not 0 < count <= _MOST_OUTPUTS:
        raise Malformed(f"it is damaged: the node {node.name} has {count} outputs")
    return count
