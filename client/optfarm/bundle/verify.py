"""Checks a bundle without the farm: every digest, and every published number against the raw samples."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from optfarm.bundle.archive import opened
from optfarm.bundle.contents import Contents, FinishedTask
from optfarm.bundle.manifest import Manifest, task_file
from optfarm.errors import BadRequest
from optfarm.measured import RowKey, row_key, row_key_of_task
from optfarm_tasks.benchmark.analysis import raw
from optfarm_tasks.benchmark.analysis.recompute import differences, recompute
from optfarm_tasks.errors import BadData
from optfarm_tasks.schema.faults import text_of
from optfarm_tasks.schema.measurement import Measurement
from optfarm_tasks.schema.recipe import BASELINE
from optfarm_tasks.schema.result import BenchmarkResult, Conversion, Quality
from optfarm_tasks.schema.spec import Auto, Role
from optfarm_tasks.schema.sweep import Row


class Finding(StrEnum):
    """Whether the raw samples give the numbers of a row again."""

    REPRODUCED = "reproduced"
    DIFFERS = "differs"
    NOT_MEASURED = "not measured"


@dataclass(frozen=True)
class Check:
    """One variant of the report, computed again."""

    recipe: str
    device: str
    threads: int | Auto
    batch_size: int | Auto
    finding: Finding
    differences: tuple[str, ...]
    """Each value that does not agree, in words."""


@dataclass(frozen=True)
class Verification:
    """A bundle whose digests are right, and the checks of its numbers."""

    sha256: str
    """Of the whole file."""
    manifest: Manifest
    has_artifacts: bool
    """Whether every optimised model lies in it, so that their bytes were checked too."""
    differences: tuple[str, ...]
    """Each value that does not agree and belongs to no variant."""
    checks: tuple[Check, ...]

    @property
    def agrees(self) -> bool:
        """Whether nothing differs."""
        return not self.differences and all(check.finding is not Finding.DIFFERS for check in self.checks)


def verify(path: Path) -> Verification:
    """Checks every digest of a bundle, and computes its numbers again; needs no farm, and writes nothing.

    Raises:
        BadRequest: it is no bundle, or truncated, damaged, incomplete, or of another schema version.
        OSError: the file cannot be read.
    """
    if not path.is_file():
        raise BadRequest(f"there is no file {path}")
    with opened(path) as archive:
        contents = Contents(archive)
        measured = dict(_benchmarks(contents))
        again = {key: _again(contents, finished) for key, finished in measured.items()}
        checks = tuple(_check(row, contents, measured, again) for row in contents.report.rows)
        made = {each.result.outputs.digest for each in contents.finished if isinstance(each.result.facts, Conversion)}
        return Verification(
            sha256=archive.sha256,
            manifest=archive.manifest,
            has_artifacts=bool(made) and all(contents.artifact(digest) for digest in made),
            differences=tuple(_loose_ends(contents, archive.manifest)),
            checks=checks,
        )


@dataclass(frozen=True)
class _Again:
    """A benchmark, computed again."""

    candidate: Measurement
    differences: tuple[str, ...]
    """From the result that its worker stored."""


def _benchmarks(contents: Contents) -> Iterator[tuple[RowKey, FinishedTask]]:
    for finished in contents.finished:
        if isinstance(finished.result.facts, BenchmarkResult):
            yield row_key_of_task(finished.status, finished.result, finished.result.facts), finished


def _again(contents: Contents, finished: FinishedTask) -> _Again:
    facts, name = finished.result.facts, task_file(finished.status.id, raw.FILE)
    if not isinstance(facts, BenchmarkResult):
        raise BadRequest(f"task {finished.status.id} is no benchmark")
    columns, estimator = contents.raw(finished.status.id)
    try:
        found = recompute(facts, finished.task, columns)
    except (ArithmeticError, BadData, ValidationError) as error:
        raise BadRequest(f"nothing can be computed from {name} in the bundle: {text_of(error)}") from error
    published = {**_plain(facts, "baseline", "candidate", "pair_ratios"), "estimator": estimator}
    computed = {
        "baseline": found.baseline.model_dump(),
        "candidate": found.candidate.model_dump(),
        "pair_ratios": found.pair_ratios,
        "estimator": str(found.estimator),
    }
    stored = {file.path: file.sha256 for file in finished.result.outputs.files}
    digests = {str(role): tree.digest for role, tree in finished.task.inputs.items()}
    seen = (
        *differences(published, computed),
        *_apart("the digest of the raw samples", stored.get(raw.FILE), contents.sha256(name)),
        *_apart("the digests of what was measured", facts.fingerprint.get("digests"), digests),
    )
    return _Again(found.candidate, tuple(seen))


def _check(row: Row, contents: Contents, measured: dict[RowKey, FinishedTask], again: dict[RowKey, _Again]) -> Check:
    key = row_key(row)
    seen = list(_row_differences(row, contents))
    if key in measured:
        seen += again[key].differences
        seen += differences(_dumped(row.measurement), _dumped(_against(again, key)), "measurement")
        given = measured[key].task.inputs.get(Role.CANDIDATE)
        seen += _apart("the artifact that was measured", given and given.digest, row.artifact)
    elif row.measurement is not None:
        seen.append("no benchmark in the bundle gave this measurement")
    finding = Finding.NOT_MEASURED if row.measurement is None else Finding.REPRODUCED
    return Check(*key, finding=Finding.DIFFERS if seen else finding, differences=tuple(seen))


def _against(again: dict[RowKey, _Again], key: RowKey) -> Measurement:
    """The measurement as a report shows it: the ratio of the A/A twin in the same setting stands beside its own."""
    twin = again.get(key._replace(recipe=str(BASELINE)))
    measured = again[key].candidate
    return measured if twin is None else measured.beside(twin.candidate)


def _row_differences(row: Row, contents: Contents) -> Iterator[str]:
    """Where a row is not what its conversion and its evaluation found out."""
    conversion = next((each for each in contents.finished if each.status.id == row.convert_task), None)
    made = conversion.result.facts if conversion else None
    own = [each.result.facts for each in contents.finished if each.status.recipe == row.recipe]
    quality = next((facts for facts in own if isinstance(facts, Quality)), None)
    yield from differences(_dumped(row.quality), _dumped(quality), "quality")
    if conversion is not None and isinstance(made, Conversion):
        facts = {
            "artifact": conversion.result.outputs.digest,
            "size_bytes": made.description.size_bytes,
            "gzip_bytes": made.gzip_bytes,
            "zstd_bytes": made.zstd_bytes,
            "format": str(made.description.format),
        }
        yield from differences(_plain(row, *facts), facts)
    elif row.artifact is not None:
        yield "no conversion in the bundle made this artifact"


def _loose_ends(contents: Contents, manifest: Manifest) -> Iterator[str]:
    """Where the parts of a bundle do not belong together."""
    converted = [each for each in contents.finished if isinstance(each.result.facts, Conversion)]
    inputs = {role: tree.digest for task in contents.tasks.values() for role, tree in task.inputs.items()}
    yield from _apart("the sweep of the report", contents.report.sweep_id, manifest.sweep_id)
    yield from _apart("the sweep", contents.sweep.id, manifest.sweep_id)
    yield from _apart("the digest of the model", manifest.model, inputs.get(Role.MODEL))
    yield from _apart("the digest of the data", manifest.data, inputs.get(Role.DATA))
    rows = {row_key(row) for row in contents.report.rows}
    for key, _ in _benchmarks(contents):
        if key not in rows:
            yield f"the report tells nothing of {key.recipe} on {key.device}, which was measured"
    made = {each.status.id: each.result.outputs.digest for each in converted}
    yield from differences(manifest.artifacts, made, "artifacts")
    for each in converted:
        stored = contents.artifact(each.result.outputs.digest)
        if stored is not None:
            yield from _apart("the files of an artifact", stored.digest, each.result.outputs.digest)
    for each in contents.finished:
        yield from _apart(f"the key of task {each.status.id}", each.status.key, each.result.key)


def _apart(what: str, published: Any, found: Any) -> Iterator[str]:
    if published != found:
        yield f"{what}: {published} in one place, {found} in another"


def _plain(word: BenchmarkResult | Row, *names: str) -> dict[str, Any]:
    return word.model_dump(include=set(names))


def _dumped(word: Measurement | Quality | None) -> dict[str, Any] | None:
    return None if word is None else word.model_dump()
