"""Keeps a core busy until its parent ends: `python -m benchmarks.measurement.load CORE PARENT RIGHTS`."""

import sys

from optfarm_tasks.benchmark.process import shield

ORDINARY, RIVAL = "ordinary", "rival"


def main(core: str, parent: str, rights: str) -> None:
    """Spins for ever; a rival has the rights of a resident.

    Raises:
        SystemExit: priority cannot be raised here, or the parent has ended.
    """
    shield.die_with_parent(int(parent))
    shield.pin([int(core)])
    if rights == RIVAL and not shield.raise_priority():
        raise SystemExit("priority cannot be raised here: run as root")
    while True:
        pass


if __name__ == "__main__":
    main(*sys.argv[1:])
