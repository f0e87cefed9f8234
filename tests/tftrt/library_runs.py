"""What is said of the TensorRT, and of the GPU, that are here: PYTHON library_runs.py FOLDER."""

import json
import os
import sys
from pathlib import Path

os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "2", "CUDA_VISIBLE_DEVICES": "-1"}

from optfarm_tasks.actions import convert
from optfarm_tasks.errors import TaskError
from optfarm_tasks.frameworks.tftrt import library
from optfarm_tasks.schema.device import DeviceKind, DeviceSpec
from optfarm_tasks.schema.recipe import Recipe


def refusal(model: Path, output: Path, device: DeviceSpec) -> str:
    """Why a model is not converted on a device."""
    output.mkdir()
    try:
        convert.chain(
            Recipe.parse("tftrt"), model, output, data=None, seed=0, on_progress=lambda *_: None, device=device
        )
    except TaskError as error:
        return f"{error.reason}: {error}"
    return ""


def main(folder: Path) -> None:
    """The version or why there is none; with one, refusals on a processor and on a GPU that is not there."""
    try:
        said = {"version": library.loaded_version(user="TF-TRT")}
    except TaskError as error:
        said = {"refused": f"{error.reason}: {error}"}
    else:
        from tests.tftrt import models  # noqa: PLC0415 (with the wrong library TensorFlow ends whoever imports it)

        model = models.write("detector", folder)
        said |= {kind: refusal(model, folder / f"on-{kind}", DeviceSpec(kind=kind)) for kind in DeviceKind}
    (folder / "runs.json").write_text(json.dumps(said))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
