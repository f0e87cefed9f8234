"""Options that many commands share."""

from pathlib import Path
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else, on stdout.")]
Folder = Annotated[Path | None, typer.Option("--folder", help="The farm's folder; see docs/embedded.md.")]
