"""docs/measurement-proof.md: every promise with its bound, its value, and whether it holds."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from benchmarks.figure import Figure

HEADINGS = ("what", "value", "bound", "holds", "how")

HEAD = """# Does the method hold?

Written by `python -m benchmarks.measurement`.

The method of [measurement.md](measurement.md) makes promises, and each has a bound here. It is the farm's own
controller and its own child processes that measure, on the last core, with one thread and batch 1, as a worker's task
would; a measurement is one attempt of the effort `quick` (3 pairs of 1.6 s) unless something else is said. The models
have random weights: MobileNetV2 and EfficientNetB0 (224 x 224), ResNet50 (128 x 128), and PilotNet (17.0 M
parameters). Raw rows stay in `build/measurement/*.json`; `--only` runs a section alone, a run that was ended goes on
where it stood, `--fresh` begins anew, and all sections take about 95 minutes on two quiet cores.

Versions: {versions}.
"""

AGREEMENT = """
The machine's speed changes by some percent within seconds, so in a round a tool and the farm take turns of a second on
one core: the tool is stopped (SIGSTOP) while the farm's warm process works, and that waits on its pipe meanwhile. Both
are fresh processes, pinned and shielded alike. A round compares 4 s of the tool with the farm's turns in that time; the
value is how far the tool's is from the farm's, the median over rounds, of which only those count in which the farm's
part was clean: six at least. Offline would count the stops; it runs between two turns of the farm. LoadGen
(`benchmarks/measurement/loadgen.lock`) drives ONNX Runtime by a program that shares no code with the farm; its log may
be written on another core, where the farm's controller works too, and its own part of a request is in its figures.
`benchmark_app` runs with `-api sync -hint none -nstreams 1 -nthreads 1 -infer_precision f32`. It and
`litert-benchmark`, which runs LiteRT's CompiledModel, time a call whose input is in place, so the farm times that very
call too.

Meanwhile the proof itself holds all free memory that is scattered, so that what starts second does not get better
pages ([why](decisions/paired-timing.md)). Processes of ONNX Runtime differ from each other more than those of the
others, so LoadGen's percentiles take twice as many rounds.
"""
REPEATABILITY = """
The same ratio, again and again: the standard deviation over the mean.
"""
TWINS = """
An artifact against itself: its ratio is 1 in truth, and the 95% interval should hold that.
"""
DETECTION = """
The candidate is the baseline's artifact with a spin of 3% of its latency after each request. A rival is a process that
spins on the residents' core with the rights of a shielded resident; there a run is one pair. An ordinary process spins
there too, but the shield holds it off.
"""
CONTENTION = """
Known ratios beside what others may run: a request that takes 3% longer, one that does the same work twice and eight
times, and a model that waits for memory against one that computes. The truth is the median of five measurements in
quiet. The loads, one process a core: spinning, copying memory that no cache holds, reading a cache's worth in random
order, writing files with fsync, starting short processes; and a second farm that measures on the same core with the
same rights. Of the measurements that are not invalid, 90% of the intervals have to hold the truth.
"""
OVERHEAD = """
In one shielded process the farm's clock (`clock.py`) and a bare loop take turns of 100 ms over the same requests.
"""
SECTIONS = {
    "agreement": ("Agreement with other tools", AGREEMENT),
    "repeatability": ("Repeatability", REPEATABILITY),
    "twins": ("Twins", TWINS),
    "detection": ("Detection", DETECTION),
    "contention": ("Beside others' work", CONTENTION),
    "overhead": ("Overhead", OVERHEAD),
}


def text(
    figures: Mapping[str, Sequence[Figure]], *, machine: str, versions: Mapping[str, str], before: str = ""
) -> str:
    """The whole page; a section that was not measured stays as the page had it before, or says so."""
    listed = ", ".join(f"{name} {version}" for name, version in versions.items())
    parts = {title: part for title, _, part in (each.partition("\n") for each in before.split("\n## ")[1:])}
    taken = f"On {machine}, {datetime.now(UTC):%Y-%m-%d}."
    sections = (_section(name, figures.get(name, ()), taken, parts) for name in SECTIONS)
    return "\n".join([HEAD.format(versions=listed), *sections])


def _section(name: str, figures: Sequence[Figure], taken: str, before: Mapping[str, str]) -> str:
    title, about = SECTIONS[name]
    if not figures and title in before:
        return f"## {title}\n{before[title].rstrip()}\n"
    lines = map(_line, (HEADINGS, ("---",) * len(HEADINGS), *(figure.row() for figure in figures)))
    return "\n".join([f"## {title}", about, *((taken, "", *lines) if figures else ("Not measured yet.",)), ""])


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
