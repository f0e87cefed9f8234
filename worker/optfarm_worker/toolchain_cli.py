"""optfarm-worker toolchain: lists, builds and removes the toolchains of this host."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from optfarm_worker import toolchain_building, toolchains
from optfarm_worker.errors import BadSettings

COMMAND = "toolchain"
_INTERRUPTED = 130


def main(arguments: Sequence[str]) -> int:
    """Runs the command; its exit code.

    Raises:
        BadSettings: it cannot be done; nothing has changed.
    """
    parsed = _parser().parse_args(arguments)
    folder = Path(parsed.folder or toolchains.default_folder())
    try:
        return {"list": _list, "add": _add, "remove": _remove}[parsed.command](folder, parsed)
    except KeyboardInterrupt:
        print("optfarm-worker: stopped; what was begun is removed", file=sys.stderr)
        return _INTERRUPTED


def _list(folder: Path, parsed: argparse.Namespace) -> int:
    built = toolchains.built(folder)
    rows = [
        {"name": name, "packages": toolchains.packages(lock), "python": str(built[name]) if name in built else None}
        for name, lock in toolchains.locks().items()
    ]
    others = built.keys() - toolchains.locks().keys()
    rows += [{"name": name, "packages": None, "python": str(built[name])} for name in sorted(others)]
    if parsed.json:
        print(json.dumps(rows))
        return 0
    for row in rows:
        about = "" if row["packages"] is None else f"{row['packages']} packages"
        print(f"{row['name']:<14} {about:<14} {row['python'] or 'not built here'}")
    return 0


def _add(folder: Path, parsed: argparse.Namespace) -> int:
    lock = parsed.lock or toolchains.lock_of(parsed.name)
    if not lock.is_file():
        raise BadSettings(f"there is no lock {lock}")
    if parsed.name in toolchains.built(folder) and not parsed.again:
        raise BadSettings(f"{parsed.name} is built in {folder / parsed.name}; --again builds it anew")
    _require_consent(f"install {toolchains.packages(lock)} packages of {lock} into {folder / parsed.name}", parsed)
    found = toolchain_building.add(folder, parsed.name, lock, lambda step: print(f"{step} …", file=sys.stderr))
    if parsed.json:
        print(found.model_dump_json())
        return 0
    print(f"{parsed.name} offers {len(found.techniques)} techniques, and the runtimes {', '.join(found.runtimes)}")
    print("workers of this host offer it when they are started again")
    return 0


def _remove(folder: Path, parsed: argparse.Namespace) -> int:
    _require_consent(f"delete {folder / parsed.name}", parsed)
    toolchain_building.remove(folder, parsed.name)
    return 0


def _require_consent(what: str, parsed: argparse.Namespace) -> None:
    if parsed.yes:
        return
    if not sys.stdin.isatty():
        raise BadSettings(f"this would {what}; say --yes")
    if input(f"{what}? [y/N] ").strip().lower() not in {"y", "yes"}:
        raise BadSettings("nothing was done")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"optfarm-worker {COMMAND}", description=__doc__)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--folder", help="where toolchains lie; workers look where OPTFARM_TOOLCHAIN_DIR says")
    common.add_argument("--json", action="store_true", help="print JSON")
    agreeing = argparse.ArgumentParser(add_help=False)
    agreeing.add_argument("--yes", action="store_true", help="do it without asking")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", parents=[common], help="what can be built, and what is")
    adding = commands.add_parser("add", parents=[common, agreeing], help="build one")
    adding.add_argument("name", type=_name)
    adding.add_argument("--lock", type=Path, help="another lock than the one of that name")
    adding.add_argument("--again", action="store_true", help="build it anew")
    commands.add_parser("remove", parents=[common, agreeing], help="delete one").add_argument("name", type=_name)
    return parser


def _name(text: str) -> str:
    if not text.replace("-", "").isalnum() or text == "default":
        raise argparse.ArgumentTypeError(f"{text!r} is no name for a toolchain: letters, digits and - make one")
    return text
