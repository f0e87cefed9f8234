"""What a child left in its folder, looked at as data from a stranger: nothing is followed, trusted or waited for."""

import errno
import os
import secrets
import stat
from collections.abc import Collection
from pathlib import Path
from typing import BinaryIO

from optfarm_tasks.errors import BadModel

MOST_DEPTH, MOST_FILES = 64, 100_000
"""Of a tree of outputs; no model comes near."""
_GIB = 1 << 30
_SPARSE = 16
"""A file of a gibibyte or more that has so much less on the disk is none that a technique wrote."""
_BLOCK_BYTES = 512


def opened(path: Path) -> BinaryIO:
    """A file to be read, which has to be one: no link is followed, and no pipe or device is waited for.

    Raises:
        BadModel: something else lies there.
        FileNotFoundError: nothing does.
    """
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):
            raise BadModel(f"the model's child put something else in the place of {path.name}") from error
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise BadModel(f"the model's child put something else in the place of {path.name}")
    return os.fdopen(descriptor, "rb")


def check_tree(root: Path, *, linked: Collection[Path]) -> None:
    """Passes when everything below a folder is a folder, a file, or a link to one of some files; blocks for the walk.

    Args:
        root: is a folder.
        linked: the files that links may lead to, as they really lie.

    Raises:
        BadModel: something else is there, or more or deeper than any model has it; it is named.
    """
    count, pending = 0, [(root, 0)]
    while pending:
        folder, depth = pending.pop()
        if depth > MOST_DEPTH:
            raise BadModel(f"the outputs have folders in folders, more than {MOST_DEPTH} deep")
        with os.scandir(folder) as entries:
            for entry in entries:
                count += 1
                if count > MOST_FILES:
                    raise BadModel(f"the outputs are more than {MOST_FILES} files")
                if entry.is_dir(follow_symlinks=False):
                    pending.append((Path(entry.path), depth + 1))
                else:
                    _check_file(Path(entry.path), root, linked)


def _check_file(path: Path, root: Path, linked: Collection[Path]) -> None:
    name, found = path.relative_to(root), path.lstat()
    if stat.S_ISLNK(found.st_mode):
        if _target(path) not in linked:
            raise BadModel(
                f"the output {name!s:.200} is a link to {path.readlink()!s:.200}, which is none of the task's files"
            )
    elif not stat.S_ISREG(found.st_mode):
        raise BadModel(f"the output {name!s:.200} is no file")
    elif found.st_size > _GIB and found.st_blocks * _BLOCK_BYTES * _SPARSE < found.st_size:
        raise BadModel(f"the output {name!s:.200} says that it has {found.st_size} bytes, and hardly any are there")


def _target(path: Path) -> Path | None:
    """Where a link leads in the end; None where that is nowhere."""
    try:
        return path.resolve(strict=True)
    except (OSError, RuntimeError):
        return None


def remove(root: Path) -> None:
    """Deletes a folder and all that is in it, however deep it is, and whatever its child closed against itself.

    Folders within are moved up one by one, so that no path grows; what cannot be deleted stays. A file or a link in its
    place goes too, and what the link leads to stays.
    """
    if root.is_symlink() or not root.is_dir():
        root.unlink(missing_ok=True)
        return
    pending = [root]
    while pending:
        folder = pending.pop()
        try:
            folder.chmod(0o700)
            with os.scandir(folder) as entries:
                found = list(entries)
            for entry in found:
                if entry.is_dir(follow_symlinks=False):
                    pending.append(_moved_up(Path(entry.path), root))
                else:
                    Path(entry.path).unlink()
            folder.rmdir()
        except OSError:
            continue


def _moved_up(folder: Path, root: Path) -> Path:
    folder.chmod(0o700)
    return folder.rename(root.with_name(f"{root.name}.{secrets.token_hex(8)}"))
