"""Errors of frameworks become typed ones that say what was seen."""

import pytest

from optfarm_tasks.errors import BadData, BadModel, MissingToolchain, OutOfMemory
from optfarm_tasks.frameworks.imports import blaming, line_of, require


class ResourceExhaustedError(Exception):
    """As TensorFlow calls it."""


def test_whatever_a_framework_raises_is_told_with_its_kind() -> None:
    with pytest.raises(BadModel, match="it cannot load: KeyError: 'x'"), blaming(BadModel, "it cannot load"):
        raise KeyError("x")


def test_the_farms_own_errors_pass_unchanged() -> None:
    with pytest.raises(BadData, match=r"^no split$"), blaming(BadModel, "it cannot load"):
        raise BadData("no split")


class OutOfMemoryError(RuntimeError):
    """PyTorch's, of a GPU."""


NO_ROOM = (
    "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate"
)


@pytest.mark.parametrize(
    "error",
    [MemoryError(), ResourceExhaustedError("OOM when allocating"), OutOfMemoryError("CUDA"), RuntimeError(NO_ROOM)],
)
def test_want_of_memory_is_nobodys_fault(error: Exception) -> None:
    with pytest.raises(OutOfMemory, match="it cannot load: "), blaming(BadModel, "it cannot load"):
        raise error


def test_want_of_memory_is_seen_within_another_error() -> None:
    told = RuntimeError("exception encountered when calling a layer")
    told.__context__ = MemoryError()

    with pytest.raises(OutOfMemory), blaming(BadModel, "it cannot load"):
        raise told from None


def test_a_message_is_one_line_without_colours_and_of_bounded_length() -> None:
    line = line_of(ValueError("\x1b[1mCould not\x1b[0m\n  load " + "x" * 1000))

    assert line.startswith("Could not load xxx")
    assert len(line) < 410


def test_an_absent_module_is_told_with_who_wants_it() -> None:
    with pytest.raises(MissingToolchain, match=r"the any runtime imports no_such_framework, which .*python.* does not"):
        require(("json", "no_such_framework"), user="the any runtime")


def test_of_an_error_in_traced_code_the_cause_is_told_and_not_the_way_to_it() -> None:
    said = """in user code:

    File "training.py", line 1398, in train_function  *
        return step_function(self, iterator)
    File "traceback_utils.py", line 70, in error_handler
        raise e.with_traceback(filtered_tb) from None

    ValueError: Exception encountered when calling layer 'lstm_1' (type LSTM).

    Unrolling requires a fixed number of timesteps.

    Call arguments received by layer 'lstm_1' (type LSTM):
      • inputs=tf.Tensor(shape=(None, None, None), dtype=float32)
"""

    assert line_of(ValueError(said)) == (
        "Exception encountered when calling layer 'lstm_1' (type LSTM). Unrolling requires a fixed number of timesteps."
    )
