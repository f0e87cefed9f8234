"""What modules import keeps the rooms of the house apart."""

import ast

import pytest

from tests.imports import circle, graph, trees


def test_no_module_imports_itself_by_way_of_others() -> None:
    assert circle(graph()) == []


def test_a_circle_is_found() -> None:
    assert set(circle({"a": {"b"}, "b": {"c"}, "c": {"a"}})) == {"a", "b", "c"}


@pytest.mark.parametrize("module", [name for name in trees() if name.startswith("optfarm.cli")])
def test_the_command_line_reaches_the_farm_by_methods_alone(module: str) -> None:
    nodes = ast.walk(trees()[module])

    assert not [node.lineno for node in nodes if isinstance(node, ast.Attribute) and node.attr == "connection"]
