"""The SDK: a farm as a Python object, to push models, run sweeps and searches, and read results."""

import secrets
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Self

from optfarm import inputs
from optfarm.api import Api
from optfarm.connection import Connection, OnWait
from optfarm.download import read_blob
from optfarm.errors import BadRequest, NotFound
from optfarm.flag_values import listed
from optfarm.search.question import question
from optfarm.search.report import SearchReport
from optfarm.search.search import Search, Turn
from optfarm.settings import read_settings
from optfarm.sweep import Sweep
from optfarm.sweep_settings import settings_of
from optfarm.transfer import OnProgress, no_progress
from optfarm.upload import push
from optfarm_tasks.schema.catalog import Data, Model, NewData, NewModel
from optfarm_tasks.schema.feeding import NOTHING, Feeding
from optfarm_tasks.schema.recipe import BASELINE
from optfarm_tasks.schema.sweep import SweepSpec


class Farm(Api):
    """A farm, found by OPTFARM_URL and OPTFARM_TOKEN, a TOML file, or because `optfarm up` runs on this machine.

    Threads may share it. Use it as a context manager, or call `close`, to close its sockets early.
    """

    def __init__(
        self,
        url: str | None = None,
        token: str | None = None,
        *,
        retry_s: float | None = None,
        on_wait: OnWait | None = None,
    ) -> None:
        given = {"url": url, "token": token, "retry_s": retry_s}
        settings = read_settings({name: value for name, value in given.items() if value is not None})
        super().__init__(Connection(settings) if on_wait is None else Connection(settings, on_wait))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes its sockets."""
        self.connection.close()

    def push_model(
        self,
        path: str | Path,
        name: str | None = None,
        *,
        feeding: Feeding | None = None,
        on_progress: OnProgress = no_progress,
    ) -> Model:
        """Checks, hashes and sends a model, and registers it under a name; a second push sends only what is new.

        Args:
            path: a SavedModel folder, or a .keras, .h5, .tflite, .onnx, .xml or .pb file.
            name: how sweeps call it; the file's own name when left out.
            feeding: which inputs are fed or always get one value, which outputs are fetched, and where batches lie;
                when left out, what was said when the same files were pushed under this name, or what the files say.
            on_progress: called with the number of bytes each time some have moved.

        Raises:
            BadModel, BadRequest, BadParameter: it is no model that the farm takes, or not to be called so; nothing was
                sent.
            FarmError: the farm refused or stayed away.
        """
        new = inputs.new_model(Path(path), name, feeding or NOTHING)
        called = new if feeding is not None else self.as_called_before(new)
        return self.push_read_model(Path(path), called, on_progress=on_progress)

    def push_read_model(self, path: Path, new: NewModel, *, on_progress: OnProgress = no_progress) -> Model:
        """Sends a model that was read and hashed before; see `push_model`."""
        folder = path if path.is_dir() else path.parent
        push(self.connection, folder, new.tree, on_progress=on_progress)
        return self.connection.post("/v1/models", Model, new)

    def as_called_before(self, new: NewModel) -> NewModel:
        """The model with what was said of it when the same files were pushed under its name, if they were."""
        try:
            known = self.model(new.name)
        except NotFound:
            return new
        return new.model_copy(update={"description": known.description}) if known.digest == new.tree.digest else new

    def push_data(self, path: str | Path, name: str | None = None, *, on_progress: OnProgress = no_progress) -> Data:
        """Checks, hashes and sends a data set, an .npz with keys `calibration/…` and `test/…`; see `push_model`."""
        return self.push_read_data(Path(path), inputs.new_data(Path(path), name), on_progress=on_progress)

    def push_read_data(self, path: Path, new: NewData, *, on_progress: OnProgress = no_progress) -> Data:
        """Sends a data set that was read and hashed before; see `push_model`."""
        push(self.connection, inputs.data_file(path), new.tree, on_progress=on_progress)
        return self.connection.post("/v1/data", Data, new)

    def sweep(
        self,
        model: Model | str,
        techniques: Iterable[str] | str | None = None,
        data: Data | str | None = None,
        devices: Iterable[str] | str = ("all",),
        **settings: Any,
    ) -> Sweep:
        """Submits a sweep: every recipe on every selected device, compared with the baseline.

        Args:
            model: a pushed model, its name or its digest.
            techniques: recipes as text, `prune(sparsity=0.8) -> tflite-int8`; one text may hold several, parted by
                commas; every technique when left out.
            data: a pushed data set, its name or its digest; without one, quality is not scored.
            devices: selectors such as all, gpu, host=alpha.
            settings: other fields of SweepSpec: effort, threads, batch_sizes, scenario, latency_limit_ms, limits …

        Raises:
            BadRequest: the farm cannot do what was asked; the message says which part, and what there is.
            FarmError: the farm refused or stayed away.
        """
        recipes = self.every_technique() if techniques is None else _texts(techniques)
        chosen = {"model": _digest(model), "data": _digest(data), "recipes": recipes, "devices": _selectors(devices)}
        return self.submit(settings_of({**chosen, **settings}).spec())

    def search(
        self,
        model: Model | str,
        data: Data | str | None = None,
        *,
        techniques: Iterable[str] | str = (),
        devices: Iterable[str] | str = ("all",),
        trials: int | None = None,
        minutes: float | None = None,
        max_steps: int = 3,
        sampler: str = "tpe",
        on_turn: Callable[[Turn, Search], None] | None = None,
        **settings: Any,
    ) -> SearchReport:
        """Searches for the recipes that are best in time, size and quality, and returns what it found; blocks.

        The same search again, also after an interruption, finds its finished work in the store and goes on.

        Args:
            model: a pushed model, its name or its digest.
            data: a pushed data set, its name or its digest; without one, time is traded against size alone.
            techniques: narrow the choice; `prune(epochs=1)` fixes a parameter. Longer recipes are tried first.
            devices: selectors that leave one device.
            trials: how many recipes are tried; 40 when neither this nor `minutes` is given.
            minutes: for how long new recipes are tried; the measurement in full of the best comes on top.
            max_steps: how long a recipe may be.
            sampler: tpe or nsga2.
            on_turn: called with each submitted sweep, and the search, whose `report()` has what was found so far.
            settings: effort, threads, batch_sizes, limits, seed, fresh: the fields of SweepSpec.

        Raises:
            BadRequest: a setting is wrong, no technique applies, or Optuna is not installed.
            FarmError: the farm refused or stayed away.
        """
        chosen = {"model": _digest(model), "data": _digest(data), "devices": _selectors(devices), **settings}
        named = settings_of({**chosen, "recipes": _texts(techniques)})
        asked = question(named, trials=trials, minutes=minutes, max_steps=max_steps, sampler=sampler)
        search = Search(self, asked)
        for turn in search.turns():
            if on_turn is not None:
                on_turn(turn, search)
        return search.report()

    def submit(self, spec: SweepSpec, *, sweep_id: str | None = None) -> Sweep:
        """Submits a sweep that is already spelled out; a retry after a lost answer makes no second one.

        Args:
            spec: the sweep.
            sweep_id: 12 hex digits that no other sweep has; random ones when left out.
        """
        sweep_id = sweep_id or secrets.token_hex(6)
        receipt = self.start_sweep(sweep_id, spec)
        return Sweep(receipt.id, self, receipt)

    def find_sweep(self, sweep_id: str) -> Sweep:
        """A handle on a sweep that was submitted before."""
        return Sweep(sweep_id, self)

    def every_technique(self) -> tuple[str, ...]:
        """The names of all techniques but the baseline, which every sweep has."""
        return tuple(card.name for card in self.techniques() if card.name != str(BASELINE)) or (str(BASELINE),)

    def task_log(self, task_id: str) -> str:
        """The whole log of a task that has ended.

        Raises:
            NotFound: there is no such task, or it has no log.
            FarmError: the farm refused or stayed away.
        """
        status = self.task(task_id)
        if status.log is None:
            yet = " yet" if status.finished_at is None else ""
            raise NotFound(f"task {task_id} is {status.state} and has no log{yet}")
        return read_blob(self.connection, status.log).decode(errors="replace")


def _texts(given: Iterable[str] | str) -> tuple[str, ...]:
    """Several texts, or the one or more that a single one holds: a text is never taken for its letters."""
    return tuple(listed(given) if isinstance(given, str) else given)


def _selectors(given: Iterable[str] | str) -> tuple[str, ...]:
    """Several selectors, or a single one; a comma within it means "and"."""
    return (given,) if isinstance(given, str) else tuple(given)


def _digest(thing: Model | Data | str | None) -> str | None:
    if isinstance(thing, Path):
        raise BadRequest(f"push {thing} first: farm.sweep(farm.push_model(path))")
    return thing.digest if isinstance(thing, Model | Data) else thing
