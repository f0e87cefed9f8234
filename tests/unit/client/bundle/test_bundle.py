"""A bundle is the same bytes each time; what it publishes is computed again, from its raw samples."""

import hashlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optfarm.bundle.verify import Finding, verify
from optfarm_tasks.benchmark.analysis import raw
from optfarm_tasks.schema.measurement import Flag, Verdict
from tests.unit.recorded import SWEEP_ID, Recorded, forged, recorded
from tests.unit.sampled import ARTIFACT, columns


@pytest.fixture
def sweep(tmp_path: Path) -> Recorded:
    return recorded(tmp_path / "files")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle")
    return recorded(folder / "files").bundle(folder / "whole.tar")


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
        ({"n_clean": 1}, "measurement.n_clean: 1 published, "),
        ({"throughput_per_s": 1.0}, "measurement.throughput_per_s: 1 published, "),
        ({"verdict": Verdict.DEGRADED}, "measurement.verdict: degraded published, clean found"),
        ({"flags": (Flag.DRIFT,)}, "measurement.flags: (drift) published, () found"),
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


@settings(max_examples=100, deadline=None)
@given(chosen=st.data())
def test_no_number_of_a_measurement_can_be_changed_unseen(whole: Path, chosen: st.DataObject) -> None:
    assert not verify(forged(whole, lambda paths: chosen.draw(st.sampled_from(paths)))).agrees


def test_a_ratio_and_its_interval_are_computed_again(sweep: Recorded, tmp_path: Path) -> None:
    row = sweep.rows[1]
    assert row.measurement is not None
    better = row.measurement.ratio.model_copy(update={"value": 2.5, "ci95": (2.4, 2.6)})
    sweep.rows[1] = row.model_copy(update={"measurement": row.measurement.model_copy(update={"ratio": better})})

    (_, check) = verify(sweep.bundle(tmp_path / "forged.tar")).checks

    assert [line.partition(":")[0] for line in check.differences] == [
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


def test_a_measurement_that_the_report_keeps_back_is_named(sweep: Recorded, tmp_path: Path) -> None:
    del sweep.rows[1]

    found = verify(sweep.bundle(tmp_path / "silent.tar"))

    assert found.differences == ("the report tells nothing of openvino on alpha.cpu, which was measured",)


def test_a_row_without_a_measurement_says_so(sweep: Recorded, tmp_path: Path) -> None:
    sweep.rows.append(sweep.rows[1].model_copy(update={"device": "beta.cpu", "measurement": None}))

    found = verify(sweep.bundle(tmp_path / "partial.tar"))

    assert found.agrees
    assert found.checks[2].finding is Finding.NOT_MEASURED


def test_an_artifact_in_the_bundle_has_to_be_that_of_its_conversion(sweep: Recorded, tmp_path: Path) -> None:
    sweep.write(f"artifacts/{ARTIFACT.digest}/model.xml", "another model")

    found = verify(sweep.bundle(tmp_path / "swapped.tar"))

    assert len(found.differences) == 1
    assert found.differences[0].startswith("the files of an artifact: ")
