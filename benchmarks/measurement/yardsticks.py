"""Other people's measuring tools, each in a fresh process, pinned and shielded as the farm's residents are."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from benchmarks.measurement.rig import Row
from benchmarks.measurement.subjects import Subject, file_of

HERE = Path(__file__).parent
BIN = Path(sys.executable).parent
TIMED_S = 2.0
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

    def loadgen(self, subject: Subject, *, expected_ns: int) -> Row:
        """SingleStream's percentiles, and of Offline the mean time of a sample, in ns."""
        python = str(self._environment() / "bin/python")

        def run(scenario: str) -> Row:
            words = (str(file_of(subject.onnx, ".onnx")), scenario, str(TIMED_S), str(expected_ns))
            told: Row = json.loads(self._run([python, str(HERE / "with_loadgen.py"), *words]))
            return told

        single, offline = run("SingleStream"), run("Offline")
        return {"p50_ns": single["p50_ns"], "p90_ns": single["p90_ns"], "mean_ns": 1e9 / offline["samples_per_s"]}

    def benchmark_app(self, subject: Subject, *, expected_ns: int) -> Row:
        """OpenVINO's median latency in ns, of a request whose input is in place."""
        with tempfile.TemporaryDirectory() as folder:
            shape = ["-shape", str([1, *subject.shape]).replace(" ", "")]
            count = ["-niter", str(_requests(TIMED_S, expected_ns))]
            model = ["-m", str(file_of(subject.openvino, ".xml")), *shape, *count]
            reported = ["-json_stats", "-report_type", "no_counters", "-report_folder", folder]
            self._run([str(BIN / "benchmark_app"), *model, *ALONE, *reported])
            (report,) = Path(folder).glob("*.json")
            return {"p50_ns": float(json.loads(report.read_text())["execution_results"]["latency (ms)"]) * 1e6}

    def litert_benchmark(self, subject: Subject, *, expected_ns: int) -> Row:
        """LiteRT's median latency in ns, of a request whose input is in place."""
        counts = {"num_runs": TIMED_S, "warmup_runs": WARM_UP_S}
        words = [f"--{name}={_requests(seconds, expected_ns)}" for name, seconds in counts.items()]
        with tempfile.TemporaryDirectory() as folder:
            result = Path(folder) / "result.json"
            model = f"--model={file_of(subject.tflite, '.tflite')}"
            self._run([str(BIN / "litert-benchmark"), model, "--num_threads=1", *words, f"--result_json={result}"])
            return {"p50_ns": json.loads(result.read_text())["latency"]["median_ms"] * 1e6}

    def _run(self, command: Sequence[str]) -> str:
        cores = ",".join(map(str, self.cores))
        shielded = [sys.executable, "-m", "benchmarks.measurement.shielded", cores, *command]
        ended = subprocess.run(shielded, check=False, capture_output=True, text=True, start_new_session=True)
        if ended.returncode:
            raise SystemExit(f"{' '.join(command)} failed:\n{ended.stdout[-2000:]}{ended.stderr[-2000:]}")
        return ended.stdout

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


def _requests(seconds: float, expected_ns: int) -> int:
    return max(20, round(seconds * 1e9 / expected_ns))
