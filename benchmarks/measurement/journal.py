"""Raw rows of a section in a JSON file, written as they are taken: a run that was ended goes on where it stood."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.measurement.rig import Row


class Journal:
    """The rows of one section; their keys say what was measured, their values what came of it."""

    def __init__(self, file: Path, *, machine: str) -> None:
        """Takes up what the file holds.

        Raises:
            SystemExit: its rows were taken on another machine.
        """
        self._file, self._machine = file, machine
        stored: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {"machine": machine, "rows": []}
        if stored["machine"] != machine:
            raise SystemExit(f"{file} holds rows of {stored['machine']}, and this is {machine}: remove it")
        self.rows: list[Row] = stored["rows"]

    def once(self, take: Callable[[], Row], **key: object) -> None:
        """Takes a row and writes it down, unless there is one with this key."""
        name = " ".join(f"{word} {value}" for word, value in key.items())
        if any(all(row.get(word) == value for word, value in key.items()) for row in self.rows):
            return
        row = {**key, **take()}
        # Through JSON, so that rows just taken are what a later run reads.
        self.rows.append(json.loads(json.dumps(row)))
        passing = self._file.with_suffix(".part")
        self._file.parent.mkdir(parents=True, exist_ok=True)
        passing.write_text(json.dumps({"machine": self._machine, "rows": self.rows}, indent=1))
        passing.replace(self._file)
        Console().print(f"{self._file.stem}: {name}", _short(row), highlight=False)


def _short(row: Row) -> str:
    shown = {name: row[name] for name in ("verdict", "ratio") if name in row}
    return " ".join(f"{name} {value}" for name, value in shown.items())
