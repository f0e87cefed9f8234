"""What a task can do, one module each; the table says which module does it, and which inputs it cannot do without."""

from collections.abc import Mapping
from dataclasses import dataclass

from optfarm_tasks.schema.spec import Kind, Role


@dataclass(frozen=True)
class ActionEntry:
    """One kind of task: a module with `run(folder, task, on_progress) -> facts`, imported only when it is needed."""

    module: str
    roles: frozenset[Role]
    """Inputs without which it cannot run."""


_PAIR = frozenset({Role.BASELINE, Role.CANDIDATE})

ACTIONS: Mapping[Kind, ActionEntry] = {
    Kind.CONVERT: ActionEntry(f"{__name__}.convert", frozenset({Role.MODEL})),
    Kind.EVALUATE: ActionEntry(f"{__name__}.evaluate", _PAIR | {Role.DATA}),
    Kind.BENCHMARK: ActionEntry(f"{__name__}.benchmark", _PAIR),
    Kind.INSPECT: ActionEntry(f"{__name__}.inspect", frozenset({Role.MODEL})),
    Kind.PROFILE: ActionEntry(f"{__name__}.profile", frozenset({Role.MODEL})),
    Kind.CANARY: ActionEntry(f"{__name__}.canary", frozenset()),
}
