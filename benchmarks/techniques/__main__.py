"""Tries every technique on the PilotNet and on MobileNetV2, and renews the last section of docs/techniques.md."""

import argparse
import sys
from pathlib import Path

from benchmarks.__main__ import hardware
from benchmarks.farm import Farm, running_farm
from benchmarks.techniques.models import REQUIRED, ROOT, Subject, prepared
from benchmarks.techniques.page import Tried, renewed
from optfarm_tasks.schema.sweep import SweepReport


def main() -> int:
    """The exit code: 0 when every technique ended well or says why not, within its memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=Path, default=ROOT / "build", help="folder of the models and of the farm")
    parser.add_argument("--page", type=Path, default=ROOT / "docs/techniques.md", help="the page to renew")
    options = parser.parse_args()
    subjects = prepared(options.build.absolute())
    # The farm's folder stays: what an earlier run has done is taken from its store.
    with running_farm(options.build.absolute() / "techniques-farm") as farm:
        tried = [_tried(farm, subject) for subject in subjects]
    options.page.write_text(renewed(options.page.read_text(), tried, hardware=hardware()))
    return 0 if all(each.is_within for each in tried) else 1


def _tried(farm: Farm, subject: Subject) -> Tried:
    recipes = [word for recipe in REQUIRED[subject.name] for word in ("--recipe", recipe)]
    words = ("--name", subject.name.lower(), "--data", str(subject.data), "--effort", "quick", "--seed", "0")
    receipt = farm.json("sweep", "run", str(subject.keras), *words, "--techniques", "all", *recipes)
    farm.wait(receipt["id"])
    report = SweepReport.model_validate(farm.json("report", receipt["id"]))
    tasks = {str(row.recipe): row.convert_task for row in report.rows if row.convert_task and row.failure is None}
    peaks = {recipe: int(farm.json("task", "show", each)["result"]["peak_rss_bytes"]) for recipe, each in tasks.items()}
    return Tried(subject, subject.keras.stat().st_size, report, peaks)


if __name__ == "__main__":
    sys.exit(main())
