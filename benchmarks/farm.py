"""An embedded farm for benchmarks, in a temporary folder, driven through the SDK and the command line."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

BIN = Path(sys.executable).parent
_FAILED_VARIANTS = 1
"""The exit code of a sweep some of whose variants failed."""


@dataclass(frozen=True)
class Farm:
    """A running embedded farm."""

    folder: Path

    @property
    def env(self) -> dict[str, str]:
        """The environment in which commands find this farm and no other."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith("OPTFARM_")}
        kept["OPTFARM_CANARY_EVERY_S"] = "0"  # one might run beside what is timed
        return kept | {"OPTFARM_FOLDER": str(self.folder), "XDG_CONFIG_HOME": str(self.folder / "config")}

    def optfarm(self, *words: str) -> str:
        """What a command prints; what it complains of goes to our own stderr."""
        command = [str(BIN / "optfarm"), *words]
        return subprocess.run(command, env=self.env, check=True, stdout=subprocess.PIPE, text=True).stdout

    def json(self, *words: str) -> Any:
        """What a command prints with --json."""
        return json.loads(self.optfarm(*words, "--json"))

    def wait(self, sweep: str) -> None:
        """Stays until a sweep has ended, whether or not variants failed."""
        ended = subprocess.run([str(BIN / "optfarm"), "sweep", "watch", sweep], env=self.env, check=False)
        if ended.returncode not in {0, _FAILED_VARIANTS}:
            ended.check_returncode()

    def process(self, part: str) -> psutil.Process:
        """The process of a part: broker, s3, scheduler or worker."""
        (found,) = (each for each in self.json("status")["parts"] if each["name"] == part)
        return psutil.Process(found["pid"])


@contextmanager
def running_farm(folder: Path | None = None) -> Iterator[Farm]:
    """A farm that is up inside the block and down after it; one without a folder of its own is gone then."""
    with tempfile.TemporaryDirectory(prefix="optfarm-bench-") as passing:
        farm = Farm(folder or Path(passing) / "farm")
        farm.optfarm("up")
        try:
            yield farm
        finally:
            farm.optfarm("down")
