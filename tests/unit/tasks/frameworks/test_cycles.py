"""Graphs that are copied again and again do not pile up."""

import gc
import weakref

from optfarm_tasks.frameworks.onnx.from_tensorflow import collecting_often


class Graph:
    """As tf2onnx's: its nodes know it."""

    def __init__(self) -> None:
        self.nodes = [[self] for _ in range(200)]


def living(copies: int) -> int:
    """How many of so many copies, each given up at once, are there after the last."""
    made = [weakref.ref(Graph()) for _ in range(copies)]
    return sum(each() is not None for each in made)


def test_copies_go_while_others_are_made() -> None:
    with collecting_often():
        assert living(200) < 20


def test_the_collector_is_left_as_it_was() -> None:
    before, frozen = gc.get_threshold(), gc.get_freeze_count()

    with collecting_often():
        assert gc.get_threshold() != before
        assert gc.get_freeze_count() > frozen

    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0
