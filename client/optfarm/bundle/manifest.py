"""The manifest of a bundle, and the paths of the files in it."""

from typing import Literal, Self

from pydantic import ValidationError
from pydantic_core import from_json

from optfarm.errors import BadRequest
from optfarm_tasks.schema.faults import text_of
from optfarm_tasks.schema.sweep import TaskState
from optfarm_tasks.schema.tree import Digest, File
from optfarm_tasks.schema.value import SCHEMA_VERSION, WireMessage, digest_of

MANIFEST = "manifest.json"
REPORT = "report.json"
SWEEP = "sweep.json"
RAN = frozenset({TaskState.DONE, TaskState.FAILED})
"""Tasks whose inputs were made, so that the bundle has what they ran on."""


class Manifest(WireMessage):
    """The first file of a bundle: every other one with its digest and size, in the order of their paths."""

    kind: Literal["optfarm-bundle"] = "optfarm-bundle"
    optfarm: str
    """The version that wrote it."""
    sweep_id: str
    model: Digest | None
    """Of the files of the model; null where no conversion was done."""
    data: Digest | None
    """Of the files of the data set; null without one."""
    artifacts: dict[str, Digest]
    """Conversion → digest of the files that it made, which `artifacts/DIGEST/` holds where they were asked for."""
    files: tuple[File, ...]
    manifest_sha256: str = ""
    """Of all the above, see `sealed`."""

    def sealed(self) -> Self:
        """The same with the digest of the canonical JSON of everything else in it."""
        return self.model_copy(
            update={"manifest_sha256": digest_of(self.model_dump(mode="json", exclude={"manifest_sha256"}))}
        )


def read_manifest(content: bytes) -> Manifest:
    """A manifest from its bytes.

    Raises:
        BadRequest: it is none, or of a version that this optfarm does not read.
    """
    try:
        parsed = from_json(content)
    except ValueError as error:
        raise BadRequest(f"{MANIFEST} is no JSON: {error}") from error
    version = parsed.get("schema_version") if isinstance(parsed, dict) else None
    if version != SCHEMA_VERSION:
        raise BadRequest(f"the bundle is of schema version {version}; this optfarm reads {SCHEMA_VERSION}")
    try:
        manifest = Manifest.model_validate(parsed)
    except ValidationError as error:
        raise BadRequest(f"{MANIFEST} is no manifest of a bundle: {text_of(error)}") from error
    if manifest != manifest.sealed():
        raise BadRequest(f"{MANIFEST} is damaged: its own digest does not fit it")
    return manifest


def task_file(task_id: str, name: str) -> str:
    """The path of a task's file: task.json, result.json, toolchain.json or raw.npz."""
    return f"tasks/{task_id}/{name}"


def artifact_folder(digest: str) -> str:
    """The path of the folder with an artifact's files."""
    return f"artifacts/{digest}"
