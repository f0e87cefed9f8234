"""Tells how good a variant is: its outputs against the baseline's and, with labels, against the truth.

`collapsed` says that a variant tells nothing any more; collapse.py holds the rule, docs/quality.md explains it.
"""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from optfarm_tasks.result import Quality
    from optfarm_tasks.spec import Task
    from optfarm_tasks.technique import Report


def run(folder: Path, task: "Task", report: "Report") -> "Quality":
    """Scores inputs/candidate against inputs/baseline on the test split of inputs/data; blocks until it is done.

    Raises:
        BadModel: a variant cannot be loaded or run, or the two give different outputs.
        BadData: there is no test split, or it does not fit the inputs, or the labels no output.
        MissingToolchain: a runtime does not import here.
    """
    from optfarm_tasks.quality.evaluation import evaluate  # noqa: PLC0415 (NumPy is imported by need)

    return evaluate(folder, task, report)
