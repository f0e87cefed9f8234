"""Collects what a sweep's numbers rest on, and writes it as one bundle."""

import json
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

from optfarm.api import Api
from optfarm.bundle.archive import pack
from optfarm.bundle.manifest import RAN, REPORT, SWEEP, Manifest, artifact_folder, task_file
from optfarm.download import fetch
from optfarm.errors import BadRequest
from optfarm.measured import raw_file, results
from optfarm.transfer import OnProgress, no_progress
from optfarm_tasks.benchmark.analysis import raw
from optfarm_tasks.schema.api import TaskFolder
from optfarm_tasks.schema.result import BenchmarkResult, Conversion, Result
from optfarm_tasks.schema.spec import Role
from optfarm_tasks.schema.sweep import SweepReport, SweepState, SweepStatus
from optfarm_tasks.schema.tree import File, Tree, scan
from optfarm_tasks.schema.value import WireMessage


def export(
    api: Api, sweep_id: str, path: Path, *, with_artifacts: bool = False, on_progress: OnProgress = no_progress
) -> Manifest:
    """Writes the bundle of a sweep that has ended; gives its manifest. See `Sweep.bundle`."""
    if not path.absolute().parent.is_dir():
        raise BadRequest(f"there is no folder {path.absolute().parent} for {path.name}")
    sweep = api.sweep_status(sweep_id)
    report = api.sweep_report(sweep_id)
    if sweep.state is SweepState.RUNNING:
        raise BadRequest(f"sweep {sweep_id} still runs; wait for its end: optfarm sweep watch {sweep_id}")
    if not report.rows:
        raise BadRequest(f"sweep {sweep_id} compares nothing; there are no numbers to bundle")
    with TemporaryDirectory(prefix=".optfarm-", dir=path.absolute().parent) as work:
        folder = Path(work) / "files"
        manifest = _collect(api, sweep, report, folder, with_artifacts=with_artifacts, on_progress=on_progress)
        whole = Path(work) / "bundle.tar"
        with whole.open("wb") as stream:
            pack(manifest, lambda name: (folder / name).open("rb"), stream)
        whole.replace(path)
    return manifest


def _collect(
    api: Api, sweep: SweepStatus, report: SweepReport, folder: Path, *, with_artifacts: bool, on_progress: OnProgress
) -> Manifest:
    found = {task.id: result for task, result in results(api, sweep)}
    wanted = Tree(files=tuple(_files(found, with_artifacts=with_artifacts)))
    fetch(api.connection, wanted, folder, on_progress=on_progress)
    _write(folder / REPORT, report)
    _write(folder / SWEEP, sweep)
    ran = {task.id: _task(api, task.id, folder) for task in sweep.tasks if task.state in RAN}
    for task_id, result in found.items():
        _write(folder / task_file(task_id, "result.json"), result)
    inputs = {role: tree.digest for task in ran.values() for role, tree in task.task.inputs.items()}
    return Manifest(
        optfarm=version("optfarm"),
        sweep_id=sweep.id,
        model=inputs.get(Role.MODEL),
        data=inputs.get(Role.DATA),
        artifacts={key: each.outputs.digest for key, each in found.items() if isinstance(each.facts, Conversion)},
        files=scan(folder).files,
    )


def _files(found: dict[str, Result], *, with_artifacts: bool) -> Iterator[File]:
    """What is fetched, under its path in the bundle."""
    made: dict[str, Tree] = {}
    for task_id, result in found.items():
        if isinstance(result.facts, BenchmarkResult):
            yield raw_file(result).model_copy(update={"path": task_file(task_id, raw.FILE)})
        elif isinstance(result.facts, Conversion) and with_artifacts:
            made[result.outputs.digest] = result.outputs
    for digest, tree in made.items():
        for file in tree.files:
            yield file.model_copy(update={"path": f"{artifact_folder(digest)}/{file.path}"})


def _task(api: Api, task_id: str, folder: Path) -> TaskFolder:
    found = api.task_folder(task_id)
    _write(folder / task_file(task_id, "task.json"), found.task)
    versions = folder / task_file(task_id, "toolchain.json")
    versions.write_text(json.dumps(found.toolchain, indent=2, sort_keys=True) + "\n")
    return found


def _write(path: Path, message: WireMessage) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(message.model_dump_json(indent=2) + "\n")
