"""The folder of one task: laid out for the child, read back when it has ended, removed in the end."""

import fcntl
import os
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from pydantic import ValidationError

from optfarm_tasks.errors import BadModel
from optfarm_tasks.schema.faults import text_of
from optfarm_tasks.schema.result import Outcome
from optfarm_tasks.schema.spec import Task
from optfarm_tasks.schema.tree import Digest, Tree, scan
from optfarm_worker import remains
from optfarm_worker.errors import BadSettings, NoSpace

RESULT_BYTES = 16 << 20
"""A result.json is some kilobytes; the child writes it, so it may hold anything."""
TAIL_BYTES = 16 << 10
FULL_BELOW_BYTES = 1 << 20
TAKEOVER_S = 5.0
"""For so long a predecessor's supervisor may still be ending its tree."""


class Scratch:
    """The folder of one device; one worker at a time has it."""

    def __init__(self, root: Path, device: str) -> None:
        """Takes the folder over from a dead worker and clears it.

        Raises:
            BadSettings: another worker serves the same device.
        """
        self._root = root.absolute() / device
        self._root.mkdir(parents=True, exist_ok=True)
        self.descriptor = os.open(self._root, os.O_RDONLY | os.O_CLOEXEC)
        _take_over(self.descriptor, self._root)
        for leftover in list(self._root.iterdir()):
            remains.remove(leftover)

    def close(self) -> None:
        """Lets the next worker have it."""
        os.close(self.descriptor)

    @contextmanager
    def folder(self, task_id: str, token: int) -> Iterator["TaskFolder"]:
        """A task's folder, there inside the block."""
        path = self._root / f"{task_id}-{token}"
        path.mkdir(mode=0o700)
        try:
            yield TaskFolder(path)
        finally:
            remains.remove(path)


class TaskFolder:
    """DIR of `python -m optfarm_tasks DIR`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def log(self) -> Path:
        """Standard output and error of the child."""
        return self.path / "log.txt"

    @property
    def outputs_path(self) -> Path:
        """Where the child leaves files."""
        return self.path / "outputs"

    def lay_out(self, task: Task, blobs: Mapping[Digest, Path]) -> None:
        """Writes task.json, and each input file as a link to its blob: nothing is copied."""
        for role, tree in task.inputs.items():
            for file in tree.files:
                path = self.path / "inputs" / role / file.path
                path.parent.mkdir(parents=True, exist_ok=True)
                path.symlink_to(blobs[file.sha256])
        self.outputs_path.mkdir()
        (self.path / "tmp").mkdir()
        self.log.touch(mode=0o600)
        (self.path / "task.json").write_text(task.model_dump_json())

    def outcome(self) -> Outcome | None:
        """What the child wrote last; None when there is nothing, or nothing sensible."""
        try:
            with remains.opened(self.path / "result.json") as stream:
                said = stream.read(RESULT_BYTES + 1)
            return None if len(said) > RESULT_BYTES else Outcome.model_validate_json(said)
        except (BadModel, OSError, ValidationError):
            return None

    def outputs(self, inputs: Iterable[Path]) -> Tree:
        """Hashes the files that the child left.

        Args:
            inputs: the files of the cache that it was given, to which links among its outputs may lead.

        Raises:
            BadModel: something among them is no file, or leads elsewhere, or has a name that is no plain path.
        """
        outputs = self.outputs_path
        if outputs.is_symlink() or not outputs.is_dir():
            raise BadModel("the model's child put something else in the place of its outputs")
        remains.check_tree(outputs, linked={path.resolve() for path in inputs})
        try:
            return scan(outputs)
        except (UnicodeEncodeError, ValidationError) as error:
            raise BadModel(f"an output has a name that a tree cannot hold: {text_of(error)}") from error

    def check_space(self) -> None:
        """Passes while there is room: a child that failed on a full disk failed for nothing of its own.

        Raises:
            NoSpace: there is none.
        """
        free_bytes = shutil.disk_usage(self.path).free
        if free_bytes < FULL_BELOW_BYTES:
            raise NoSpace(f"no space left in {self.path.parent}: {free_bytes} bytes")

    def log_end(self) -> str:
        """The last part of the log.

        Raises:
            BadModel: the child put something else in its place.
        """
        with remains.opened(self.log) as stream:
            stream.seek(max(0, os.fstat(stream.fileno()).st_size - TAIL_BYTES))
            return stream.read(TAIL_BYTES).decode(errors="replace")


def _take_over(descriptor: int, root: Path) -> None:
    deadline = time.monotonic() + TAKEOVER_S
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() > deadline:
                raise BadSettings(f"another worker serves this device already: it holds {root}") from error
            time.sleep(0.02)
        else:
            return
