"""Runs baseline and candidate over the test split, batch by batch, and scores how well they agree."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from optfarm_tasks import formats, instruction_sets, registry
from optfarm_tasks.data_sets import data, images
from optfarm_tasks.description import Signature, Split
from optfarm_tasks.errors import BadData, BadModel, Internal
from optfarm_tasks.quality import detections, overflow
from optfarm_tasks.quality.comparison import NOT_KNOWN, Comparison
from optfarm_tasks.quality.prediction import Outputs, predict
from optfarm_tasks.runtime import Session
from optfarm_tasks.schema.result import Quality
from optfarm_tasks.schema.spec import Evaluate, Role, Task
from optfarm_tasks.technique import OnProgress

BATCH_BYTES = 32 << 20
MOST_SAMPLES = 64
SCATTER = 1e-9
"""The NMSE between two runs below which they are the same."""


@dataclass(frozen=True)
class Variant:
    """A loaded artifact, and how the arrays of the data feed it."""

    session: Session
    fit: images.Fit
    arrays: dict[str, NDArray[Any]]
    runtime: str

    def outputs(self, rows: slice) -> Outputs:
        """What it gives for some samples."""
        return predict(self.session, self.fit.feed({name: array[rows] for name, array in self.arrays.items()}))


def run(folder: Path, task: Task, on_progress: OnProgress) -> Quality:
    """Scores inputs/candidate against inputs/baseline on the test split of inputs/data; blocks until it is done.

    Raises:
        BadModel: a variant cannot be loaded or run, or the two give different outputs.
        BadData: there is no test split, or it does not fit the inputs, or the labels no output.
        BadParameter: the wanted runtime does not run the candidate.
        MissingToolchain: a runtime does not import here.
    """
    action = task.action
    if not isinstance(action, Evaluate):
        raise Internal(f"a {action.kind} task reached the evaluation")
    inputs = folder / "inputs"
    split = data.describe_data(inputs / Role.DATA).splits.get(data.TEST)
    if split is None:
        raise BadData(f"the data set has no {data.TEST} split to score on; add arrays {data.TEST}/NAME")
    arrays, truth = data.load_split(inputs / Role.DATA, data.TEST)
    on_progress("loading", 0.0)
    loads = partial(_loaded, inputs, task=task, action=action, split=split, arrays=arrays)
    baseline = loads(Role.BASELINE, fit=_as_it_is)
    is_itself = task.inputs[Role.BASELINE].digest == task.inputs[Role.CANDIDATE].digest
    candidate = baseline if is_itself else loads(Role.CANDIDATE, fit=images.fit)
    scores = partial(_scored, _without_overflow(baseline) or baseline, truth=truth, samples=split.count)
    scored = scores(candidate, on_progress=on_progress)
    exact = _without_overflow(candidate)
    if exact is not None:
        scored = overflow.explained(scored, scores(exact, on_progress=on_progress))
    kept = formats.describe(inputs / Role.BASELINE).state
    if kept:
        text = f"the model keeps state between calls ({', '.join(kept[:3])}); both sides were reset before each request"
        scored = scored.model_copy(update={"warnings": (text, *scored.warnings)})
    return scored.model_copy(update={"runtime": candidate.runtime, "instruction_sets": instruction_sets.here()})


def _without_overflow(variant: Variant) -> Variant | None:
    """The variant by kernels that cannot overflow; None where those of its runtime do not."""
    exact = variant.session.exact()
    return None if exact is None else replace(variant, session=exact)


def _scored(
    baseline: Variant, candidate: Variant, *, truth: NDArray[Any] | None, samples: int, on_progress: OnProgress
) -> Quality:
    comparison = Comparison(warnings=[*candidate.fit.warnings])
    most = 1 if _takes_one_sample(baseline.session.signature) else MOST_SAMPLES
    repeated = Comparison()
    for rows in batches(samples, sum(array.nbytes for array in baseline.arrays.values()), most=most):
        theirs, ours = baseline.outputs(rows), candidate.outputs(rows)
        try:
            comparison.add(theirs, ours, None if truth is None else truth[rows], samples=rows.stop - rows.start)
        except BadModel as error:
            if not candidate.fit.sizes:
                raise
            return _unscored(samples, (*candidate.fit.warnings, f"quality is not scored: {error}"))
        if not rows.start:
            repeated.add(ours, candidate.outputs(rows), None, samples=rows.stop)
        on_progress("scoring", rows.stop / samples)
    return _with_repeat(comparison.quality(truth, samples=samples), repeated)


def _takes_one_sample(signature: Signature) -> bool:
    """Whether samples cannot share a batch: of images, or since an input without an axis for them serves them all."""
    return detections.is_of_one_sample(signature) or any(each.axis is None for each in signature.inputs)


def _with_repeat(scored: Quality, repeated: Comparison) -> Quality:
    """Says so where the same samples gave other outputs the second time; rounding by the order of threads is none."""
    scatter = repeated.largest_difference
    if scatter <= SCATTER:
        return scored
    text = f"the same samples give other outputs each time (NMSE {scatter:.3g} between two runs), which is in its error"
    return scored.model_copy(update={"is_deterministic": False, "warnings": (text, *scored.warnings)})


def batches(count: int, size_bytes: int, *, most: int = MOST_SAMPLES) -> Iterator[slice]:
    """Parts of a split that are small in memory, of so many samples at most, in order."""
    size = max(1, min(most, BATCH_BYTES * count // max(size_bytes, 1)))
    return (slice(start, min(start + size, count)) for start in range(0, count, size))


def _loaded(
    inputs: Path,
    role: Role,
    *,
    task: Task,
    action: Evaluate,
    split: Split,
    arrays: dict[str, NDArray[Any]],
    fit: Callable[[Signature, Split], images.Fit],
) -> Variant:
    folder = inputs / role
    name = registry.runtime_for(formats.detect(folder), device=task.device.kind, wanted=action.runtime, role=role)
    threads = len(os.sched_getaffinity(0))
    session = registry.runtime(name).load(folder, threads=threads, device=task.device)
    session.signature = session.signature.with_batch_axes(action.batch_axes)
    return Variant(session, fit(session.signature, split), arrays, runtime=name)


def _as_it_is(signature: Signature, split: Split) -> images.Fit:
    """The baseline takes the data set as it is: a sweep compares with what its model was made for."""
    return images.Fit(data.fit(signature, split), {}, ())


def _unscored(samples: int, warnings: tuple[str, ...]) -> Quality:
    """The result where outputs of another size answer to none of the baseline's."""
    return Quality(
        samples=samples,
        mse=None,
        nmse=None,
        nmse_ci95_reason=NOT_KNOWN,
        max_abs_difference=None,
        cosine=None,
        collapsed=False,
        warnings=warnings,
    )
