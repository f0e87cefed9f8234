"""Judges pairs that it reads from its input: python -m tests.zoo.worker; a line MODEL<tab>RECIPE in, JSON out.

A process of its own, so that what crashes in a framework ends nothing else.
"""

import contextlib
import json
import os
import sys
import tempfile
import time
from pathlib import Path

os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1", "KERAS_BACKEND": "tensorflow"}

from tests.zoo.running import Cage, cage


def main() -> None:
    """Answers each line."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what frameworks print is no answer
    built: dict[str, Cage] = {}
    with tempfile.TemporaryDirectory(prefix="zoo-") as folder:
        for line in sys.stdin:
            model, recipe = line.rstrip("\n").split("\t")
            begun = time.monotonic()
            if model not in built:
                built.clear()
                built[model] = cage(model, Path(folder, model))
            verdict = built[model].verdict(recipe)
            answer = {"word": verdict.word, "detail": verdict.detail, "seconds": round(time.monotonic() - begun, 2)}
            answers.write(json.dumps({"model": model, "recipe": recipe, **answer}) + "\n")
            answers.flush()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
    sys.stdout.flush()
    os._exit(0)
