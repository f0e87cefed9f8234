"""What a hostile child leaves is read as data: nothing outside is given away or waited for, and all of it goes."""

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from optfarm_tasks.errors import BadModel
from optfarm_worker import remains
from optfarm_worker.folder import Scratch, TaskFolder

DEEP = 3000


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[TaskFolder]:
    """As a child leaves it; deleted in the end, for what deletes temporary folders cannot."""
    place = tmp_path / "task"
    (place / "outputs").mkdir(parents=True)
    (place / "log.txt").write_text("said\n")
    yield TaskFolder(place)
    remains.remove(place)


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A file that the worker's user can read."""
    file = tmp_path / "optfarm.toml"
    file.write_text("token = 'hush'")
    return file


def nest(folder: Path, depth: int) -> None:
    """Folders in folders, deeper than a path can name."""
    here = os.open(folder, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)


def listen(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as heard:
        heard.bind(str(path))


def sparse(path: Path) -> None:
    with path.open("wb") as stream:
        stream.truncate(1 << 40)


def linked(path: Path) -> None:
    path.symlink_to(path.parents[2] / "optfarm.toml")


def looped(path: Path) -> None:
    path.symlink_to(path)


@pytest.mark.parametrize(
    ("leave", "said"),
    [
        (linked, "the output it is a link to .*, which is none of the task's files"),
        (looped, "the output it is a link to .*, which is none of the task's files"),
        (lambda path: path.symlink_to("/dev/zero"), "the output it is a link to .*, which is none of the task's files"),
        (lambda path: path.symlink_to("/etc"), "the output it is a link to .*, which is none of the task's files"),
        (os.mkfifo, "the output it is no file"),
        (listen, "the output it is no file"),
        (sparse, r"the output it says that it has \d+ bytes, and hardly any are there"),
        (lambda path: (path.mkdir(), nest(path, DEEP)), "folders in folders, more than 64 deep"),
        (lambda path: Path(os.fsdecode(os.fsencode(path) + b"\xff")).touch(), "a name that a tree cannot hold"),
    ],
)
@pytest.mark.usefixtures("secret")
@pytest.mark.timeout(60)
def test_outputs_that_are_no_files_of_the_task_are_refused(
    folder: TaskFolder, leave: Callable[[Path], object], said: str
) -> None:
    leave(folder.outputs_path / "it")

    with pytest.raises(BadModel, match=said):
        folder.outputs(())


def test_more_outputs_than_any_model_has_are_refused(folder: TaskFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remains, "MOST_FILES", 10)
    for number in range(11):
        (folder.outputs_path / str(number)).touch()

    with pytest.raises(BadModel, match="the outputs are more than 10 files"):
        folder.outputs(())


def test_an_input_that_is_handed_on_is_an_output_and_another_blob_is_not(folder: TaskFolder, tmp_path: Path) -> None:
    ours, others = tmp_path / "ours", tmp_path / "others"
    ours.write_text("model")
    others.write_text("somebody else's")
    (folder.path / "inputs").mkdir()
    (folder.path / "inputs/model").symlink_to(ours)
    (folder.outputs_path / "model").symlink_to(folder.path / "inputs/model")

    assert [(file.path, file.size_bytes) for file in folder.outputs([ours]).files] == [("model", 5)]
    (folder.outputs_path / "other").symlink_to(others)
    with pytest.raises(BadModel, match="the output other is a link"):
        folder.outputs([ours])


@pytest.mark.parametrize("leave", [linked, os.mkfifo, Path.mkdir, lambda path: path.symlink_to("/dev/zero")])
@pytest.mark.usefixtures("secret")
@pytest.mark.timeout(60)
def test_what_stands_in_the_place_of_log_and_result_is_not_read(
    folder: TaskFolder, leave: Callable[[Path], object]
) -> None:
    folder.log.unlink()
    (folder.path / "at").mkdir()
    for name in ("log.txt", "result.json"):
        leave(folder.path / "at" / name)
        (folder.path / "at" / name).rename(folder.path / name)

    assert folder.outcome() is None
    with pytest.raises(BadModel, match=r"something else in the place of log\.txt"):
        folder.log_end()


def test_what_stands_in_the_place_of_the_outputs_is_not_read(folder: TaskFolder, tmp_path: Path) -> None:
    folder.outputs_path.rmdir()
    folder.outputs_path.symlink_to(tmp_path)

    with pytest.raises(BadModel, match="something else in the place of its outputs"):
        folder.outputs(())


def test_a_result_that_is_too_long_is_none(folder: TaskFolder) -> None:
    (folder.path / "result.json").write_bytes(b" " * (17 << 20))

    assert folder.outcome() is None


@pytest.mark.timeout(120)
def test_whatever_a_dead_task_left_a_worker_starts_and_it_is_gone(tmp_path: Path, secret: Path) -> None:
    left = tmp_path / "x.cpu/task-1"
    closed = left / "closed/within"
    closed.mkdir(parents=True)
    (closed / "file").touch()
    (left / "out").symlink_to(secret.parent)
    os.mkfifo(left / "pipe")
    nest(left, DEEP)
    closed.chmod(0)
    closed.parent.chmod(0)
    (tmp_path / "x.cpu/task-2").symlink_to(secret.parent)
    os.mkfifo(tmp_path / "x.cpu/task-3")

    scratch = Scratch(tmp_path, "x.cpu")

    assert list((tmp_path / "x.cpu").iterdir()) == []
    assert secret.exists()
    with scratch.folder("task", 2) as folder:
        nest(folder.path, DEEP)
    assert list((tmp_path / "x.cpu").iterdir()) == []
    scratch.close()
