"""How the child of a task is started: its command, its environment, its limits."""

import math
from pathlib import Path

from optfarm_tasks.schema.spec import Task
from optfarm_worker.devices import kind_of
from optfarm_worker.supervisor import Order

GIB = 1 << 30
FILE_BYTES = 64 * GIB
LOG_BYTES = 16 << 20
PROCESSES = 512
GRACE_S = 0.5
"""Between SIGTERM and SIGKILL. The child has nothing to tidy up, and a lost lease leaves two seconds for all."""
SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"


def order_for(task: Task, folder: Path, *, python: str, device: str) -> Order:
    """The order to run a task in its folder."""
    memory_bytes = task.limits.memory_bytes
    return Order(
        argv=[python, "-I", "-m", "optfarm_tasks", str(folder)],
        cwd=str(folder),
        env=environment(folder, python=python, device=device),
        log=str(folder / "log.txt"),
        timeout_s=task.limits.timeout_s,
        memory_bytes=memory_bytes,
        data_bytes=hard_limit(memory_bytes),
        file_bytes=FILE_BYTES,
        log_bytes=LOG_BYTES,
        processes=PROCESSES,
        grace_s=GRACE_S,
    )


def environment(folder: Path, *, python: str, device: str) -> dict[str, str]:
    """All that the child sees of its surroundings: nothing of the worker's, so no credentials."""
    return {
        "PATH": f"{Path(python).parent}:{SYSTEM_PATH}",
        "HOME": str(folder),
        "TMPDIR": str(folder / "tmp"),
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        "TF_CPP_MIN_LOG_LEVEL": "1",
        **kind_of(device).environment(device),
    }


def hard_limit(memory_bytes: int) -> int:
    """The private memory that a process may ask the kernel for.

    Programs ask for more than they touch (stacks of threads, arenas), so this hard limit lies well above the task's
    own; it is for what grows faster than the supervisor samples.
    """
    return math.ceil(1.5 * memory_bytes) + 4 * GIB
