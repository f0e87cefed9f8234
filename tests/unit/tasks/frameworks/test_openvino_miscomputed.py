"""A model that kernels for integers compute wrong is refused by the true reason, and no other."""

from dataclasses import dataclass
from typing import Any

import pytest

from optfarm_tasks.errors import UnsupportedOp
from optfarm_tasks.frameworks.openvino import overflow, quantisation
from optfarm_tasks.frameworks.openvino.quantisation import Quantised


@dataclass
class Losses:
    """What a model loses without kernels for integers."""

    exact: float
    batch_size: int = 4

    def loss(self, _model: Any, *, with_integers: bool) -> float:
        assert not with_integers
        return self.exact


def quantised(loss: float) -> Quantised:
    return Quantised(model=None, rule="mean", losses={"mean": loss, "extremes": 9.0})


@pytest.fixture(autouse=True)
def _kernels_do_not_overflow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overflow, "is_seen", lambda: False)


def test_it_is_refused_where_it_is_right_without_them() -> None:
    with pytest.raises(UnsupportedOp, match=r"wrong at its batch of 4: NMSE 2.2, and 0.002 without them"):
        quantisation.refuse_miscomputed(quantised(2.2), Losses(0.002))  # type: ignore[arg-type]  # it stands in


@pytest.mark.parametrize(("loss", "exact"), [(0.4, 0.0), (2.2, 2.0), (2.2, 0.3)])
def test_what_is_lost_by_rounding_is_the_recipes_own(loss: float, exact: float) -> None:
    quantisation.refuse_miscomputed(quantised(loss), Losses(exact))  # type: ignore[arg-type]  # it stands in


def test_where_kernels_overflow_it_is_looked_after_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overflow, "is_seen", lambda: True)

    quantisation.refuse_miscomputed(quantised(2.2), Losses(0.002))  # type: ignore[arg-type]  # it stands in
