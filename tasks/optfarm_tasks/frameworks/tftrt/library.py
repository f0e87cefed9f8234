"""Finds out whether TensorRT is here and fits, in a process of its own: TensorFlow ends the one that asks in vain."""

import functools
import signal
import subprocess
import sys

from optfarm_tasks.errors import MissingToolchain
from optfarm_tasks.frameworks.tftrt import probe

TIMEOUT_S = 120.0
_NONE = "0.0.0"


def loaded_version(*, user: str) -> str:
    """The version of the TensorRT that TensorFlow loads here; blocks for as long as TensorFlow takes to be imported.

    Raises:
        MissingToolchain: TensorFlow, its TF-TRT or the library is not here, or the library is one that does not fit.
    """
    try:
        ended = _asked()
    except subprocess.TimeoutExpired as error:
        raise MissingToolchain(f"{user}: TensorRT does not load within {TIMEOUT_S:.0f} s") from error
    return version_said(ended.stdout, code=ended.returncode, complaints=ended.stderr, user=user)


@functools.cache
def _asked() -> subprocess.CompletedProcess[str]:
    """The probe, run once: what a process can load stays the same for as long as it lives."""
    command = [sys.executable, "-I", "-m", probe.__name__]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=TIMEOUT_S)


def version_said(answers: str, *, code: int, complaints: str, user: str) -> str:
    """What the probe's output comes to.

    Args:
        answers: its standard output.
        code: its exit code; below 0, the signal that ended it.
        complaints: its standard error.
        user: what wants TensorRT.

    Raises:
        MissingToolchain: as `loaded_version`.
    """
    said = dict(line.split(" ", 1) for line in answers.splitlines() if line.startswith((probe.LINKED, probe.LOADED)))
    linked, loaded = said.get(probe.LINKED), said.get(probe.LOADED, "")
    why = complaints.strip().rpartition("\n")[2] or f"it ended with {code}"
    if code < 0:
        raise MissingToolchain(
            f"{user}: TensorFlow ended the process that loaded TensorRT by {signal.Signals(-code).name}: {why}; the "
            f"libnvinfer that the system's loader finds is none that this TensorFlow was built for"
        )
    if linked is None or linked == _NONE:
        lacks = (
            f"has no TF-TRT: {why}" if linked is None else "has a TensorFlow without TensorRT, as all are after 2.17"
        )
        raise MissingToolchain(f"{user} runs on the toolchain tf217-trt alone, and {sys.executable} {lacks}")
    if not _fits(linked, loaded):
        raise MissingToolchain(f"{user} {_misfit(linked, loaded)}")
    return loaded


def _misfit(linked: str, loaded: str) -> str:
    if loaded:
        return (
            f"loads TensorRT {loaded}, and this TensorFlow was built for {linked}: it takes {linked} or a later one of "
            f"the same major version"
        )
    return (
        f"needs TensorRT {linked}, and no libnvinfer.so.{linked} and libnvinfer_plugin.so.{linked} are where the "
        f"system's loader looks; install TensorRT {linked} for CUDA 12 and name its folder in /etc/ld.so.conf.d (then "
        f"run ldconfig)"
    )


def _fits(linked: str, loaded: str) -> bool:
    if not loaded:
        return False
    built, here = (tuple(map(int, version.split("."))) for version in (linked, loaded))
    return here[0] == built[0] and here >= built
