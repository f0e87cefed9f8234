"""The model and the data set of a sweep that are given as paths: read first, pushed once the farm takes the sweep."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from optfarm.cli.output import moving, note_replaced

if TYPE_CHECKING:
    from optfarm import Farm
    from optfarm.sweep_settings import SweepSettings
    from optfarm_tasks.schema.catalog import Data, Model, NewData, NewModel

M = TypeVar("M", "Model", "Data")


@dataclass(frozen=True)
class Given:
    """What was read on this machine; None for what is called by a name or left out."""

    model: "tuple[Path, NewModel] | None"
    data: "tuple[Path, NewData] | None"

    def pushed(self, opened: "Farm", settings: "SweepSettings") -> "SweepSettings":
        """The settings with what was pushed in place of paths.

        Raises:
            FarmError: the farm would refuse the sweep, and nothing was sent; or it stayed away.
        """
        if self.model is None and self.data is None:
            return settings
        model = self.model and (self.model[0], opened.as_called_before(self.model[1]))
        opened.check(settings.spec(), model=model and model[1], data=self.data and self.data[1])
        if model is not None:
            settings = settings.but(model=_meant(_sent(opened.push_read_model, *model)))
        if self.data is not None:
            settings = settings.but(data=_sent(opened.push_read_data, *self.data).digest)
        return settings


def read(settings: "SweepSettings", *, name: str | None = None, base: Path | None = None) -> Given:
    """Reads and checks what settings name by path.

    Args:
        settings: their model and data set are paths, or what was pushed before is called.
        name: how a model that is given by its path is called.
        base: a folder in which paths are looked for too.

    Raises:
        BadRequest, TaskError: a path leads to nothing that the farm takes.
    """
    from optfarm import inputs

    texts = (settings.model, settings.data)
    model, data = (inputs.path_meant(text, base) if text else None for text in texts)
    return Given(
        model=None if model is None else (model, inputs.new_model(model, name)),
        data=None if data is None else (data, inputs.new_data(data, None)),
    )


def _meant(model: "Model") -> str:
    """How a sweep names a model that was pushed: by its digest, or by its name where that says how it is called."""
    return model.name if model.description.feeding.changes_model else model.digest


def _sent(push: Callable[..., M], path: Path, new: Any) -> M:
    with moving(f"pushing {path.name}") as on_progress:
        sent = push(path, new, on_progress=on_progress)
    note_replaced(sent)
    return sent
