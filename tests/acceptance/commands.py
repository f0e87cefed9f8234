"""The `optfarm` command as a user types it, against a farm in a folder of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optfarm_tasks.benchmark.host import nvml
from tests.integration.scripts import python_of
from tests.nvml import ScriptedNvml

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class CommandResult:
    """How a command ended."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Cli:
    """Runs commands for the farm in `folder`; the user's own configuration is out of reach."""

    folder: Path

    @property
    def env(self) -> dict[str, str]:
        """The environment of a user whose only farm is this one."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith("OPTFARM_")}
        return kept | {
            "OPTFARM_FOLDER": str(self.folder),
            "XDG_CONFIG_HOME": str(self.folder / "config"),
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "COLUMNS": "200",
            "OPTFARM_CANARY_EVERY_S": "0",
        }

    def run(self, *words: str, timeout_s: float = 600, **env: str) -> CommandResult:
        """Runs one command to its end, whatever its exit code."""
        ended = subprocess.run(
            [str(BIN / "optfarm"), *words],
            env=self.env | env,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        return CommandResult(code=ended.returncode, out=ended.stdout, err=ended.stderr)

    def ok(self, *words: str, timeout_s: float = 600, **env: str) -> str:
        """Runs one command that has to succeed; gives what it printed."""
        ended = self.run(*words, timeout_s=timeout_s, **env)
        assert ended.code == 0, f"optfarm {' '.join(words)}: exit {ended.code}\n{ended.out}\n{ended.err}"
        return ended.out

    def json(self, *words: str) -> Any:
        """What a successful command prints with --json."""
        return json.loads(self.ok(*words, "--json"))

    def start(self, *words: str, program: str = "optfarm", **env: str) -> subprocess.Popen[str]:
        """Starts a command and leaves it running; its output is captured."""
        return subprocess.Popen(
            [str(BIN / program), *words],
            env=self.env | env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


@contextmanager
def farm_with_gpus(folder: Path, toolchain: str) -> Iterator[Cli]:
    """A farm with a toolchain, on a machine whose driver tells of an L4 (8.9) and an H200 (9.0); CUDA finds neither."""
    cli = Cli(folder)
    (folder / "nvml").mkdir()
    library = ScriptedNvml(folder / "nvml").library
    toolchains = json.dumps({toolchain: python_of(toolchain)})
    cli.ok("up", "--host", "alpha", timeout_s=90, OPTFARM_TOOLCHAINS=toolchains, **{nvml.LIBRARY: str(library)})
    yield cli
    cli.ok("down", timeout_s=60)
