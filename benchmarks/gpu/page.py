"""The tables of docs/gpu.md, from what was answered."""

from collections.abc import Iterable, Iterator
from typing import Any

HEADING = "## What was measured"
Answers = dict[str, dict[str, Any]]
SPEED = (
    "network", "recipe", "p50 ms", "kernels ms", "speed-up [95%]", "verdict", "best batch", "images/s", "mJ",
    "of roofline",
)  # fmt: skip
TARGETS = ("what", "found", "must reach")


def renewed(text: str, answers: Answers) -> str:
    """The page with everything from its last heading on written anew."""
    return f"{text.partition(HEADING)[0].rstrip()}\n\n{HEADING}\n\n" + "\n".join(_lines(answers)).rstrip() + "\n"


def _lines(answers: Answers) -> Iterator[str]:
    if "peak" not in answers:
        yield "Nothing has been measured on a GPU."
        return
    machine = answers["peak"]
    name = machine["gpu"]["name"] if machine["gpu"] else "no GPU"
    yield f"On {name}, PyTorch {machine['torch']}, {machine['at']}, by `python -m benchmarks.gpu`."
    yield ""
    yield from _table(SPEED, (_speed(row) for key, row in answers.items() if key.startswith("speed ")))
    yield ""
    yield from _table(TARGETS, _targets(answers))


def _speed(row: dict[str, Any]) -> tuple[str, ...]:
    if "failed" in row:
        return row["network"], row["recipe"], row["failed"], *[""] * (len(SPEED) - 3)
    found, clock = row["measurement"], row["measurement"]["device_clock"]
    best = max(row["ladder"]["rungs"], key=lambda rung: rung["throughput_per_s"])
    energy_mj = (found["energy"] or {}).get("per_request_mj")
    low, high = found["ratio"]["ci95"] or (float("nan"),) * 2
    return (
        row["network"],
        row["recipe"],
        f"{found['latency_ns']['p50'] / 1e6:.3f}",
        "" if clock is None else f"{clock['compute_p50_ns'] / 1e6:.3f}",
        f"{found['ratio']['value']:.2f} [{low:.2f}, {high:.2f}]",
        found["verdict"],
        f"{best['batch_size']} ({row['ladder']['stop']})",
        f"{best['throughput_per_s']:.0f}",
        "" if energy_mj is None else f"{energy_mj:.1f}",
        "" if row["roofline_share"] is None else f"{row['roofline_share']:.0%}",
    )


def _targets(answers: Answers) -> Iterator[tuple[str, ...]]:
    rows = [row for key, row in answers.items() if key.startswith("speed ") and "failed" not in row]
    mobile = [row["measurement"]["ratio"]["value"] for row in rows if row["network"] == "mobilenet_v2"]
    shares = [row["roofline_share"] for row in rows if row["roofline_share"] is not None]
    twins = [row["covers"] for key, row in answers.items() if key.startswith("twin ")]
    if mobile:
        yield "MobileNetV2 at batch 1, the fastest against op by op in float32", f"{max(mobile):.2f}", "≥ 8"
    if shares:
        yield "share of the roofline at the best batch, the best variant", f"{max(shares):.0%}", "≥ 60%"
    for key, row in answers.items():
        if key.startswith("yardsticks "):
            for what, pair in (("end to end", row["end_to_end_ms"]), ("kernels", row["kernels_ms"])):
                other = next(name for name in pair if name != "ours")
                yield f"{row['network']}: {what}, ours ÷ {other}", f"{pair['ours'] / pair[other]:.3f}", "0.98 to 1.02"
    if twins:
        yield f"intervals of {len(twins)} twins that hold 1", f"{sum(twins) / len(twins):.0%}", "≥ 90%"


def _table(headings: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield from (f"| {' | '.join(row)} |" for row in (headings, ("---",) * len(headings), *rows))
