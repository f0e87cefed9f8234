"""One figure of a benchmark with the bound that it has to keep."""

import math
import operator
from dataclasses import asdict, dataclass
from typing import Any, Literal

_HOLDS = {"<=": operator.le, ">=": operator.ge}


@dataclass(frozen=True)
class Figure:
    """A measured value beside its bound, where it has one; the note says how it was taken."""

    name: str
    value: float
    unit: str
    relation: Literal["<=", ">="]
    bound: float | None
    note: str

    @property
    def holds(self) -> bool:
        """Whether the value keeps its bound; without one, it does."""
        return self.bound is None or bool(_HOLDS[self.relation](self.value, self.bound))

    def row(self) -> tuple[str, str, str, str, str]:
        """The cells of a table: what, value, bound, holds, how."""
        shown = "none" if math.isnan(self.value) else f"{self.value:.3g} {self.unit}".strip()
        if self.bound is None:
            return self.name, shown, "", "", self.note
        bound = f"{self.relation.replace('<=', '≤').replace('>=', '≥')} {self.bound:g} {self.unit}".strip()
        return self.name, shown, bound, "yes" if self.holds else "NO", self.note

    def as_json(self) -> dict[str, Any]:
        """Every field, and whether the bound holds."""
        return {**asdict(self), "holds": self.holds}
