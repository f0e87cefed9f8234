"""A small sweep as a farm would have recorded it: samples made up by a seed, and everything that follows from them."""

import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from optfarm.bundle.archive import pack
from optfarm.bundle.manifest import REPORT, SWEEP, Manifest, task_file
from optfarm_tasks.benchmark import raw
from optfarm_tasks.benchmark.conclusion import Seen, conclude
from optfarm_tasks.benchmark.halves import Setting
from optfarm_tasks.description import Format, ModelDescription
from optfarm_tasks.measurement import Measurement
from optfarm_tasks.recipe import Recipe
from optfarm_tasks.result import BenchmarkResult, Conversion, Facts, Result
from optfarm_tasks.spec import AnyAction, Benchmark, Convert, Kind, Profile, Role, Task
from optfarm_tasks.sweep import Report, Row, SweepSpec, SweepState, SweepStatus, TaskState, TaskStatus
from optfarm_tasks.tree import File, Tree, file_digest, scan
from tests.results import SIGNATURE, WHEN

SWEEP_ID = "0123456789ab"
SETTING = Setting(Profile.QUICK, attempt=1, threads=1, batch_sizes=(2, 2), half_width=0.01)
MODEL = Tree(files=(File(path="model.tflite", sha256="1" * 64, size_bytes=4000),))
ARTIFACT = Tree(files=(File(path="model.xml", sha256="2" * 64, size_bytes=2000),))


def columns(speed_up: float = 2.0, *, requests: int = 40, seed: int = 1) -> raw.Columns:
    """Samples of 3 pairs of 3 groups each: a baseline of about 2 ms, of which one request in fifty was disturbed."""
    rng = np.random.default_rng(seed)
    keys = [(pair, group, side) for pair in range(3) for group in range(3) for side in (0, 1, 1, 0)]
    pair, group, side = np.repeat(np.array(keys), requests, axis=0).T
    block = np.repeat(np.arange(len(keys)), requests)
    switches = (rng.random(pair.size) < 0.02).astype(np.int32)
    typical_ns = np.where(side == 0, 2e6, 2e6 / speed_up) * (1 + 0.001 * pair)
    wall_ns = (typical_ns * rng.lognormal(0, 0.005, pair.size) * (1 + switches)).astype(np.int64)
    warm = [(number, variant) for number in range(3) for variant in (0, 1) for _ in range(30)]
    warm_pair, warm_side = np.array(warm).T
    return {
        "pair": pair.astype(np.int16),
        "block": block.astype(np.int32),
        "group": group.astype(np.int32),
        "side": side.astype(np.int8),
        "dropped": np.tile(np.arange(requests) < 3, len(keys)),
        "requests": np.ones(pair.size, np.int32),
        "wall_ns": wall_ns,
        "cpu_ns": (wall_ns * 0.99).astype(np.int64),
        "switches": switches,
        "warm_pair": warm_pair.astype(np.int16),
        "warm_side": warm_side.astype(np.int8),
        "warm_wall_ns": rng.integers(40_000_000, 41_000_000, warm_pair.size),
    }


def seen(**changes: Any) -> Seen:
    """What was seen beside the samples on a quiet machine."""
    told = {
        "runtime": "litert",
        "precision": "float32",
        "duration_s": 0.8,
        "load_ms": 3.0,
        "first_ms": 2.5,
        "peak_rss_bytes": 50_000_000,
        "run_delay_frac": 0.01,
        "ext_cpu": 0.02,
        "steal_frac": 0.0,
        "psi_cpu_frac": None,
        "is_shielded": True,
        "is_steady": True,
    }
    return Seen(**(told | changes))


def benchmark(samples: raw.Columns, candidate: Tree, **changes: Any) -> BenchmarkResult:
    """The result that follows from samples."""
    found = conclude(samples, (seen(), seen(**changes)), SETTING)
    return BenchmarkResult(
        baseline=found.baseline,
        candidate=found.candidate,
        pair_ratios=found.pair_ratios,
        fingerprint={
            "cpu": {"last_level_cache_bytes": 1 << 20},
            "digests": {"baseline": MODEL.digest, "candidate": candidate.digest},
        },
        input_source="random",
    )


@dataclass
class Recorded:
    """A recorded sweep as files, and the bundle that they make."""

    folder: Path
    statuses: list[TaskStatus] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    artifacts: dict[str, str] = field(default_factory=dict)

    def add(self, recipe: str, samples: raw.Columns, artifact: Tree) -> None:
        """Adds a variant: its conversion, its benchmark, and its row."""
        convert, timed = f"{SWEEP_ID}-{len(self.statuses)}", f"{SWEEP_ID}-{len(self.statuses) + 1}"
        described = ModelDescription(format=Format.TFLITE, signatures=(SIGNATURE,), size_bytes=artifact.size_bytes)
        made = Conversion(description=described, gzip_bytes=8)
        self._task(convert, recipe, Convert(recipe=Recipe.parse(recipe)), {Role.MODEL: MODEL}, made, outputs=artifact)
        (self.folder / "tasks" / timed).mkdir(parents=True)
        facts = benchmark(samples, artifact)
        path = self.folder / task_file(timed, raw.FILE)
        raw.write(path.parent, samples, estimator=facts.candidate.estimator)
        outputs = Tree(files=(File(path=raw.FILE, sha256=file_digest(path), size_bytes=path.stat().st_size),))
        action = Benchmark(profile=Profile.QUICK, batch_size=SETTING.batch_sizes[1])
        self._task(timed, recipe, action, {Role.BASELINE: MODEL, Role.CANDIDATE: artifact}, facts, outputs=outputs)
        self.artifacts[convert] = artifact.digest
        row = Row(
            recipe=Recipe.parse(recipe),
            device="alpha.cpu",
            threads=1,
            batch_size=SETTING.batch_sizes[1],
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

    def report(self) -> Report:
        """The table of the sweep."""
        return Report(
            sweep_id=SWEEP_ID,
            state=SweepState.DONE,
            model="tiny",
            data=None,
            profile=Profile.QUICK,
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
        twin = measured if not self.rows else self.rows[0].measurement
        assert twin is not None
        null = {"null_value": twin.ratio.value, "null_ci95": twin.ratio.ci95}
        return measured.model_copy(update={"ratio": measured.ratio.model_copy(update=null)})

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
