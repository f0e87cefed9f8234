"""Starts a part of the embedded farm: `python -m optfarm.embedded.part NAME`, with $OPTFARM_FOLDER set.

It records its process first. The pid stays the same when the part's program takes its place.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from optfarm.embedded import layout, record
from optfarm.embedded.binaries import find_binaries
from optfarm.embedded.parts import command_of


def main() -> None:
    """Runs the part that the command line names; never returns."""
    part, folder = sys.argv[1], Path(os.environ["OPTFARM_FOLDER"])
    found = layout.load(folder)
    if found is None:
        sys.exit(f"there is no farm in {folder}")
    command = command_of(part, found, folder, binaries=find_binaries)
    record.write_own(part, folder)
    os.execve(command.argv[0], command.argv, clean(os.environ, folder) | command.env)  # noqa: S606 (no shell is wanted)


def clean(env: Mapping[str, str], folder: Path) -> dict[str, str]:
    """The environment without the user's own OPTFARM_* settings, which would win over the farm's file."""
    kept = {name: value for name, value in env.items() if not name.startswith("OPTFARM_")}
    return kept | {"OPTFARM_CONFIG": str(folder / "optfarm.toml")}


if __name__ == "__main__":
    main()
