"""Measures what a quantised OpenVINO model loses against its original, on samples with or without labels."""

from collections.abc import Iterable
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optfarm_tasks.data_sets import data
from optfarm_tasks.data_sets.calibration import Calibration
from optfarm_tasks.description import Signature, Split
from optfarm_tasks.frameworks.openvino import snippets
from optfarm_tasks.quality import labels
from optfarm_tasks.quality.agreement import Agreement
from optfarm_tasks.quality.score import Scoring
from optfarm_tasks.schema.result import Score
from optfarm_tasks.technique import Work

Array = NDArray[Any]
Outputs = dict[str, Array]


class Validation:
    """Samples, their labels if they have some, and the original that a model is compared with."""

    def __init__(self, original: Any, samples: Calibration, truth: Array | None) -> None:
        """Takes an openvino.Model, samples in the order of its signature's names, and a label for each."""
        self.count = samples.count
        self._original = original
        self._feeds = list(samples.feeds())
        self._names = [each.name for each in samples.signature.outputs]
        self._truth = truth
        self._batch_size = samples.batch_size
        self.items = range(len(self._feeds))

    @property
    def kind(self) -> str:
        """What the loss is a loss of."""
        if self._truth is None:
            return "nmse"
        return self._score_of({0: self._expected[0]}).name

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is to be said of how labels were understood."""
        return () if self._truth is None else self._scoring.warnings

    def feed(self, item: int) -> dict[str, Array]:
        """The inputs of one request."""
        return self._feeds[item]

    def score(self, compiled: Any, items: Iterable[int]) -> tuple[float, None]:
        """What NNCF asks for: 1 for the original, less by the loss for others; layers it ranks by their outputs."""
        return 1 - self._loss_of(compiled, list(items)), None

    def loss(self, model: Any) -> float:
        """What a model loses: a share of right classes, growth of the mean square error, or NMSE; see the technique."""
        return self._loss_of(_compiled(model), list(self.items))

    @cached_property
    def _expected(self) -> list[Outputs]:
        compiled = _compiled(self._original)
        return [self._outputs(compiled, item) for item in self.items]

    @property
    def _scoring(self) -> Scoring:
        return labels.scoring_for(self._labels(0), self._expected[0])

    def _labels(self, item: int) -> Array:
        if self._truth is None:
            raise ValueError("there are no labels")
        start = item * self._batch_size
        return self._truth[start : start + self._batch_size]

    def _outputs(self, compiled: Any, item: int) -> Outputs:
        """The outputs by name, without those of samples that only fill a fixed batch up."""
        raw = compiled(self._feeds[item])
        real = min(self._batch_size, self.count - item * self._batch_size)
        arrays = {name: np.array(raw[place]) for place, name in enumerate(self._names)}
        return {name: array[:real] if array.ndim else array for name, array in arrays.items()}

    def _loss_of(self, compiled: Any, items: list[int]) -> float:
        found = {item: self._outputs(compiled, item) for item in items}
        return self._disagreement(found) if self._truth is None else self._labelled_loss(found)

    def _disagreement(self, found: dict[int, Outputs]) -> float:
        agreements = {name: Agreement() for name in self._names}
        for item, outputs in found.items():
            for name, array in outputs.items():
                agreements[name].add(np.atleast_1d(self._expected[item][name]), np.atleast_1d(array))
        return max(_nmse(each) for each in agreements.values())

    def _score_of(self, found: dict[int, Outputs]) -> Score:
        scoring = self._scoring
        for item, outputs in found.items():
            name = scoring.output
            scoring.add(self._labels(item), self._expected[item][name], outputs[name])
        truth = np.concatenate([self._labels(item) for item in found])
        return scoring.scored(truth)[0].score

    def _labelled_loss(self, found: dict[int, Outputs]) -> float:
        score = self._score_of(found)
        if score.baseline is None:
            raise ValueError("there is no original to compare with")
        if score.higher_is_better:
            return score.baseline - score.value
        return score.value / score.baseline - 1 if score.baseline else score.value


def validation_of(work: Work, original: Any, signature: Signature, *, asked: int) -> Validation:
    """The samples of the split that has labels, else of the calibration split; those that calibration takes come last.

    Raises:
        BadData: the split does not fit the model, or its labels fit no output.
    """
    if work.data is None:
        raise ValueError("calibration comes first, and refuses to work without data")
    splits = data.describe_data(work.data).splits
    name = next((each for each in (data.CALIBRATION, data.TRAIN) if _has_labels(splits.get(each))), data.CALIBRATION)
    arrays, truth = data.load_split(work.data, name)
    chosen = np.random.default_rng(work.seed).permutation(splits[name].count)[::-1][:asked]
    samples = {each: arrays[array][chosen] for each, array in data.fit(signature, splits[name]).items()}
    return Validation(original, Calibration(signature, samples, asked), None if truth is None else truth[chosen])


def _has_labels(split: Split | None) -> bool:
    return split is not None and split.labels is not None


def _compiled(model: Any) -> Any:
    # Against bfloat16, the loss of int8 would look smaller than it is.
    return snippets.compiled(model, {"INFERENCE_PRECISION_HINT": "f32"})[0]


def _nmse(agreement: Agreement) -> float:
    """The whole variance is lost where the original is constant and the other is not, or where a value is infinite."""
    found = None if agreement.not_finite else agreement.nmse
    return 1.0 if found is None else found
