"""Runs a command as a resident runs: `python -m benchmarks.measurement.shielded CORES COMMAND…`, cores with commas."""

import os
import sys

from optfarm_tasks.benchmark.process import shield


def main(cores: str, *command: str) -> None:
    """Becomes the command, pinned to the cores and ahead of all other sessions.

    Raises:
        SystemExit: the kernel does not let priority be raised, so nothing would be alike.
    """
    shield.die_with_parent(os.getppid())
    shield.pin([int(core) for core in cores.split(",")])
    if not shield.raise_priority():
        raise SystemExit("priority cannot be raised here: run as root")
    os.execvpe(command[0], list(command), shield.thread_environment(os.environ, 1))  # noqa: S606 (there is no shell)


if __name__ == "__main__":
    main(*sys.argv[1:])
