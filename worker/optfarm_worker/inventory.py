"""What this device is and what it can run, as the scheduler's selectors and plans see it."""

import json
import os
import secrets
import subprocess
from pathlib import Path

from pydantic import ValidationError

from optfarm_tasks import instruction_sets, registry
from optfarm_tasks.schema.device import Inventory, Toolchain
from optfarm_tasks.schema.faults import text_of
from optfarm_worker.devices import kind_of
from optfarm_worker.errors import BadSettings
from optfarm_worker.settings import WorkerSettings

PROBE_TIMEOUT_S = 60.0


def inventory_of(settings: WorkerSettings) -> Inventory:
    """Asks the machine and each interpreter; blocks for a second or so.

    Raises:
        BadSettings: an interpreter cannot run optfarm's tasks.
    """
    kind = settings.slot.partition("-")[0]
    found = (probe(name, python) for name, python in settings.toolchains.items())
    return Inventory(
        host=settings.host,
        slot=settings.slot,
        attributes=kind_of(settings.device).attributes(settings.device),
        instruction_sets=instruction_sets.here(),
        labels=settings.labels,
        toolchains=tuple(_for_device(each, kind) for each in found),
        worker=secrets.token_hex(8),
    )


def _for_device(toolchain: Toolchain, kind: str) -> Toolchain:
    """What a toolchain offers on a kind of device: some builds of a runtime compute on processors alone."""
    runtimes = (each for each in toolchain.runtimes if registry.computes_on(each, kind, toolchain.versions))
    return toolchain.model_copy(update={"runtimes": tuple(runtimes)})


def probe(name: str, python: Path) -> Toolchain:
    """What an interpreter offers, asked in a process of its own, so nothing heavy is loaded here.

    Raises:
        BadSettings: it does not answer.
    """
    script = Path(__file__).with_name("probe.py")
    try:
        answer = subprocess.run(
            [str(python), "-I", str(script)],
            env={"PATH": os.defpath, "LANG": "C.UTF-8"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PROBE_TIMEOUT_S,
            check=True,
        )
        return Toolchain(name=name, python=str(python), **json.loads(answer.stdout))
    except subprocess.CalledProcessError as error:
        last = error.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise BadSettings(f"toolchain {name}: {python} cannot run optfarm's tasks: {last}") from error
    except (OSError, subprocess.TimeoutExpired, ValueError, ValidationError) as error:
        raise BadSettings(f"toolchain {name}: {python} does not say what it offers: {text_of(error)}") from error
