"""Judges many pairs in worker processes; one that crashes or hangs is a verdict, and the rest go on."""

import contextlib
import json
import queue
import select
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import psutil

_LARGE_BYTES = 5 << 30
Pair = tuple[str, str]
"""Model and recipe."""
ROOT = Path(__file__).parents[2]


class Worker:
    """One process that answers pairs, made anew after it ended."""

    def __init__(self, limit_s: float) -> None:
        """A pair may take so many seconds, the building of its model included."""
        self._limit_s = limit_s
        self._process: Any = None

    def judge(self, pair: Pair) -> dict[str, Any]:
        """The answer to one pair; blocks."""
        process = self._running()
        process.stdin.write("\t".join(pair).encode() + b"\n")
        process.stdin.flush()
        ready, _, _ = select.select([process.stdout], [], [], self._limit_s)
        line = process.stdout.readline() if ready else b""
        if line:
            found: dict[str, Any] = json.loads(line)
            return found
        word, detail = ("crash", self._ended()) if ready else ("hang", f"no end after {self._limit_s:.0f} s")
        self.close()
        return {"model": pair[0], "recipe": pair[1], "word": word, "detail": detail, "seconds": 0.0}

    def close_if_large(self) -> None:
        """Ends a process that grew: TensorFlow keeps what was trained, 13 GB after some hundred models."""
        if self._process is not None and psutil.Process(self._process.pid).memory_info().rss > _LARGE_BYTES:
            self.close()

    def close(self) -> None:
        """Ends the process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._reader.join()
            for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
                with contextlib.suppress(BrokenPipeError):
                    stream.close()
            self._process = None

    def _running(self) -> Any:
        if self._process is None:
            command = [sys.executable, "-m", "tests.zoo.worker"]
            pipe = subprocess.PIPE
            self._process = subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=subprocess.PIPE)
            self._errors: list[bytes] = []
            self._reader = threading.Thread(target=_drain, args=(self._process.stderr, self._errors), daemon=True)
            self._reader.start()
        return self._process

    def _ended(self) -> str:
        status = self._process.wait()
        self._reader.join()
        said = b"".join(self._errors[-4:]).decode(errors="replace").strip().splitlines()
        return f"the process ended with {status}: {said[-1] if said else ''}"


def _drain(stream: Any, lines: list[bytes]) -> None:
    for line in stream:
        lines.append(line)
        del lines[:-40]


def judged(pairs: Iterable[Pair], *, workers: int, limit_s: float, on_answer: Callable[[dict[str, Any]], None]) -> None:
    """Judges pairs, those of one model in one process one after the other; calls back with each answer."""
    models: queue.SimpleQueue[list[Pair]] = queue.SimpleQueue()
    for _, group in groupby(pairs, key=lambda pair: pair[0]):
        models.put(list(group))
    lock = threading.Lock()

    def work() -> None:
        worker = Worker(limit_s)
        for pair in _taken(models):
            answer = worker.judge(pair)
            with lock:
                on_answer(answer)
            worker.close_if_large()
        worker.close()

    threads = [threading.Thread(target=work) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _taken(models: "queue.SimpleQueue[list[Pair]]") -> Iterator[Pair]:
    while True:
        try:
            yield from models.get_nowait()
        except queue.Empty:
            return
