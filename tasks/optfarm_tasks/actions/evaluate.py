"""Runs baseline and candidate over the test split, batch by batch, and scores how well they agree."""

import os
from collections.abc import Callable, Iterator, Set
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optfarm_tasks import formats, registry
from optfarm_tasks.data_sets import data, images
from optfarm_tasks.description import Signature, Split
from optfarm_tasks.errors import BadData, BadModel, Internal
from optfarm_tasks.quality import collapse, detections, labels, pairing
from optfarm_tasks.quality.agreement import Agreement
from optfarm_tasks.quality.detections import Detections
from optfarm_tasks.quality.loss_interval import ConfidenceInterval
from optfarm_tasks.quality.prediction import Outputs, predict
from optfarm_tasks.runtime import Session
from optfarm_tasks.schema.result import Quality
from optfarm_tasks.schema.spec import Evaluate, Role, Task
from optfarm_tasks.technique import OnProgress

BATCH_BYTES = 32 << 20
MOST_SAMPLES = 64
_NOT_KNOWN = "nmse is not known"


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


@dataclass
class Gathered:
    """What is known of a candidate after some batches."""

    agreements: dict[str, Agreement]
    scoring: labels.Scoring | None
    warnings: list[str]
    detections: Detections | None = None


def run(folder: Path, task: Task, on_progress: OnProgress) -> Quality:
    """Scores inputs/candidate against inputs/baseline on the test split of inputs/data; blocks until it is done.

    Raises:
        BadModel: a variant cannot be loaded or run, or the two give different outputs.
        BadData: there is no test split, or it does not fit the inputs, or the labels no output.
        BadParameter: the wanted runtime does not run the candidate.
        MissingToolchain: a runtime does not import here.
    """
    if not isinstance(task.action, Evaluate):
        raise Internal(f"a {task.action.kind} task reached the evaluation")
    inputs = folder / "inputs"
    split = data.describe_data(inputs / Role.DATA).splits.get(data.TEST)
    if split is None:
        raise BadData(f"the data set has no {data.TEST} split to score on; add arrays {data.TEST}/NAME")
    arrays, truth = data.load_split(inputs / Role.DATA, data.TEST)
    on_progress("loading", 0.0)
    loads = partial(_loaded, inputs, task=task, split=split, arrays=arrays)
    baseline = loads(Role.BASELINE, fit=_as_it_is)
    is_itself = task.inputs[Role.BASELINE].digest == task.inputs[Role.CANDIDATE].digest
    candidate = baseline if is_itself else loads(Role.CANDIDATE, fit=images.fit)
    scored = _scored(baseline, candidate, truth, samples=split.count, on_progress=on_progress)
    return scored.model_copy(update={"runtime": candidate.runtime})


def _scored(
    baseline: Variant, candidate: Variant, truth: NDArray[Any] | None, *, samples: int, on_progress: OnProgress
) -> Quality:
    gathered = Gathered({}, None, [*candidate.fit.warnings])
    most = 1 if detections.is_of_one_sample(baseline.session.signature) else MOST_SAMPLES
    for rows in batches(samples, sum(array.nbytes for array in baseline.arrays.values()), most=most):
        theirs = baseline.outputs(rows)
        ours = theirs if candidate is baseline else candidate.outputs(rows)
        try:
            theirs, ours = _without_detections(gathered, theirs, ours, samples=rows.stop - rows.start)
            _gather(gathered, theirs, ours, None if truth is None else truth[rows])
        except BadModel as error:
            if not candidate.fit.sizes:
                raise
            return _unscored(samples, (*candidate.fit.warnings, f"quality is not scored: {error}"))
        on_progress("scoring", rows.stop / samples)
    return quality_of(gathered, truth, samples=samples)


def batches(count: int, size_bytes: int, *, most: int = MOST_SAMPLES) -> Iterator[slice]:
    """Parts of a split that are small in memory, of so many samples at most, in order."""
    size = max(1, min(most, BATCH_BYTES * count // max(size_bytes, 1)))
    return (slice(start, min(start + size, count)) for start in range(0, count, size))


def quality_of(gathered: Gathered, truth: NDArray[Any] | None, *, samples: int) -> Quality:
    """The figures of everything gathered, and whether the candidate collapsed."""
    agreements, scoring = gathered.agreements, gathered.scoring
    scored = scoring.scored(truth) if scoring is not None and truth is not None else ()
    found = gathered.detections
    scored += found.scored() if found is not None else ()
    reason = collapse.reason(agreements, scored)
    values = sum(each.values for each in agreements.values())
    known = bool(agreements) and all(each.not_finite == 0 for each in agreements.values())
    worst = _worst(agreements) if known else None
    interval = worst.interval if worst else ConfidenceInterval(None, _NOT_KNOWN)
    return Quality(
        samples=samples,
        mse=sum(each.squares for each in agreements.values()) / max(values, 1) if known else None,
        nmse=worst.nmse if worst else None,
        nmse_ci95=interval.ci95,
        nmse_ci95_reason=interval.reason,
        max_abs_difference=max(each.max_abs for each in agreements.values()) if known else None,
        cosine=cosine(agreements) if known else None,
        scores=tuple(each.score for each in scored),
        collapsed=reason is not None,
        collapse_reason=reason,
        warnings=tuple(dict.fromkeys([*gathered.warnings, *_warnings(agreements), *(found.warnings if found else ())])),
    )


def cosine(agreements: dict[str, Agreement]) -> float | None:
    """The cosine of the angle between all of the baseline's outputs and the candidate's; None if either is zero."""
    dot, left, right = (
        sum(getattr(each, part) for each in agreements.values())
        for part in ("dot", "baseline_squares", "candidate_squares")
    )
    return float(dot / np.sqrt(left) / np.sqrt(right)) if left and right else None


def _worst(agreements: dict[str, Agreement]) -> Agreement | None:
    """The output whose nmse is largest; None if that of any is not known."""
    known = [(each.nmse, each) for each in agreements.values()]
    if any(nmse is None for nmse, _ in known):
        return None
    return max(known, key=lambda pair: pair[0] or 0.0)[1]


def _loaded(
    inputs: Path,
    role: Role,
    *,
    task: Task,
    split: Split,
    arrays: dict[str, NDArray[Any]],
    fit: Callable[[Signature, Split], images.Fit],
) -> Variant:
    folder, wanted = inputs / role, task.action.runtime if isinstance(task.action, Evaluate) else None
    name = registry.runtime_for(formats.detect(folder), device=task.device.kind, wanted=wanted, role=role)
    threads = len(os.sched_getaffinity(0))
    session = registry.runtime(name).load(folder, threads=threads, device=task.device)
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
        nmse_ci95_reason=_NOT_KNOWN,
        max_abs_difference=None,
        cosine=None,
        collapsed=False,
        warnings=warnings,
    )


def _gather(gathered: Gathered, baseline: Outputs, candidate: Outputs, truth: NDArray[Any] | None) -> None:
    if gathered.detections and not baseline:
        if truth is not None:
            raise BadData(f"labels are not compared with detections; leave {data.TEST}/labels out")
        return
    pairs = pairing.paired(baseline, candidate)
    gathered.warnings.extend(pairs.warnings)
    for name, (theirs, ours) in pairs.numbers.items():
        gathered.agreements.setdefault(name, Agreement()).add(theirs, ours)
    if truth is None:
        return
    if gathered.scoring is None:
        gathered.scoring = labels.scoring_for(
            truth, {name: theirs.shape for name, (theirs, _) in pairs.numbers.items()}
        )
        gathered.warnings.extend(gathered.scoring.warnings)
    theirs, ours = pairs.numbers[gathered.scoring.output]
    gathered.scoring.add(truth, theirs, ours)


def _without_detections(
    gathered: Gathered, baseline: Outputs, candidate: Outputs, *, samples: int
) -> tuple[Outputs, Outputs]:
    """What is compared value by value; a detection set is compared here, by matching."""
    names = detections.names_of(baseline, samples=samples)
    if names is None:
        return baseline, candidate
    candidate, warnings = pairing.aligned(baseline, candidate)
    if detections.names_of(candidate, samples=samples) is None:
        raise BadModel(f"the candidate gives no detections as the baseline does: {pairing.shapes(baseline, candidate)}")
    gathered.warnings.extend(warnings)
    gathered.detections = gathered.detections or Detections()
    for theirs, ours in zip(names.sets(baseline), names.sets(candidate), strict=True):
        gathered.detections.add(theirs, ours)
    rest = {name for name, array in baseline.items() if array.dtype.kind in "biuf"} - names.all
    return _only(rest, baseline), _only(rest, candidate)


def _only(names: Set[str], outputs: Outputs) -> Outputs:
    return {name: array for name, array in outputs.items() if name in names}


def _warnings(agreements: dict[str, Agreement]) -> Iterator[str]:
    for name, each in agreements.items():
        if each.skipped:
            yield f"{each.skipped} values of {name} are not finite in the baseline itself; they are left out"
    known = {name: each.nmse for name, each in agreements.items() if each.nmse is not None}
    if len(known) > 1:
        worst = max(known, key=lambda name: known[name] or 0)
        yield f"nmse is that of {worst}, the worst of {len(agreements)} outputs"
