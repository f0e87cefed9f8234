"""One worker for each GPU of this machine, under one parent that ends with the last of them."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence

import structlog

from optfarm_worker.devices import gpu
from optfarm_worker.errors import BadSettings
from optfarm_worker.watchdog import EXIT_CODE as AGAIN

PAUSE_S = 1.0
"""Before a worker that asks for it is started again."""

log = structlog.get_logger()


def serve(arguments: Sequence[str]) -> int:
    """Runs a worker for each GPU until it is stopped by SIGTERM or SIGINT; blocks.

    Args:
        arguments: of each worker, without its device.

    Returns:
        the exit code: the first that is not 0, or 0.

    Raises:
        BadSettings: there is no GPU; the message says why.
    """
    names = gpu.names()
    if not names:
        raise BadSettings(f"--all-gpus: this machine has no GPU{_why()}")
    workers = [_Worker(name, arguments) for name in names]

    def stop(number: int, _frame: object) -> None:
        for each in workers:
            each.stop(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    threads = [threading.Thread(target=each.run, name=each.device) for each in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return next((each.code for each in workers if each.code), 0)


def _why() -> str:
    reason = gpu.absence("gpu:0")
    return f" ({reason})" if reason else ""


class _Worker:
    """The worker of one GPU, which is started again where it asks for that."""

    def __init__(self, device: str, arguments: Sequence[str]) -> None:
        self.device, self.code = device, 0
        end_with = ("--parent", str(os.getpid()))
        self._command = [sys.executable, "-m", "optfarm_worker", "--device", device, *end_with, *arguments]
        self._process: subprocess.Popen[bytes] | None = None
        self._stopping = threading.Event()

    def run(self) -> None:
        """Until it ends otherwise than to be started again."""
        while process := self._started():
            self.code = process.wait()
            if self.code != AGAIN:
                log.info("worker ended", device=self.device, code=self.code)
                return
            self._stopping.wait(PAUSE_S)

    def stop(self, number: int) -> None:
        """Passes a signal on, and starts it no more."""
        self._stopping.set()
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)

    def _started(self) -> subprocess.Popen[bytes] | None:
        if self._stopping.is_set():
            return None
        # A group of its own, so that Ctrl-C comes once, from here.
        self._process = subprocess.Popen(self._command, process_group=0)
        if self._stopping.is_set():
            # The signal came while it was started.
            self._process.terminate()
        return self._process
