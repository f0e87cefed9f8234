"""Whatever was damaged, lost, slipped in or made by others is told, and never taken for a bundle."""

import contextlib
import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optfarm.bundle.archive import opened
from optfarm.bundle.manifest import MANIFEST, REPORT
from optfarm.bundle.verify import verify
from optfarm.errors import BadRequest
from tests.path_cases import ESCAPING, REDUNDANT
from tests.unit.recorded import SWEEP_ID, Recorded, packed, recorded


@pytest.fixture
def sweep(tmp_path: Path) -> Recorded:
    return recorded(tmp_path / "files")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle")
    return recorded(folder / "files").bundle(folder / "whole.tar")


def altered(path: Path, target: Path, change: Callable[[tarfile.TarInfo, bytes], list[tuple[str, bytes]]]) -> Path:
    """The same tar file with other members, made by tarfile alone."""
    with tarfile.open(path) as tar, tarfile.open(target, "w") as out:
        for member in tar.getmembers():
            stream = tar.extractfile(member)
            assert stream is not None
            for name, content in change(member, stream.read()):
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                out.addfile(entry, io.BytesIO(content))
    return target


@settings(max_examples=150, deadline=None)
@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_any_flipped_bit_is_told(whole: Path, place: float, bit: int) -> None:
    content = bytearray(whole.read_bytes())
    content[int(place * len(content))] ^= 1 << bit
    damaged = whole.with_name("damaged.tar")
    damaged.write_bytes(content)

    with pytest.raises(BadRequest):
        verify(damaged)


def test_a_manifest_that_reads_well_and_is_not_what_was_written_is_told(whole: Path, tmp_path: Path) -> None:
    content = whole.read_bytes()
    assert content.count(b'"optfarm": "') == 1
    at = content.index(b'"optfarm": "') + len(b'"optfarm": "')
    (tmp_path / "other.tar").write_bytes(content[:at] + b"9" + content[at + 1 :])

    with pytest.raises(BadRequest, match=r"manifest\.json is damaged"):
        verify(tmp_path / "other.tar")


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.9, 0.9999])
def test_a_truncated_bundle_is_told(whole: Path, tmp_path: Path, share: float) -> None:
    content = whole.read_bytes()
    (tmp_path / "short.tar").write_bytes(content[: int(share * len(content))])

    with pytest.raises(BadRequest):
        verify(tmp_path / "short.tar")


def test_a_missing_file_is_named(whole: Path, tmp_path: Path) -> None:
    lost = altered(whole, tmp_path / "lost.tar", lambda each, it: [] if each.name == REPORT else [(each.name, it)])

    with pytest.raises(BadRequest, match=r"report\.json is missing"):
        verify(lost)


def test_a_bundle_without_its_raw_samples_is_incomplete(sweep: Recorded, tmp_path: Path) -> None:
    (sweep.folder / f"tasks/{SWEEP_ID}-3/raw.npz").unlink()

    with pytest.raises(BadRequest, match=r"3/raw\.npz is missing"):
        verify(sweep.bundle(tmp_path / "thin.tar"))


def test_what_the_manifest_does_not_name_is_refused(whole: Path, tmp_path: Path) -> None:
    def with_stranger(member: tarfile.TarInfo, content: bytes) -> list[tuple[str, bytes]]:
        extra = [("../../escaped.txt", b"out")] if member.name == REPORT else []
        return [(member.name, content), *extra]

    with pytest.raises(BadRequest, match=r"'\.\./\.\./escaped\.txt', of which its manifest says nothing"):
        verify(altered(whole, tmp_path / "stranger.tar", with_stranger))


@pytest.mark.parametrize("name", ESCAPING + REDUNDANT)
def test_a_manifest_that_names_a_file_elsewhere_is_refused(sweep: Recorded, tmp_path: Path, name: str) -> None:
    def elsewhere(told: dict[str, Any]) -> dict[str, Any]:
        return {**told, "files": [{**each, "path": name} if each["path"] == REPORT else each for each in told["files"]]}

    path = sweep.bundle(tmp_path / "usual.tar")

    def renamed(member: tarfile.TarInfo, content: bytes) -> list[tuple[str, bytes]]:
        if member.name == MANIFEST:
            return [(MANIFEST, json.dumps(elsewhere(json.loads(content))).encode())]
        return [(name if member.name == REPORT else member.name, content)]

    with pytest.raises(BadRequest, match="not a plain relative path"):
        verify(altered(path, tmp_path / "forged.tar", renamed))


def test_a_link_in_place_of_a_file_is_refused(whole: Path, tmp_path: Path) -> None:
    linked = tmp_path / "linked.tar"
    with tarfile.open(whole) as tar, tarfile.open(linked, "w") as out:
        for member in tar.getmembers():
            if member.name == REPORT:
                member.type, member.linkname, member.size = tarfile.SYMTYPE, "/etc/passwd", 0
            out.addfile(member, tar.extractfile(member) if member.isreg() else None)

    with pytest.raises(BadRequest, match="the bundle holds a link"):
        verify(linked)


def test_a_bundle_that_was_packed_otherwise_is_not_taken_for_the_same(whole: Path, tmp_path: Path) -> None:
    dated = tmp_path / "dated.tar"
    with tarfile.open(whole) as tar, tarfile.open(dated, "w") as out:
        for member in tar.getmembers():
            member.mtime = 1
            out.addfile(member, tar.extractfile(member))

    with pytest.raises(BadRequest, match="bytes between its files"):
        verify(dated)


def test_two_files_of_one_name_are_refused(whole: Path, tmp_path: Path) -> None:
    doubled = altered(whole, tmp_path / "twice.tar", lambda each, it: [(each.name, it)] * 2)

    with pytest.raises(BadRequest, match="two files of one name"):
        verify(doubled)


def test_another_schema_version_is_told(sweep: Recorded, tmp_path: Path) -> None:
    path = sweep.bundle(tmp_path / "later.tar", change=lambda told: {**told, "schema_version": 2})

    with pytest.raises(BadRequest, match="schema version 2; this optfarm reads 1"):
        verify(path)


def test_something_else_is_no_bundle(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no tar file at all")
    with tarfile.open(tmp_path / "other.tar", "w") as tar:
        tar.add(tmp_path / "text", "text")

    with pytest.raises(BadRequest, match="no tar file"):
        verify(tmp_path / "text")
    with pytest.raises(BadRequest, match=r"does not begin with manifest\.json"), opened(tmp_path / "other.tar"):
        pass


WRONG = (None, 0, -1, 1e308, 10**30, "", "x", [], {}, True, "../x", "baseline", "2" * 64)


def leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths to everything within a JSON value."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for key, each in inside for found in ((*path, key), *leaves(each, (*path, key)))]


@settings(max_examples=100, deadline=None)
@given(chosen=st.data())
def test_whatever_a_bundle_says_it_is_refused_or_judged(whole: Path, chosen: st.DataObject) -> None:
    folder = whole.parent / "files"
    path = chosen.draw(st.sampled_from(sorted(folder.rglob("*.json"))))
    plain = path.read_text()
    told = json.loads(plain)
    *way, last = chosen.draw(st.sampled_from(leaves(told)))
    within = told
    for key in way:
        within = within[key]
    within[last] = chosen.draw(st.sampled_from(WRONG))
    path.write_text(json.dumps(told))

    forged = packed(whole.with_name("forged.tar"), folder, artifacts=artifacts_of(whole))
    path.write_text(plain)

    with contextlib.suppress(BadRequest):
        found = verify(forged)
        # A report that lost its rows is not judged row by row: it is said which of the measured ones it lacks.
        assert len(found.checks) == 2 or not found.agrees


def artifacts_of(path: Path) -> dict[str, str]:
    """What the manifest of a bundle says of artifacts."""
    with opened(path) as archive:
        return archive.manifest.artifacts
