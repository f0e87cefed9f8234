"""Fits the columns of a table into a width: those of least worth give way, and no cell is cut. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from rich.cells import cell_len

from optfarm.columns import Column

GAP = 1
"""Between two columns."""
_LONGEST_WORD = 30
"""A longer one may be broken."""


@dataclass(frozen=True)
class Laid:
    """A column with its cells, and its width in the table."""

    column: Column
    cells: tuple[str, ...]
    width: int = 0

    @property
    def most(self) -> int:
        """The width at which no line is broken."""
        return max(map(cell_len, (self.column.heading, *self.cells)))

    @property
    def least(self) -> int:
        """The width at which lines are broken between words alone; cells that are never broken count whole."""
        heading = max(map(cell_len, self.column.heading.split()))
        if self.column.is_whole:
            return max(heading, *map(cell_len, ("", *self.cells)))
        parts = (part for cell in self.cells for part in cell.split(self.column.breaks_at))
        return max(heading, min(_LONGEST_WORD, max(map(cell_len, ("", *parts)))))


def laid(columns: Sequence[Column], rows: Iterable[Sequence[str]]) -> tuple[Laid, ...]:
    """The columns, each as wide as its longest cell."""
    cells = tuple(zip(*rows, strict=True)) or ((),) * len(columns)
    whole = (Laid(column, tuple(each)) for column, each in zip(columns, cells, strict=True))
    return tuple(replace(each, width=each.most) for each in whole)


def fitted(whole: Sequence[Laid], width: int) -> tuple[Laid, ...]:
    """The columns that stay where a table may take so many characters, in their order and with the width of each."""
    kept = list(whole)
    while _taken(kept) > width and (weak := [each for each in kept if each.column.worth is not None]):
        kept.remove(min(weak, key=lambda each: each.column.worth or 0))
    left, widths = max(0, width - _taken(kept)), {each: each.least for each in kept}
    for each in sorted(kept, key=lambda each: each.column.is_whole):
        more = min(left, each.most - each.least)
        widths[each] += more
        left -= more
    return tuple(replace(each, width=each_width) for each, each_width in widths.items())


def _taken(kept: Sequence[Laid]) -> int:
    return sum(each.least + GAP for each in kept) - GAP
