"""`optfarm up`, `down` and `status`: the farm on this machine."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from optfarm.cli.failure import CommandFailure
from optfarm.cli.output import Folder, Json, farm, note, print_json, print_table, size_text

if TYPE_CHECKING:
    from optfarm.embedded.part_status import PartStatus


def up(
    *,
    folder: Folder = None,
    no_worker: Annotated[bool, typer.Option("--no-worker", help="Start no worker.")] = False,
    workers: Annotated[int | None, typer.Option(min=1, max=64, help="So many workers, named HOST-1, HOST-2 …")] = None,
    host: Annotated[list[str] | None, typer.Option(help="A worker under this host name; may be repeated.")] = None,
    as_json: Json = False,
) -> None:
    """Start a farm on this machine: broker, object store, scheduler, a worker and one for each GPU, on loopback."""
    from optfarm.embedded.farm import up as start

    place = _folder(folder)
    layout = start(place, hosts=_hosts(no_worker=no_worker, workers=workers, names=host), on_wait=note)
    if as_json:
        print_json({"folder": str(place), "url": layout.url, "hosts": layout.hosts, "gpus": layout.gpus})
        return
    note(f"the farm runs in {place}, at {layout.url}")


def down(*, folder: Folder = None, as_json: Json = False) -> None:
    """Stop the farm on this machine; its data stay."""
    from optfarm.embedded.farm import down as stop

    place = _folder(folder)
    did_run = stop(place, on_wait=note)
    if as_json:
        print_json({"folder": str(place), "did_run": did_run})
        return
    note(f"the farm in {place} is down" if did_run else f"no farm runs in {place}")


def status(*, folder: Folder = None, as_json: Json = False) -> None:
    """Show each part of the farm on this machine, the devices, and what is queued."""
    from optfarm.embedded.part_status import parts_of
    from optfarm.errors import NotFound, Unreachable

    place = _folder(folder)
    parts = parts_of(place)
    if folder is not None and not parts:
        raise NotFound(f"there is no farm in {place}; start one there: optfarm up --folder {place}")
    try:
        seen = _seen(folder)
    except Unreachable as error:
        seen = CommandFailure(error.reason, str(error), error.exit_code).to_json()
    if as_json:
        print_json({"folder": str(place) if parts else None, "parts": parts, **seen})
    else:
        _print_status(place, parts, seen)
    if "error" in seen:
        raise typer.Exit(Unreachable.exit_code)


def _folder(given: Path | None) -> Path:
    from optfarm.embedded.place import default_folder

    return given.absolute() if given is not None else default_folder()


def _hosts(*, no_worker: bool, workers: int | None, names: list[str] | None) -> tuple[str, ...] | None:
    import re

    from optfarm.embedded.layout import this_host

    if sum((no_worker, workers is not None, bool(names))) > 1:
        raise typer.BadParameter("--no-worker, --workers and --host exclude each other")
    bad = [name for name in names or () if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?", name)]
    if bad:
        raise typer.BadParameter(f"{bad[0]!r} is no host name: letters, digits, '-' and '_'")
    if no_worker:
        return ()
    if workers is not None:
        return tuple(f"{this_host()}-{number}" for number in range(1, workers + 1))
    return tuple(dict.fromkeys(names)) if names else None


def _seen(folder: Path | None) -> dict[str, Any]:
    from optfarm.embedded.layout import load

    layout = load(folder.absolute()) if folder is not None else None
    place = {"url": layout.url, "token": layout.secrets["token"]} if layout else {}
    with farm(retry_s=0, **place) as opened:
        health = opened.health()
        sweeps = opened.sweeps()
        devices = opened.devices()
    running = [sweep for sweep in sweeps if sweep.state == "running"]
    waiting = sum(sweep.tasks - sweep.done - sweep.failed - sweep.blocked for sweep in running)
    return {"health": health, "devices": devices, "queue": {"sweeps": len(running), "tasks": waiting}}


def _print_status(place: Path, parts: list["PartStatus"], seen: dict[str, Any]) -> None:
    from optfarm.cli.devices import HEADINGS, row_of
    from optfarm.durations import shown_s

    if parts:
        rows = [
            (
                part.name,
                part.state.lower(),
                "" if part.pid is None else str(part.pid),
                "" if part.uptime_s is None else shown_s(part.uptime_s),
                size_text(part.rss_bytes),
                part.health,
            )
            for part in parts
        ]
        print_table(("part", "state", "pid", "up for", "memory", "health"), rows, title=f"farm in {place}")
    if "error" in seen:
        note(f"error: {seen['error']['message']}")
        return
    print_table(HEADINGS, map(row_of, seen["devices"]))
    print(f"{seen['queue']['tasks']} tasks of {seen['queue']['sweeps']} sweeps are queued or running")
