"""Decodes a coded model into a folder: python -m optfarm_tasks.coding FILE FOLDER."""

import argparse
import sys
from pathlib import Path

from optfarm_tasks.coding import container
from optfarm_tasks.errors import BadModel


def main() -> int:
    """0 when the files are written, 2 when the input is wrong."""
    parser = argparse.ArgumentParser(prog="python -m optfarm_tasks.coding", description=__doc__)
    parser.add_argument("file", type=Path, help="the .coded file")
    parser.add_argument("folder", type=Path, help="where the model's files go; it may not exist yet")
    given = parser.parse_args()
    try:
        container.decode(given.file, given.folder)
    except (BadModel, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
