"""The process that holds one timed variant: `python -m optfarm_tasks.benchmark.process.resident IN OUT PARENT`.

IN and OUT are the descriptors of two pipes that carry the messages of protocol.py, PARENT is the controller's process
id. The first command pins the process to its cores; only then is anything imported that could start threads.
"""

import os
import sys
import traceback
from typing import Any, BinaryIO

from optfarm_tasks.benchmark.process import protocol, shield


def main(arguments: list[str]) -> int:
    """Carries out the controller's commands until it sends Quit or closes the pipe."""
    inbox, outbox, parent = map(int, arguments)
    shield.die_with_parent(parent)
    with os.fdopen(inbox, "rb") as commands, os.fdopen(outbox, "wb") as replies:
        try:
            _serve(commands, replies)
        except protocol.Closed:
            return 1
        except Exception as error:  # noqa: BLE001 (whatever a model's code raises is reported by the controller)
            traceback.print_exc()
            protocol.send(replies, _failed(error))
            return 1
    return 0


def _serve(commands: BinaryIO, replies: BinaryIO) -> None:
    place: protocol.PlaceOnCores = protocol.receive(commands)
    _pin(list(place.cores))
    protocol.send(replies, protocol.Placed(is_shielded=shield.raise_priority()))
    load: protocol.Load = protocol.receive(commands)

    from optfarm_tasks.benchmark.process.loaded import LoadedVariant  # noqa: PLC0415 (NumPy sizes its threads by the cores)

    variant = LoadedVariant(load)
    protocol.send(replies, variant.introduction)
    while not isinstance(command := protocol.receive(commands), protocol.Quit):
        protocol.send(replies, variant.answer(command))


def _pin(cores: list[int]) -> None:
    try:
        shield.pin(cores)
    except OSError as error:
        from optfarm_tasks.errors import WorkerLost  # noqa: PLC0415 (not needed before something failed)

        raise WorkerLost(f"cannot run on cores {cores}, which are not there or not left to it: {error}") from error


def _failed(error: Exception) -> protocol.Failed:
    from optfarm_tasks.errors import Reason, TaskError  # noqa: PLC0415 (not needed before something failed)

    if isinstance(error, TaskError):
        return protocol.Failed(error.reason, str(error))
    reason = Reason.OUT_OF_MEMORY if isinstance(error, MemoryError) else Reason.BAD_MODEL
    return protocol.Failed(reason, f"{type(error).__name__}: {error}")


def _flush_and_leave(status: int) -> Any:
    # A runtime's threads may hang or crash while the interpreter is torn down; nothing here is left to save.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    _flush_and_leave(main(sys.argv[1:]))
