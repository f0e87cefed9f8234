"""A bundle is the same bytes each time; what it publishes is computed again, and every damage is told."""

import hashlib
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
from optfarm.bundle.verify import Finding, verify
from optfarm.errors import BadRequest
from optfarm_tasks.benchmark import raw
from optfarm_tasks.measurement import Flag, Verdict
from tests.unit.recorded import ARTIFACT, SWEEP_ID, Recorded, columns, recorded


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


def test_every_number_of_a_bundle_is_reproduced(whole: Path) -> None:
    found = verify(whole)

    assert found.agrees
    assert [(check.recipe, check.finding) for check in found.checks] == [
        ("baseline", Finding.REPRODUCED),
        ("openvino", Finding.REPRODUCED),
    ]
    assert found.sha256 == hashlib.sha256(whole.read_bytes()).hexdigest()
    assert not found.has_artifacts


def test_the_same_files_make_the_same_bytes(sweep: Recorded, tmp_path: Path) -> None:
    one, other = sweep.bundle(tmp_path / "one.tar"), sweep.bundle(tmp_path / "other.tar")

    assert one.read_bytes() == other.read_bytes()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"n_clean": 1}, "measurement.n_clean is 1, and"),
        ({"throughput_per_s": 1.0}, "measurement.throughput_per_s is 1, and"),
        ({"verdict": Verdict.DEGRADED}, "measurement.verdict is degraded, and clean when computed again"),
        ({"flags": (Flag.DRIFT,)}, "measurement.flags is (drift), and"),
    ],
)
def test_a_number_of_the_report_that_the_samples_do_not_give_is_named(
    sweep: Recorded, tmp_path: Path, change: dict[str, Any], told: str
) -> None:
    row = sweep.rows[1]
    assert row.measurement is not None
    sweep.rows[1] = row.model_copy(update={"measurement": row.measurement.model_copy(update=change)})

    found = verify(sweep.bundle(tmp_path / "forged.tar"))

    assert not found.agrees
    assert [check.finding for check in found.checks] == [Finding.REPRODUCED, Finding.DIFFERS]
    assert len(found.checks[1].differences) == 1
    assert found.checks[1].differences[0].startswith(told)


def test_a_ratio_and_its_interval_are_computed_again(sweep: Recorded, tmp_path: Path) -> None:
    row = sweep.rows[1]
    assert row.measurement is not None
    better = row.measurement.ratio.model_copy(update={"value": 2.5, "ci95": (2.4, 2.6)})
    sweep.rows[1] = row.model_copy(update={"measurement": row.measurement.model_copy(update={"ratio": better})})

    (_, check) = verify(sweep.bundle(tmp_path / "forged.tar")).checks

    assert [line.partition(" is ")[0] for line in check.differences] == [
        "measurement.ratio.value",
        "measurement.ratio.ci95[0]",
        "measurement.ratio.ci95[1]",
    ]


def test_samples_of_another_measurement_are_found_out(sweep: Recorded, tmp_path: Path) -> None:
    raw.write(sweep.folder / f"tasks/{SWEEP_ID}-3", columns(2.2, seed=3), estimator="clean_p50")

    (_, check) = verify(sweep.bundle(tmp_path / "swapped.tar")).checks

    assert check.finding is Finding.DIFFERS
    assert any(line.startswith("the digest of the raw samples") for line in check.differences)
    assert any(line.startswith("candidate.latency_ns.p50") for line in check.differences)


def test_parts_of_another_sweep_are_found_out(sweep: Recorded, tmp_path: Path) -> None:
    path = sweep.bundle(tmp_path / "mixed.tar", change=lambda told: {**told, "sweep_id": "ba" * 6, "model": "9" * 64})

    found = verify(path)

    assert not found.agrees
    assert {line.partition(":")[0] for line in found.differences} == {
        "the sweep of the report",
        "the sweep",
        "the digest of the model",
    }


def test_a_row_without_a_measurement_says_so(sweep: Recorded, tmp_path: Path) -> None:
    sweep.rows.append(sweep.rows[1].model_copy(update={"device": "beta.cpu", "measurement": None}))

    found = verify(sweep.bundle(tmp_path / "partial.tar"))

    assert found.agrees
    assert found.checks[2].finding is Finding.NOT_MEASURED


@settings(max_examples=150, deadline=None)
@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_any_flipped_bit_is_told(whole: Path, place: float, bit: int) -> None:
    content = bytearray(whole.read_bytes())
    content[int(place * len(content))] ^= 1 << bit
    damaged = whole.with_name("damaged.tar")
    damaged.write_bytes(content)

    with pytest.raises(BadRequest):
        verify(damaged)


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


@pytest.mark.parametrize("name", ["../escaped.txt", "/escaped.txt", "tasks/../../escaped.txt"])
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


def test_an_artifact_in_the_bundle_has_to_be_that_of_its_conversion(sweep: Recorded, tmp_path: Path) -> None:
    sweep.write(f"artifacts/{ARTIFACT.digest}/model.xml", "another model")

    found = verify(sweep.bundle(tmp_path / "swapped.tar"))

    assert found.has_artifacts
    assert len(found.differences) == 1
    assert found.differences[0].startswith("the files of an artifact: ")


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
