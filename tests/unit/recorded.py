"""A small sweep as a farm would have recorded it."""

import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from optfarm.bundle.archive import opened, pack
from optfarm.bundle.manifest import REPORT, SWEEP, Manifest, task_file
from optfarm_tasks.benchmark.analysis import raw
from optfarm_tasks.description import Format, ModelDescription
from optfarm_tasks.schema.measurement import Measurement
from optfarm_tasks.schema.recipe import Recipe
from optfarm_tasks.schema.result import BenchmarkResult, Conversion, Facts, Result
from optfarm_tasks.schema.spec import AnyAction, Benchmark, Convert, Effort, Kind, Role, Task
from optfarm_tasks.schema.sweep import Row, SweepReport, SweepSpec, SweepState, SweepStatus, TaskState, TaskStatus
from optfarm_tasks.schema.tree import File, Tree, file_digest, scan
from tests.results import SIGNATURE, WHEN
from tests.unit.sampled import ARTIFACT, MODEL, OFFLINE, SERVER, SINGLE_STREAM, benchmark, columns, offline, server

SWEEP_ID = "0123456789ab"

JsonPath = tuple[Any, ...]
"""Keys and indices that lead to a value."""


@dataclass
class Recorded:
    """A recorded sweep as files, and the bundle that they make."""

    folder: Path
    statuses: list[TaskStatus] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    artifacts: dict[str, str] = field(default_factory=dict)

    def add(
        self,
        recipe: str,
        samples: raw.Columns,
        artifact: Tree,
        *,
        facts: BenchmarkResult | None = None,
        action: Benchmark = SINGLE_STREAM,
    ) -> None:
        """Adds a variant: its conversion, its benchmark, and its row; facts follow from the samples if not given."""
        convert, timed = f"{SWEEP_ID}-{len(self.statuses)}", f"{SWEEP_ID}-{len(self.statuses) + 1}"
        described = ModelDescription(format=Format.TFLITE, signatures=(SIGNATURE,), size_bytes=artifact.size_bytes)
        made = Conversion(description=described, gzip_bytes=8)
        self._task(convert, recipe, Convert(recipe=Recipe.parse(recipe)), {Role.MODEL: MODEL}, made, outputs=artifact)
        (self.folder / "tasks" / timed).mkdir(parents=True)
        facts = facts or benchmark(samples, artifact)
        path = self.folder / task_file(timed, raw.FILE)
        raw.write(path.parent, samples, estimator=facts.candidate.estimator)
        outputs = Tree(files=(File(path=raw.FILE, sha256=file_digest(path), size_bytes=path.stat().st_size),))
        self._task(timed, recipe, action, {Role.BASELINE: MODEL, Role.CANDIDATE: artifact}, facts, outputs=outputs)
        self.artifacts[convert] = artifact.digest
        row = Row(
            recipe=Recipe.parse(recipe),
            device="alpha.cpu",
            threads=action.threads,
            batch_size=action.batch_size,
            state=TaskState.DONE,
            cached=False,
            artifact=artifact.digest,
            convert_task=convert,
            size_bytes=artifact.size_bytes,
            gzip_bytes=8,
            format=Format.TFLITE,
            measurement=self._against_twin(facts.candidate),
        )
        self.rows.append(row)

    def report(self) -> SweepReport:
        """The table of the sweep."""
        return SweepReport(
            sweep_id=SWEEP_ID,
            state=SweepState.DONE,
            model="tiny",
            data=None,
            effort=Effort.QUICK,
            rows=tuple(self.rows),
            skipped=(),
            devices={"alpha.cpu": {"cpu_model": "Xeon", "cores": 2}},
        )

    def bundle(self, path: Path, *, change: Callable[[dict[str, Any]], dict[str, Any]] = lambda told: told) -> Path:
        """Packs what lies in the folder, and may change what the manifest says."""
        self.write(REPORT, self.report().model_dump_json())
        status = SweepStatus(
            id=SWEEP_ID,
            state=SweepState.DONE,
            spec=SweepSpec(model="tiny", recipes=(Recipe.parse("openvino"),)),
            created_at=WHEN,
            finished_at=WHEN,
            tasks=tuple(self.statuses),
            skipped=(),
            eta_s=None,
        )
        self.write(SWEEP, status.model_dump_json())
        return packed(path, self.folder, artifacts=self.artifacts, change=change)

    def write(self, name: str, text: str) -> None:
        """Writes a file of the bundle."""
        (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / name).write_text(text)

    def _against_twin(self, measured: Measurement) -> Measurement:
        twin = self.rows[0].measurement if self.rows else measured
        return measured if twin is None else measured.beside(twin)

    def _task(
        self, task_id: str, recipe: str, action: AnyAction, inputs: dict[Role, Tree], facts: Facts, *, outputs: Tree
    ) -> None:
        key = f"{len(self.statuses):064x}"
        result = Result(
            key=key,
            facts=facts,
            outputs=outputs,
            started_at=WHEN,
            finished_at=WHEN,
            duration_s=1.0,
            peak_rss_bytes=1 << 20,
            host="alpha",
            device="alpha.cpu",
        )
        self.write(task_file(task_id, "task.json"), Task(action=action, inputs=inputs).model_dump_json())
        self.write(task_file(task_id, "result.json"), result.model_dump_json())
        self.write(task_file(task_id, "toolchain.json"), json.dumps({"numpy": "2.0"}))
        self.statuses.append(status_of(task_id, Kind(action.kind), recipe, key))


def status_of(task_id: str, kind: Kind, recipe: str, key: str) -> TaskStatus:
    """A task that is done."""
    return TaskStatus(
        id=task_id,
        sweep_id=SWEEP_ID,
        kind=kind,
        label=recipe,
        recipe=Recipe.parse(recipe),
        device="alpha.cpu",
        state=TaskState.DONE,
        cached=False,
        attempt=1,
        key=key,
        progress=None,
        failure=None,
        log=None,
        depends_on=(),
        queued_at=WHEN,
        started_at=WHEN,
        finished_at=WHEN,
    )


def recorded(folder: Path) -> Recorded:
    """The baseline against itself, and a variant that is twice as fast."""
    sweep = Recorded(folder)
    sweep.add("baseline", columns(1.0), MODEL)
    sweep.add("openvino", columns(2.0, seed=2), ARTIFACT)
    return sweep


def recorded_offline(folder: Path) -> Recorded:
    """The same, with threads and batches left to the farm; the variant is best at a larger batch."""
    sweep = Recorded(folder)
    for recipe, artifact, (samples, facts) in (
        ("baseline", MODEL, offline(1.0, MODEL, wide=False)),
        ("openvino", ARTIFACT, offline(1.2, ARTIFACT)),
    ):
        sweep.add(recipe, samples, artifact, facts=facts, action=OFFLINE)
    return sweep


def recorded_server(folder: Path) -> Recorded:
    """The same as a server."""
    sweep = Recorded(folder)
    for recipe, artifact, speed_up in (("baseline", MODEL, 1.0), ("openvino", ARTIFACT, 2.0)):
        samples, facts = server(speed_up, artifact)
        sweep.add(recipe, samples, artifact, facts=facts, action=SERVER)
    return sweep


def packed(
    path: Path,
    folder: Path,
    *,
    artifacts: dict[str, str],
    change: Callable[[dict[str, Any]], dict[str, Any]] = lambda told: told,
) -> Path:
    """A bundle of what lies in a folder, with a manifest that fits unless it is changed."""
    manifest = Manifest(
        optfarm="0.1.0",
        sweep_id=SWEEP_ID,
        model=MODEL.digest,
        data=None,
        artifacts=artifacts,
        files=scan(folder).files,
    )
    told = change(manifest.model_dump(mode="json"))
    stated = Manifest.model_construct(
        **{**told, "files": tuple(File.model_construct(**each) for each in told["files"])}
    )
    with path.open("wb") as stream:
        pack(stated, lambda name: io.BytesIO((folder / name).read_bytes()), stream)
    return path


def forged(whole: Path, choose: Callable[[list[JsonPath]], JsonPath]) -> Path:
    """A bundle beside a recorded one, in which one number of the second row's measurement was raised."""
    folder, bundle = whole.parent / "files", whole.with_name("forged.tar")
    plain = (folder / REPORT).read_text()
    told = json.loads(plain)
    within = told["rows"][1]["measurement"]
    *way, last = choose(_numbers(within))
    for key in way:
        within = within[key]
    within[last] += 1 if isinstance(within[last], int) else 0.001 * within[last] + 1e-6
    (folder / REPORT).write_text(json.dumps(told))
    with opened(whole) as archive:
        packed(bundle, folder, artifacts=archive.manifest.artifacts)
    (folder / REPORT).write_text(plain)
    return bundle


def _numbers(value: Any, path: JsonPath = ()) -> list[JsonPath]:
    if isinstance(value, dict | list):
        inside = value.items() if isinstance(value, dict) else enumerate(value)
        return [found for key, each in inside for found in _numbers(each, (*path, key))]
    return [path] if isinstance(value, int | float) and not isinstance(value, bool) else []
