"""Becomes supervisord: `python -m optfarm.embedded.watchman CONFIG`, with $OPTFARM_FOLDER set; records its process."""

import os
import sys
from pathlib import Path

from optfarm.embedded import record


def main() -> None:
    """Runs supervisord in the place of this process; never returns."""
    record.write_own("supervisor", Path(os.environ["OPTFARM_FOLDER"]))
    quiet = ("-W", "ignore::DeprecationWarning", "-W", "ignore::UserWarning")
    argv = (sys.executable, *quiet, "-m", "supervisor.supervisord", "-c", sys.argv[1])
    os.execv(argv[0], argv)  # noqa: S606 (no shell is wanted)


if __name__ == "__main__":
    main()
