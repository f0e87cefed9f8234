"""Reads a .tflite file: its signatures, tensors, ops and constants, with every offset checked.

Slots are the places of fields in tensorflow/compiler/mlir/lite/schema/schema.fbs.
"""

import math
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from optfarm_tasks.description import Format, ModelDescription, Signature, Tensor
from optfarm_tasks.errors import BadModel
from optfarm_tasks.formats.flatbuffer import Table
from optfarm_tasks.formats.raw import MAIN, Malformed, cut, main_first, view

_IDENTIFIER = b"TFL3"
_SCHEMA = 3
_TYPE_NAMES = """
float32 float16 int32 uint8 int64 string bool int16 complex64 int8 float64 complex128 uint64 resource variant
uint32 uint16 int4 bfloat16 int2 uint4 float8_e4m3fn float8_e5m2
"""
_TYPES = tuple(_TYPE_NAMES.split())
_OP_NAMES = """
ADD AVERAGE_POOL_2D CONCATENATION CONV_2D DEPTHWISE_CONV_2D DEPTH_TO_SPACE DEQUANTIZE EMBEDDING_LOOKUP FLOOR
FULLY_CONNECTED HASHTABLE_LOOKUP L2_NORMALIZATION L2_POOL_2D LOCAL_RESPONSE_NORMALIZATION LOGISTIC LSH_PROJECTION LSTM
MAX_POOL_2D MUL RELU RELU_N1_TO_1 RELU6 RESHAPE RESIZE_BILINEAR RNN SOFTMAX SPACE_TO_DEPTH SVDF TANH CONCAT_EMBEDDINGS
SKIP_GRAM CALL CUSTOM EMBEDDING_LOOKUP_SPARSE PAD UNIDIRECTIONAL_SEQUENCE_RNN GATHER BATCH_TO_SPACE_ND
SPACE_TO_BATCH_ND TRANSPOSE MEAN SUB DIV SQUEEZE UNIDIRECTIONAL_SEQUENCE_LSTM STRIDED_SLICE BIDIRECTIONAL_SEQUENCE_RNN
EXP TOPK_V2 SPLIT LOG_SOFTMAX DELEGATE BIDIRECTIONAL_SEQUENCE_LSTM CAST PRELU MAXIMUM ARG_MAX MINIMUM LESS NEG PADV2
GREATER GREATER_EQUAL LESS_EQUAL SELECT SLICE SIN TRANSPOSE_CONV SPARSE_TO_DENSE TILE EXPAND_DIMS EQUAL NOT_EQUAL LOG
SUM SQRT RSQRT SHAPE POW ARG_MIN FAKE_QUANT REDUCE_PROD REDUCE_MAX PACK LOGICAL_OR ONE_HOT LOGICAL_AND LOGICAL_NOT
UNPACK REDUCE_MIN FLOOR_DIV REDUCE_ANY SQUARE ZEROS_LIKE FILL FLOOR_MOD RANGE RESIZE_NEAREST_NEIGHBOR LEAKY_RELU
SQUARED_DIFFERENCE MIRROR_PAD ABS SPLIT_V UNIQUE CEIL REVERSE_V2 ADD_N GATHER_ND COS WHERE RANK ELU REVERSE_SEQUENCE
MATRIX_DIAG QUANTIZE MATRIX_SET_DIAG ROUND HARD_SWISH IF WHILE NON_MAX_SUPPRESSION_V4 NON_MAX_SUPPRESSION_V5
SCATTER_ND SELECT_V2 DENSIFY SEGMENT_SUM BATCH_MATMUL PLACEHOLDER_FOR_GREATER_OP_CODES CUMSUM CALL_ONCE BROADCAST_TO
RFFT2D CONV_3D IMAG REAL COMPLEX_ABS HASHTABLE HASHTABLE_FIND HASHTABLE_IMPORT HASHTABLE_SIZE REDUCE_ALL
CONV_3D_TRANSPOSE VAR_HANDLE READ_VARIABLE ASSIGN_VARIABLE BROADCAST_ARGS RANDOM_STANDARD_NORMAL BUCKETIZE
RANDOM_UNIFORM MULTINOMIAL GELU DYNAMIC_UPDATE_SLICE RELU_0_TO_1 UNSORTED_SEGMENT_PROD UNSORTED_SEGMENT_MAX
UNSORTED_SEGMENT_SUM ATAN2 UNSORTED_SEGMENT_MIN SIGN BITCAST BITWISE_XOR RIGHT_SHIFT STABLEHLO_LOGISTIC STABLEHLO_ADD
STABLEHLO_DIVIDE STABLEHLO_MULTIPLY STABLEHLO_MAXIMUM STABLEHLO_RESHAPE STABLEHLO_CLAMP STABLEHLO_CONCATENATE
STABLEHLO_BROADCAST_IN_DIM STABLEHLO_CONVOLUTION STABLEHLO_SLICE STABLEHLO_CUSTOM_CALL STABLEHLO_REDUCE STABLEHLO_ABS
STABLEHLO_AND STABLEHLO_COSINE STABLEHLO_EXPONENTIAL STABLEHLO_FLOOR STABLEHLO_LOG STABLEHLO_MINIMUM STABLEHLO_NEGATE
STABLEHLO_OR STABLEHLO_POWER STABLEHLO_REMAINDER STABLEHLO_RSQRT STABLEHLO_SELECT STABLEHLO_SUBTRACT STABLEHLO_TANH
STABLEHLO_SCATTER STABLEHLO_COMPARE STABLEHLO_CONVERT STABLEHLO_DYNAMIC_SLICE STABLEHLO_DYNAMIC_UPDATE_SLICE
STABLEHLO_PAD STABLEHLO_IOTA STABLEHLO_DOT_GENERAL STABLEHLO_REDUCE_WINDOW STABLEHLO_SORT STABLEHLO_WHILE
STABLEHLO_GATHER STABLEHLO_TRANSPOSE DILATE STABLEHLO_RNG_BIT_GENERATOR REDUCE_WINDOW STABLEHLO_COMPOSITE
STABLEHLO_SHIFT_LEFT STABLEHLO_CBRT STABLEHLO_CASE
"""
_OPS = tuple(_OP_NAMES.split())
"""The builtin ops by number, in the order of enum BuiltinOperator."""
_IS_VARIABLE = 5
_WRITES = "ASSIGN_VARIABLE"
_CUSTOM = _OPS.index("CUSTOM")
"""The op that names itself."""


def describe(path: Path, *, size_bytes: int) -> ModelDescription:
    """The model in a .tflite file.

    Raises:
        BadModel: it is something else.
        Malformed: it is truncated or damaged.
        OSError: it cannot be read.
    """
    data = view(path)
    if data[4:8] != _IDENTIFIER:
        raise BadModel(f"{path} is no TFLite model: bytes 4 to 8 are {bytes(data[4:8])!r}, not {_IDENTIFIER!r}")
    model = _Model.read(data)
    return ModelDescription(
        format=Format.TFLITE,
        signatures=main_first(model.signatures),
        size_bytes=size_bytes,
        parameters=model.parameters,
        ops=dict(model.ops.most_common()),
        state=model.state,
    )


@dataclass(frozen=True)
class _Constant:
    buffer: int
    elements: int


class _Graph:
    """One subgraph."""

    def __init__(self, table: Table, op_names: tuple[str, ...], buffers: tuple[int, ...]) -> None:
        self._op_names, self._buffers = op_names, buffers
        self.tensors: list[Tensor] = []
        self.constants: list[_Constant] = []
        self.variables: list[str] = []
        """Tensors that keep what an op leaves in them, such as the cells of a fused LSTM."""
        self.initialisers: set[float] = set()
        """The graphs that it calls once."""
        for tensor in table.tables(0):
            self._add(tensor)
        self.inputs, self.outputs = (table.vector(slot, 4).numbers("i") for slot in (1, 2))
        self.ops = Counter(self._op(operator) for operator in table.tables(3))
        table.text(4)

    def tensor(self, index: float, name: str = "") -> Tensor:
        """A tensor by its number, under another name if one is given."""
        found = self.tensors[_index(index, len(self.tensors), what="tensor")]
        return found.model_copy(update={"name": name}) if name else found

    def _add(self, table: Table) -> None:
        tensor = _tensor(table)
        buffer = _index(table.number(2, "I"), len(self._buffers), what="buffer")
        if self._buffers[buffer]:
            elements = math.prod(_shape(table, slot=0))
            self.constants.append(_Constant(buffer=buffer, elements=elements))
        self.tensors.append(tensor)
        if table.number(_IS_VARIABLE, "b"):
            self.variables.append(tensor.name)

    def _op(self, operator: Table) -> str:
        for slot, width in ((1, 4), (2, 4), (5, 1), (7, 1), (8, 4)):
            operator.vector(slot, width)
        for slot in (4, 12):
            operator.table(slot)
        name = self._op_names[_index(operator.number(0, "I"), len(self._op_names), what="op")]
        options = operator.table(4)
        if name == "CALL_ONCE" and options is not None:
            self.initialisers.add(options.number(0, "i"))
        return name


@dataclass(frozen=True)
class _Model:
    table: Table
    graphs: tuple[_Graph, ...]

    @staticmethod
    def read(data: memoryview) -> "_Model":
        table = Table.root(data)
        if table.number(0, "I") != _SCHEMA:
            raise Malformed(f"it is damaged: its schema is {table.number(0, 'I')}, not {_SCHEMA}")
        names = tuple(_op_name(code) for code in table.tables(1))
        buffers = tuple(_buffer_bytes(buffer, data) for buffer in table.tables(4))
        graphs = tuple(_Graph(each, names, buffers) for each in table.tables(2))
        if not graphs:
            raise Malformed("it holds no graph; it is truncated or damaged")
        for entry in table.tables(6):
            entry.text(0)
            _index(entry.number(1, "I"), len(buffers), what="buffer")
        table.text(3)
        return _Model(table, graphs)

    @cached_property
    def signatures(self) -> tuple[Signature, ...]:
        """The named ways to call it, or else the one way that the first graph gives."""
        named = tuple(self._named(definition) for definition in self.table.tables(7))
        graph = self.graphs[0]
        return named or (
            Signature(
                name=MAIN,
                inputs=tuple(graph.tensor(index) for index in graph.inputs),
                outputs=tuple(graph.tensor(index) for index in graph.outputs),
            ),
        )

    @property
    def parameters(self) -> int:
        """Elements of all constants; two tensors may share one buffer."""
        elements = {constant.buffer: constant.elements for graph in self.graphs for constant in graph.constants}
        return sum(elements.values())

    @property
    def ops(self) -> Counter[str]:
        """How often each op is in a graph."""
        return sum((graph.ops for graph in self.graphs), Counter())

    @property
    def state(self) -> tuple[str, ...]:
        """Variables, and the op that changes others; the graphs that are called once only set them up."""
        once = set[float]().union(*(graph.initialisers for graph in self.graphs))
        running = [graph for index, graph in enumerate(self.graphs) if index not in once]
        written = [_WRITES] if any(graph.ops[_WRITES] for graph in running) else []
        return tuple(sorted({name for graph in running for name in graph.variables} | set(written)))

    def _named(self, definition: Table) -> Signature:
        graph = self.graphs[_index(definition.number(4, "I"), len(self.graphs), what="graph")]
        inputs, outputs = (
            tuple(graph.tensor(entry.number(1, "I"), entry.text(0)) for entry in definition.tables(slot))
            for slot in (0, 1)
        )
        return Signature(name=definition.text(2) or MAIN, inputs=inputs, outputs=outputs)


def _op_name(code: Table) -> str:
    # Numbers above 127 do not fit the older of the two fields (schema version 3a).
    number = max(code.number(0, "b"), code.number(3, "i"))
    if number == _CUSTOM:
        return code.text(1) or "CUSTOM"
    return _OPS[number] if 0 <= number < len(_OPS) else f"BUILTIN_{number}"


def _buffer_bytes(buffer: Table, data: memoryview) -> int:
    """The size of a buffer; in files over 2 GB it may lie behind the FlatBuffer, found by an offset."""
    offset, size = buffer.number(1, "Q"), buffer.number(2, "Q")
    if offset > 1:
        return len(cut(data, offset, size, what="a buffer"))
    return buffer.vector(0, 1).count


def _tensor(table: Table) -> Tensor:
    shape = _shape(table, slot=7) or _shape(table, slot=0)
    kind = _index(table.number(1, "b"), len(_TYPES), what="type")
    scale, zero_point = _quantisation(table)
    _check_sparsity(table)
    sizes = tuple(None if size < 0 else size for size in shape)
    return Tensor(name=table.text(3), dtype=_TYPES[kind], shape=sizes, scale=scale, zero_point=zero_point)


def _quantisation(table: Table) -> tuple[float | None, int | None]:
    """Scale and zero point, if one pair holds for the whole tensor."""
    found = table.table(4)
    if found is None:
        return None, None
    for slot, width in ((0, 4), (1, 4), (2, 4), (3, 8)):
        found.vector(slot, width)
    if found.vector(2, 4).count != 1:
        return None, None
    scale = float(found.vector(2, 4).numbers("f")[0])
    zero_points = found.vector(3, 8)
    if not math.isfinite(scale) or zero_points.count > 1:
        raise Malformed("it is damaged: a tensor's quantisation makes no sense")
    return scale, int(zero_points.numbers("q")[0]) if zero_points.count else 0


def _check_sparsity(table: Table) -> None:
    found = table.table(6)
    if found is not None:
        found.vector(0, 4)
        found.vector(1, 4)
        for dimension in found.tables(2):
            for slot in (3, 5):
                dimension.table(slot)


def _shape(table: Table, *, slot: int) -> tuple[int, ...]:
    return tuple(int(size) for size in table.vector(slot, 4).numbers("i"))


def _index(index: float, count: int, *, what: str) -> int:
    if not 0 <= index < count:
        raise Malformed(f"it is damaged: it names {what} {index} of {count}")
    return int(index)
