"""Where bytes go and come from: straight to and from the store, by presigned URLs."""

from typing import Annotated

from fastapi import APIRouter, Path
from fastapi.responses import RedirectResponse
from pydantic import Field

from optfarm_scheduler.parts import Farm
from optfarm_tasks.schema.api import Upload
from optfarm_tasks.schema.tree import Digest, File
from optfarm_tasks.schema.value import Value

router = APIRouter(tags=["blobs"])


class Completion(Value):
    """The parts of a multipart upload, once all of them are up."""

    upload_id: str
    etags: tuple[str, ...] = Field(min_length=1, max_length=10_000)


@router.post("/blobs")
def upload(farm: Farm, files: tuple[File, ...]) -> tuple[Upload, ...]:
    """Where each blob goes that the store does not have yet."""
    return farm.objects.uploads(files)


@router.post("/blobs/{sha256}/complete", status_code=204)
def complete(farm: Farm, sha256: Annotated[Digest, Path()], completion: Completion) -> None:
    """Ends a multipart upload."""
    farm.objects.complete(sha256, upload_id=completion.upload_id, etags=completion.etags)


@router.get("/blobs/{sha256}", status_code=307, response_class=RedirectResponse)
def download(farm: Farm, sha256: Annotated[Digest, Path()]) -> str:
    """Redirects to where the blob can be read."""
    return farm.objects.url(sha256)


@router.post("/downloads")
def downloads(farm: Farm, digests: tuple[Digest, ...]) -> dict[str, str]:
    """Digest → where the blob can be read for a while."""
    return {sha256: farm.objects.url(sha256) for sha256 in digests}
