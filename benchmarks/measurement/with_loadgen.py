"""Lets MLPerf LoadGen drive ONNX Runtime and prints its summary as JSON: ONNX SCENARIO SECONDS EXPECTED_NS CORE.

It runs in the environment of loadgen.lock and shares no code with the farm; only the settings of the session are those
of the farm's runtime, and 32 inputs are drawn before the clock starts. The core is the model's; LoadGen's own threads
may run wherever this process may.
"""

import json
import os
import re
import sys
import tempfile
import time
from pathlib import Path

import mlperf_loadgen as loadgen
import numpy as np

SAMPLES = 32
WARM_UP_S = 1.0
LINES = {
    "p50_ns": r"50\.00 percentile latency \(ns\)\s*:\s*(\d+)",
    "p90_ns": r"90\.00 percentile latency \(ns\)\s*:\s*(\d+)",
    "samples_per_s": r"Samples per second\s*:\s*([\d.]+)",
}


def session_of(file):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.force_spinning_stop", "1")
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])


def settings_of(scenario, seconds, expected_ns):
    settings = loadgen.TestSettings()
    settings.scenario = getattr(loadgen.TestScenario, scenario)
    settings.mode = loadgen.TestMode.PerformanceOnly
    settings.min_duration_ms = int(seconds * 1000)
    settings.min_query_count = 100 if scenario == "SingleStream" else 1
    settings.single_stream_expected_latency_ns = expected_ns
    settings.offline_expected_qps = 1e9 / expected_ns
    return settings


def summary_of(settings, answer, load):
    with tempfile.TemporaryDirectory() as folder:
        output = loadgen.LogOutputSettings()
        output.outdir = folder
        output.copy_summary_to_stdout = False
        logs = loadgen.LogSettings()
        logs.log_output, logs.enable_trace = output, False
        sut = loadgen.ConstructSUT(answer, lambda: None)
        qsl = loadgen.ConstructQSL(SAMPLES, SAMPLES, load, lambda _: None)
        loadgen.StartTestWithLogSettings(sut, qsl, settings, logs)
        loadgen.DestroyQSL(qsl)
        loadgen.DestroySUT(sut)
        return (Path(folder) / "mlperf_log_summary.txt").read_text()


def main(file, scenario, seconds, expected_ns, core):
    everywhere = os.sched_getaffinity(0)

    def stay(_=None):
        os.sched_setaffinity(0, {int(core)})

    stay()
    session = session_of(file)
    (taken,) = session.get_inputs()
    names = [each.name for each in session.get_outputs()]
    shape = [size if isinstance(size, int) else 1 for size in taken.shape]
    random = np.random.default_rng(0)
    feeds = [{taken.name: random.standard_normal(shape).astype(np.float32)} for _ in range(SAMPLES)]
    warm_until = time.monotonic() + WARM_UP_S
    while time.monotonic() < warm_until:
        session.run(names, feeds[0])

    def answer(queries):
        for query in queries:
            session.run(names, feeds[query.index])
            loadgen.QuerySamplesComplete([loadgen.QuerySampleResponse(query.id, 0, 0)])

    settings = settings_of(scenario, float(seconds), int(expected_ns))
    # LoadGen's threads start with what this one may, and run by the time that samples are loaded.
    os.sched_setaffinity(0, everywhere)
    summary = summary_of(settings, answer, load=stay)
    found = {name: re.search(line, summary) for name, line in LINES.items()}
    values = {name: float(each[1]) for name, each in found.items() if each}
    print(json.dumps({**values, "is_valid": "Result is : VALID" in summary}))


if __name__ == "__main__":
    main(*sys.argv[1:])
