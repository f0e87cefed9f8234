"""Whole folders go to every object store and come back."""

import os
from pathlib import Path

import pytest

from optfarm_storage.errors import BadName, NotFound
from optfarm_storage.keys import blob
from optfarm_storage.store import ObjectStore
from optfarm_storage.tree import pull, push
from optfarm_tasks.schema.tree import File, scan
from tests.integration.stores import Counting, digest_of, names, put, write
from tests.path_cases import ESCAPING, REDUNDANT

MB = 1 << 20


def test_a_folder_comes_back(store: ObjectStore, tmp_path: Path) -> None:
    contents = {f"variables__v{number:03}": os.urandom(2000) for number in range(60)}
    tree = write(tmp_path / "model", saved_model=b"graph", empty=b"", copy=b"graph", **contents)
    up: list[int] = []
    down: list[int] = []

    sent = push(store, tmp_path / "model", tree.files, progress=up.append)
    pull(store, tree.files, tmp_path / "pulled", progress=down.append)

    assert sent == 62
    assert scan(tmp_path / "pulled") == tree
    assert sum(up) == sum(down) == tree.size_bytes
    assert min([0, *up, *down]) == 0


def test_a_single_file_is_a_tree(store: ObjectStore, tmp_path: Path) -> None:
    (tmp_path / "model.tflite").write_bytes(b"model")
    tree = scan(tmp_path / "model.tflite")

    push(store, tmp_path / "model.tflite", tree.files)
    pull(store, tree.files, tmp_path / "pulled")

    assert names(tmp_path / "pulled") == ["model.tflite"]


def test_a_second_push_sends_nothing(store: ObjectStore, tmp_path: Path) -> None:
    tree = write(tmp_path, **{f"f{number}": os.urandom(100) for number in range(100)}, large=bytes(MB))
    push(store, tmp_path, tree.files)
    counting = Counting(store)
    reported: list[int] = []

    sent = push(counting, tmp_path, tree.files, progress=reported.append)

    assert sent == 0
    assert counting.puts == []
    assert sum(reported) == tree.size_bytes


def test_a_changed_folder_sends_what_is_missing(store: ObjectStore, tmp_path: Path) -> None:
    before = write(tmp_path, **{f"f{number}": os.urandom(100) for number in range(100)})
    push(store, tmp_path, before.files)
    after = write(tmp_path, new=b"new", f7=b"changed")
    counting = Counting(store)

    sent = push(counting, tmp_path, after.files)

    assert sent == 2
    assert sorted(counting.puts) == sorted([blob(digest_of(b"new")), blob(digest_of(b"changed"))])


def test_a_first_push_of_many_files_asks_about_few(store: ObjectStore, tmp_path: Path) -> None:
    tree = write(tmp_path, **{f"f{number}": os.urandom(100) for number in range(200)})
    counting = Counting(store)

    push(counting, tmp_path, tree.files)

    assert len(counting.puts) == 200
    assert counting.asked < 50


def test_equal_files_move_once(store: ObjectStore, tmp_path: Path) -> None:
    tree = write(tmp_path / "model", a=b"same", b=b"same", c__d=b"same")
    counting = Counting(store)

    push(counting, tmp_path / "model", tree.files)
    pull(counting, tree.files, tmp_path / "pulled")

    assert counting.puts == counting.gets == [blob(digest_of(b"same"))]
    assert scan(tmp_path / "pulled") == tree


def test_a_missing_blob_ends_a_pull(store: ObjectStore, tmp_path: Path) -> None:
    tree = write(tmp_path / "model", a=b"stored", b=b"not stored")
    put(store, b"stored")

    with pytest.raises(NotFound, match=digest_of(b"not stored")):
        pull(store, tree.files, tmp_path / "pulled")


@pytest.mark.parametrize("path", ESCAPING + REDUNDANT)
def test_paths_that_lead_out_are_refused(store: ObjectStore, tmp_path: Path, path: str) -> None:
    (tmp_path / "folder").mkdir()
    file = File.model_construct(path=path, sha256=put(store, b"x"), size_bytes=1)

    with pytest.raises(BadName):
        pull(store, [file], tmp_path / "folder")
    with pytest.raises(BadName):
        push(Counting(store), tmp_path / "folder", [File.model_construct(path=path, sha256="0" * 64, size_bytes=1)])

    assert names(tmp_path / "folder") == []


def test_links_that_lead_out_are_not_followed(store: ObjectStore, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "link").symlink_to(tmp_path / "outside")
    (tmp_path / "folder" / "name").symlink_to(tmp_path / "outside" / "target")
    inner = File(path="link/f", sha256=put(store, b"x"), size_bytes=1)
    named = File(path="name", sha256=inner.sha256, size_bytes=1)

    with pytest.raises(BadName, match="through a link"):
        pull(store, [inner], tmp_path / "folder")
    pull(store, [named], tmp_path / "folder")

    assert names(tmp_path / "outside") == []
    assert (tmp_path / "folder" / "name").read_bytes() == b"x"
    assert not (tmp_path / "folder" / "name").is_symlink()
