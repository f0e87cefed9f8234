"""Compares two sets of detections by matching boxes, since their order and number mean nothing."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optfarm_tasks.description import Signature
from optfarm_tasks.quality import loss_interval
from optfarm_tasks.quality.prediction import Outputs
from optfarm_tasks.quality.score import Scored, score_of

LEAST_SCORE = 0.5
"""Boxes of a lower score are ignored, as TensorFlow's Object Detection API has it when it draws (min_score_thresh)."""
LEAST_IOU = 0.5
"""From here on two boxes show the same, as in Pascal VOC."""
PREFIXES = ("detection_", "")
_CORNERS = 4
_COUNT = "num_detections"

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Names:
    """Which outputs hold a detection set."""

    boxes: str
    scores: str
    classes: str
    count: str | None

    @property
    def all(self) -> frozenset[str]:
        """Those that are compared by matching, and in no other way."""
        return frozenset({self.boxes, self.scores, self.classes} | ({self.count} if self.count else set()))

    def sets(self, outputs: Outputs) -> Iterator["Found"]:
        """What each sample shows, from the outputs of a batch."""
        boxes = outputs[self.boxes].astype(np.float64)
        boxes = boxes if boxes.ndim > 2 else boxes[None]  # noqa: PLR2004 (the boxes of one sample)
        boxes = np.where(np.isfinite(boxes).all(axis=2, keepdims=True), boxes, 0.0)
        scores, classes = (outputs[name].reshape(boxes.shape[:2]) for name in (self.scores, self.classes))
        counts = np.full(len(boxes), boxes.shape[1]) if self.count is None else outputs[self.count].reshape(-1)
        for box, score, kind, count in zip(boxes, scores, classes, counts, strict=True):
            sure = (score >= LEAST_SCORE) & (np.arange(score.size) < count)
            yield Found(box[sure], score[sure].astype(np.float64), np.nan_to_num(kind[sure], nan=-1).astype(np.int64))


@dataclass(frozen=True)
class Found:
    """What is detected in one sample."""

    boxes: Floats
    """Two opposite corners (N, 4): y, x, y, x or x, y, x, y."""
    scores: Floats
    classes: NDArray[np.int64]


def names_of(outputs: Outputs, *, samples: int) -> Names | None:
    """The detection set among the outputs of so many samples, by TensorFlow's names; None where there is none.

    `detection_boxes`, `detection_scores`, `detection_classes`, or the same without `detection_`, of shapes (B, N, 4),
    (B, N), (B, N), where B may lack in a batch of one; with `num_detections` (B,) if it is there.
    """
    shapes = {name: array.shape for name, array in outputs.items()}
    for prefix in PREFIXES:
        boxes, scores, classes = (_named(shapes, prefix + each) for each in ("boxes", "scores", "classes"))
        if boxes is None or scores is None or classes is None:
            continue
        shape = shapes[boxes]
        batch = (samples,) if len(shape) > 2 else ()  # noqa: PLR2004 (the boxes of one sample)
        is_set = shape[-1] == _CORNERS and shape[:-1] == shapes[scores] == shapes[classes] == (*batch, *shape[-2:-1])
        if is_set and (batch or samples == 1):
            count = _named(shapes, _COUNT)
            is_counted = count is not None and outputs[count].size == samples
            return Names(boxes, scores, classes, count if is_counted else None)
    return None


def is_of_one_sample(signature: Signature) -> bool:
    """Whether a model gives a detection set without an axis of samples, so that it has to be asked one by one."""
    shapes = {tensor.name: tensor.shape or () for tensor in signature.outputs}
    boxes = next((name for prefix in PREFIXES if (name := _named(shapes, f"{prefix}boxes"))), None)
    return boxes is not None and len(shapes[boxes]) == 2  # noqa: PLR2004 (boxes and corners)


class Detections:
    """How far a candidate's detections agree with the baseline's."""

    def __init__(self) -> None:
        """Nothing seen yet."""
        self._rows: list[tuple[int, int, int, float]] = []
        """Of each sample: matched, the baseline's, the candidate's, and the sum of the matched pairs' IoU."""

    def add(self, baseline: Found, candidate: Found) -> None:
        """Takes a sample."""
        ious = matched_ious(baseline, candidate)
        self._rows.append((len(ious), len(baseline.scores), len(candidate.scores), sum(ious)))

    @property
    def warnings(self) -> tuple[str, ...]:
        """Warnings about samples without boxes."""
        return () if self._shown.size else (f"no detection has a score of {LEAST_SCORE} or more: none is compared",)

    def scored(self) -> tuple[Scored, ...]:
        """F1 and mean IoU of the matched, the baseline's own being 1; none where neither variant shows a box."""
        shown = self._shown
        if not shown.size:
            return ()
        matched, theirs, ours, ious = shown.T
        interval = loss_interval.of_parts((theirs + ours) / 2, matched)
        of_ious = loss_interval.of_parts(matched[matched > 0], ious[matched > 0])
        trivial = 0.0 if theirs.sum() else 1.0
        found = (
            ("detection_f1", 2 * matched.sum() / (theirs.sum() + ours.sum()), interval),
            ("detection_iou", ious.sum() / max(matched.sum(), 1), of_ious),
        )
        return tuple(
            Scored(score_of(name, 1.0, value, each, higher_is_better=True), trivial=trivial, nothing="no box")
            for name, value, each in found
        )

    @property
    def _shown(self) -> Floats:
        rows = np.array(self._rows, np.float64).reshape(-1, 4)
        return rows[rows[:, 1] + rows[:, 2] > 0]


def matched_ious(baseline: Found, candidate: Found) -> list[float]:
    """The IoU of each pair of boxes that show the same.

    Greedily, as Pascal VOC does (Everingham et al. 2010): the candidate's boxes in the order of their scores take the
    free box of their class that they overlap most, if that is by LEAST_IOU.
    """
    overlap = iou(candidate.boxes, baseline.boxes)
    overlap[candidate.classes[:, None] != baseline.classes] = 0.0
    matched: list[float] = []
    for row in np.argsort(-candidate.scores, kind="stable"):
        best = int(np.argmax(overlap[row])) if overlap.shape[1] else 0
        if overlap.shape[1] and overlap[row, best] >= LEAST_IOU:
            matched.append(float(overlap[row, best]))
            overlap[:, best] = 0.0
    return matched


def iou(left: Floats, right: Floats) -> Floats:
    """Intersection over union of boxes (N, 4) and (M, 4), as (N, M); 0 of boxes without an area."""
    low = np.maximum(_low(left)[:, None], _low(right))
    high = np.minimum(_high(left)[:, None], _high(right))
    both = np.prod(np.maximum(high - low, 0.0), axis=2)
    union = _area(left)[:, None] + _area(right) - both
    found: Floats = np.divide(both, union, out=np.zeros_like(both), where=union > 0)
    return found


def _low(boxes: Floats) -> Floats:
    return np.minimum(boxes[:, :2], boxes[:, 2:])


def _high(boxes: Floats) -> Floats:
    return np.maximum(boxes[:, :2], boxes[:, 2:])


def _area(boxes: Floats) -> Floats:
    area: Floats = np.prod(_high(boxes) - _low(boxes), axis=1)
    return area


def _named(shapes: dict[str, Any], name: str) -> str | None:
    """The output of that name, with or without the number that TensorFlow gives a tensor."""
    return next((each for each in shapes if each in {name, f"{name}:0"}), None)
