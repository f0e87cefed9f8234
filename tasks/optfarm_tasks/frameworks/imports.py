"""Imports frameworks where they are needed, and turns their errors into the farm's own."""

import importlib
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from optfarm_tasks.errors import MissingToolchain, OutOfMemory, TaskError

_EXHAUSTED = frozenset({"OutOfMemoryError", "ResourceExhaustedError"})
"""What PyTorch and TensorFlow call want of memory; by name, so that neither need be imported to be recognised."""
_NO_ROOM = "DefaultCPUAllocator: can't allocate memory"
"""What a RuntimeError of PyTorch says of a processor's memory."""
_CALLS_HOME = "openvino_telemetry"
"""What OpenVINO and NNCF report their use by; they do without where it does not import."""
_EXTRAS = {
    **dict.fromkeys(("nncf", "openvino"), "openvino"),
    **dict.fromkeys(("onnx", "onnxruntime", "tf2onnx"), "onnx"),
    **dict.fromkeys(("litert_torch", "onnxscript", "torch", "torchao"), "torch"),
    **dict.fromkeys(("cuda", "tensorrt_rtx"), "tensorrt-rtx"),
    "tensorrt": "tensorrt",
    "zstandard": "worker",
}
_HEAD_CHARACTERS, _TAIL_CHARACTERS = 140, 260
"""Of a long message; frameworks begin with what they did and end with why it failed."""
_TRACED, _CALL = "in user code:", "Call arguments received"
_CAUSE = re.compile(r"^ +\w+(?:Error|Exception): ", re.MULTILINE)
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def require(modules: Iterable[str], *, user: str) -> None:
    """Imports modules, for whose absence the interpreter is to blame and not the model; none of them calls home.

    Raises:
        MissingToolchain: one does not import here.
    """
    sys.modules[_CALLS_HOME] = None  # type: ignore[assignment] # it is how Python marks what must not be imported
    for module in modules:
        try:
            importlib.import_module(module)
        except ImportError as error:
            raise MissingToolchain(
                f"{user} imports {module}, which {sys.executable} does not: {error}; "
                f"install optfarm[{_EXTRAS.get(module.partition('.')[0], 'tensorflow')}] there, or run this on another "
                f"toolchain"
            ) from error


@contextmanager
def blaming(kind: type[TaskError], what: str) -> Iterator[None]:
    """Turns whatever a framework raises about its input into one kind of error; `what` begins its message.

    Raises:
        OutOfMemory: memory ran out meanwhile, which is nobody's fault.
    """
    try:
        yield
    except TaskError:
        raise
    except Exception as error:
        raise blamed(error, kind, what) from error


def blamed(error: Exception, kind: type[TaskError], what: str) -> TaskError:
    """The farm's own error for one of a framework's; see `blaming`, which costs microseconds that a clock would see."""
    if is_exhaustion(error):
        return OutOfMemory(f"{what}: {line_of(error) or 'memory ran out'}")
    return kind(f"{what}: {type(error).__name__}: {line_of(error)}")


def is_exhaustion(error: BaseException) -> bool:
    """Whether an error, or one that it was raised for, says that memory ran out: Keras wraps errors in new ones."""
    cause: BaseException | None = error
    while cause is not None:
        kinds = {each.__name__ for each in type(cause).__mro__}
        if isinstance(cause, MemoryError) or _EXHAUSTED & kinds or _NO_ROOM in str(cause):
            return True
        cause = cause.__cause__ or cause.__context__
    return False


def _in_traced_code(text: str) -> str:
    """The cause of an error in code that TensorFlow traced, without the places that it passed through."""
    if not text.startswith(_TRACED):
        return text
    cause = _CAUSE.split(text)[-1]
    return cause.partition(_CALL)[0]


def line_of(error: BaseException) -> str:
    """What an error says, as one line of bounded length and without colours."""
    line = " ".join(_in_traced_code(_COLOUR.sub("", str(error))).split())
    if len(line) <= _HEAD_CHARACTERS + _TAIL_CHARACTERS:
        return line
    return f"{line[:_HEAD_CHARACTERS]} … {line[-_TAIL_CHARACTERS:]}"
