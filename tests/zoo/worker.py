"""Judges pairs that it reads from its input: python -m tests.zoo.worker; a line MODEL<tab>RECIPE in, JSON out.

RECIPE may begin with "plain ": then it is what the plain tool makes of the model.
A process of its own, so that what crashes in a framework ends nothing else.
"""

import contextlib
import json
import os
import shutil
import sys
import tempfile
import time
import traceback
from pathlib import Path

os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1", "KERAS_BACKEND": "tensorflow"}

from tests.zoo import plain
from tests.zoo.judgement import Verdict
from tests.zoo.running import Cage, cage

PLAINLY = "plain "


def main() -> None:
    """Answers each line."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what frameworks print is no answer
    built: dict[str, Cage | str] = {}
    with tempfile.TemporaryDirectory(prefix="zoo-") as folder:
        for line in sys.stdin:
            model, recipe = line.rstrip("\n").split("\t")
            begun = time.monotonic()
            if model not in built:
                for other in built:
                    shutil.rmtree(Path(folder, other), ignore_errors=True)
                built.clear()
                built[model] = _built(model, Path(folder, model))
            found = built[model]
            verdict = Verdict("unbuilt", found) if isinstance(found, str) else _verdict(found, recipe, Path(folder))
            answer = {"word": verdict.word, "detail": verdict.detail, "seconds": round(time.monotonic() - begun, 2)}
            answers.write(json.dumps({"model": model, "recipe": recipe, **answer}) + "\n")
            answers.flush()


def _verdict(found: Cage, recipe: str, folder: Path) -> Verdict:
    if not recipe.startswith(PLAINLY):
        return found.verdict(recipe)
    try:
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            is_right = plain.is_right(found, recipe.removeprefix(PLAINLY), Path(scratch))
        return Verdict("right" if is_right else "wrong")
    except Exception as error:  # noqa: BLE001 (whatever a plain tool says is that it does not do it)
        return Verdict("failed", f"{type(error).__name__}: {error}"[:200])


def _built(model: str, folder: Path) -> Cage | str:
    """The model, or why the zoo itself cannot build it."""
    try:
        return cage(model, folder)
    except Exception as error:  # noqa: BLE001 (it is what the answers say)
        traceback.print_exc()
        return f"{type(error).__name__}: {error}"


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
    sys.stdout.flush()
    os._exit(0)
