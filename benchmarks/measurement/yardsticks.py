"""Other people's measuring tools, each in a fresh process, pinned and shielded as the farm's residents are."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import IO

from benchmarks.measurement.rig import Row
from benchmarks.measurement.subjects import Subject, file_of

Meanwhile = Callable[[], None] | None
"""What happens each second while a tool is stopped; None to let it run."""

HERE = Path(__file__).parent
BIN = Path(sys.executable).parent
TIMED_TURNS = 4
TURN_S = 1.0
TIMED_S = TIMED_TURNS * TURN_S
WARM_UP_S = 1.0
ALONE = ("-d", "CPU", "-api", "sync", "-hint", "none", "-nstreams", "1", "-nthreads", "1", "-infer_precision", "f32")
"""One request after the other on one thread, in the precision of the artifact."""


def versions() -> dict[str, str]:
    """Of LoadGen, as its lock has it, and of what is installed beside the farm."""
    locked = dict(line.split("==") for line in (HERE / "loadgen.lock").read_text().split())
    installed = {name: metadata.version(name) for name in ("onnxruntime", "openvino", "ai-edge-litert")}
    return {"mlcommons-loadgen": locked["mlcommons-loadgen"], **installed}


@dataclass(frozen=True)
class Tools:
    """Where tools run, and LoadGen's environment."""

    cores: tuple[int, ...]
    folder: Path

    def loadgen(self, subject: Subject, *, expected_ns: int, meanwhile: Meanwhile) -> Row:
        """SingleStream's percentiles in ns."""
        # Its clock goes on while it is stopped, which is half of the time.
        found = self._loadgen(subject, "SingleStream", 2 * TIMED_S, expected_ns, meanwhile)
        return {"p50_ns": found["p50_ns"], "p90_ns": found["p90_ns"]}

    def loadgen_offline(self, subject: Subject, *, expected_ns: int, meanwhile: Meanwhile) -> Row:
        """Offline's mean time of a sample in ns, stops included."""
        found = self._loadgen(subject, "Offline", TIMED_S, expected_ns, meanwhile)
        return {"mean_ns": 1e9 / found["samples_per_s"]}

    def _loadgen(self, subject: Subject, scenario: str, seconds: float, expected_ns: int, meanwhile: Meanwhile) -> Row:
        words = (str(file_of(subject.onnx, ".onnx")), scenario, str(seconds), str(expected_ns), str(self.cores[0]))
        command = [str(self._environment() / "bin/python"), str(HERE / "with_loadgen.py"), *words]
        # Its log has a thread of its own, which the farm's controller has too: away from the core that is timed.
        found: Row = json.loads(self._run(command, meanwhile, cores=os.sched_getaffinity(0)))
        return found

    def benchmark_app(self, subject: Subject, *, expected_ns: int, meanwhile: Meanwhile) -> Row:
        """OpenVINO's median latency in ns, of a request whose input is in place."""
        with tempfile.TemporaryDirectory() as folder:
            shape = ["-shape", str([1, *subject.shape]).replace(" ", "")]
            count = ["-niter", str(_requests(TIMED_S, expected_ns))]
            model = ["-m", str(file_of(subject.openvino, ".xml")), *shape, *count]
            reported = ["-json_stats", "-report_type", "no_counters", "-report_folder", folder]
            self._run([str(BIN / "benchmark_app"), *model, *ALONE, *reported], meanwhile)
            (report,) = Path(folder).glob("*.json")
            return {"p50_ns": float(json.loads(report.read_text())["execution_results"]["latency (ms)"]) * 1e6}

    def litert_benchmark(self, subject: Subject, *, expected_ns: int, meanwhile: Meanwhile) -> Row:
        """LiteRT's median latency in ns, of a request whose input is in place."""
        counts = {"num_runs": TIMED_S, "warmup_runs": WARM_UP_S}
        words = [f"--{name}={_requests(seconds, expected_ns)}" for name, seconds in counts.items()]
        with tempfile.TemporaryDirectory() as folder:
            result = Path(folder) / "result.json"
            model = f"--model={file_of(subject.tflite, '.tflite')}"
            command = [str(BIN / "litert-benchmark"), model, "--num_threads=1", *words, f"--result_json={result}"]
            self._run(command, meanwhile)
            return {"p50_ns": json.loads(result.read_text())["latency"]["median_ms"] * 1e6}

    def _run(self, command: Sequence[str], meanwhile: Meanwhile, *, cores: Collection[int] | None = None) -> str:
        """Runs a tool to its end; every second it is stopped while something else happens, if that is given."""
        where = ",".join(map(str, cores or self.cores))
        shielded = [sys.executable, "-m", "benchmarks.measurement.shielded", where, *command]
        with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
            tool = subprocess.Popen(shielded, stdout=out, stderr=err, start_new_session=True)
            while not _has_ended(tool, within_s=TURN_S):
                if meanwhile is not None:
                    os.killpg(tool.pid, signal.SIGSTOP)
                    meanwhile()
                    os.killpg(tool.pid, signal.SIGCONT)
            said, failed = (_text(stream) for stream in (out, err))
        if tool.returncode:
            raise SystemExit(f"{' '.join(command)} failed:\n{said[-2000:]}{failed[-2000:]}")
        return said

    def _environment(self) -> Path:
        """LoadGen's virtual environment; it holds what the lock names."""
        lock, venv = HERE / "loadgen.lock", self.folder / "loadgen"
        stamp = venv / "lock"
        if not (stamp.exists() and stamp.read_bytes() == lock.read_bytes()):
            pip = [str(venv / "bin/python"), "-m", "pip", "install", "--quiet", "--only-binary", ":all:", "--no-deps"]
            for command in ([sys.executable, "-m", "venv", "--clear", str(venv)], [*pip, "-r", str(lock)]):
                subprocess.run(command, check=True, env={**os.environ, "PYTHONPATH": ""})
            shutil.copyfile(lock, stamp)
        return venv


def _has_ended(tool: "subprocess.Popen[bytes]", *, within_s: float) -> bool:
    with contextlib.suppress(subprocess.TimeoutExpired):
        tool.wait(within_s)
    return tool.returncode is not None


def _text(stream: IO[str]) -> str:
    stream.seek(0)
    return stream.read()


def _requests(seconds: float, expected_ns: int) -> int:
    return max(20, round(seconds * 1e9 / expected_ns))
