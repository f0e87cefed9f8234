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
    linked, loaded = said.get(probe.LINKED), said.get(probe.LOADED)
    if linked is None:
        why = complaints.strip().rpartition("\n")[2] or f"it ended with {code}"
        raise MissingToolchain(f"{user} runs on the toolchain tf217-trt alone: {sys.executable} has no TF-TRT: {why}")
    if linked == _NONE:
        raise MissingToolchain(
            f"{user} runs on the toolchain tf217-trt alone: the TensorFlow of {sys.executable} was built without "
            f"TensorRT, as all are after 2.17"
        )
    if loaded is None:
        raise MissingToolchain(_absence(linked, code=code, user=user))
    if not _fits(linked, loaded):
        raise MissingToolchain(
            f"{user} loads TensorRT {loaded}, and this TensorFlow was built for {linked}: it takes {linked} or a later "
            f"one of the same major version"
        )
    return loaded


def _absence(linked: str, *, code: int, user: str) -> str:
    names = f"libnvinfer.so.{linked} and libnvinfer_plugin.so.{linked}"
    if code:
        how = f"by {signal.Signals(-code).name}" if code < 0 else f"with {code}"
        return f"{user}: {names} are here, but the process that loaded them ended {how}: install TensorRT {linked} anew"
    return (
        f"{user} needs TensorRT {linked}, and no {names} is where the system's loader looks; install TensorRT {linked} "
        f"for CUDA 12 and name its folder in /etc/ld.so.conf.d (then run ldconfig)"
    )


def _fits(linked: str, loaded: str) -> bool:
    built, here = (tuple(map(int, version.split("."))) for version in (linked, loaded))
    return here[0] == built[0] and here >= built
