"""Reads from source, without importing it, which module of the project imports which."""

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = (
    ROOT / "client" / "optfarm",
    ROOT / "scheduler" / "optfarm_scheduler",
    ROOT / "worker" / "optfarm_worker",
    ROOT / "tasks" / "optfarm_tasks",
    ROOT / "storage" / "optfarm_storage",
)


@cache
def trees() -> Mapping[str, ast.Module]:
    """Module → its syntax tree, of all packages."""
    files = [(package, file) for package in PACKAGES for file in sorted(package.rglob("*.py"))]
    return {_name(file.relative_to(package.parent)): ast.parse(file.read_text()) for package, file in files}


def imports(tree: ast.AST) -> Iterator[str]:
    """The names that a module imports anywhere: inside functions and for the type checker alone too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{each.name}" for each in node.names)


def graph() -> dict[str, set[str]]:
    """Module → the modules of the project that it imports."""
    found: dict[str, set[str]] = {}
    for module, tree in trees().items():
        found[module] = {name for name in map(_module, imports(tree)) if name is not None} - {module}
    return found


def circle(found: Mapping[str, set[str]]) -> list[str]:
    """The modules of one circle, in order; none where there is no circle."""
    try:
        TopologicalSorter(found).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def _name(file: Path) -> str:
    return ".".join(file.with_suffix("").parts).removesuffix(".__init__")


def _module(name: str) -> str | None:
    """The module that an imported name is, or is from; None for those of others."""
    parent = name.rpartition(".")[0]
    return name if name in trees() else parent if parent in trees() else None
