"""A folder as a value."""

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from optfarm_storage import keys
from optfarm_storage.errors import BadName
from optfarm_tasks.schema.tree import File, Tree, scan
from tests.path_cases import ESCAPING, NO_TEXT, PLAIN, REDUNDANT

EMPTY = hashlib.sha256(b"").hexdigest()


def test_equal_folders_have_equal_digests_wherever_they_lie(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name / "variables").mkdir(parents=True)
        (tmp_path / name / "variables/data").write_bytes(b"weights")
        (tmp_path / name / "graph.pb").write_bytes(b"graph")

    assert scan(tmp_path / "one") == scan(tmp_path / "two")
    assert scan(tmp_path / "one").digest == scan(tmp_path / "two").digest


def test_a_changed_byte_or_name_changes_the_digest(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1")
    before = scan(tmp_path).digest

    (tmp_path / "a").write_bytes(b"2")
    changed = scan(tmp_path).digest
    (tmp_path / "a").rename(tmp_path / "b")

    assert len({before, changed, scan(tmp_path).digest}) == 3


def test_a_file_alone_is_a_tree_of_one(tmp_path: Path) -> None:
    (tmp_path / "model.tflite").write_bytes(b"TFL3")

    tree = scan(tmp_path / "model.tflite")

    assert [file.path for file in tree.files] == ["model.tflite"]
    assert tree.size_bytes == 4


@pytest.mark.parametrize("path", PLAIN)
def test_a_plain_path_is_kept(path: str) -> None:
    assert File(path=path, sha256=EMPTY, size_bytes=0).path == path


@pytest.mark.parametrize("path", ESCAPING + NO_TEXT + REDUNDANT)
def test_a_path_that_could_leave_the_tree_is_refused(path: str) -> None:
    with pytest.raises(ValidationError, match="not a plain relative path"):
        File(path=path, sha256=EMPTY, size_bytes=0)


@given(st.text("ab./\\\0:", max_size=8))
def test_a_tree_takes_the_paths_that_a_store_takes(path: str) -> None:
    answers = []
    for check in (lambda: File(path=path, sha256=EMPTY, size_bytes=0).path, lambda: keys.inside(path)):
        try:
            answers.append(check())
        except (ValidationError, BadName):
            answers.append(None)

    assert answers[0] == answers[1]


@given(st.permutations(["a", "b/c", "b/d", "e"]))
def test_the_digest_does_not_depend_on_the_order_of_files(paths: list[str]) -> None:
    def tree(names: list[str]) -> Tree:
        return Tree(files=tuple(File(path=name, sha256=EMPTY, size_bytes=0) for name in names))

    assert tree(paths).digest == tree(sorted(paths)).digest
