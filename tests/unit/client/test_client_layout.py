"""A table fits the terminal: what is of least worth gives way, and what stays is never cut."""

import os
import subprocess
import sys

import pytest

from optfarm.columns import cells_of, columns_of
from optfarm.layout import GAP, Laid, fitted, laid
from optfarm_tasks.errors import Reason
from optfarm_tasks.schema.measurement import Verdict
from optfarm_tasks.schema.result import Failure
from optfarm_tasks.schema.sweep import Row
from tests.unit.reports import failed, measurement, quality, report, row
from tests.unit.scheduler_stub import Answer, Asked, serving

FLAGS = ("no_steady_state", "mem_contention", "tail_spread")
ROWS = (
    row("baseline"),
    row("tflite-int8", measurement=measurement(4.9, speed_up=11.84)),
    row(
        "prune(sparsity=0.85, epochs=3) -> tflite-int8-float",
        quality=quality(0.0123, nmse_ci95=(0.0101, 0.0145)),
        measurement=measurement(123.4, speed_up=3.91, verdict=Verdict.DEGRADED, flags=FLAGS),
    ),
    failed("openvino-int8-accuracy", Failure(reason=Reason.MISSING_TOOLCHAIN, message="nncf is absent")),
)


def layout(width: int, *rows: Row, max_loss: float | None = None) -> tuple[Laid, ...]:
    columns = columns_of(report(*rows), max_loss=max_loss)
    return fitted(laid(columns, [cells_of(columns, each) for each in rows]), width)


def headings(found: tuple[Laid, ...]) -> list[str]:
    return [each.column.heading for each in found]


@pytest.mark.parametrize("max_loss", [None, 0.01])
@pytest.mark.parametrize("width", [80, 100, 120, 160])
def test_a_table_is_never_wider_than_its_room(width: int, max_loss: float | None) -> None:
    found = layout(width, *ROWS, max_loss=max_loss)

    assert sum(each.width + GAP for each in found) - GAP <= width
    kept = {"method", "speed-up [95%]", "verdict", *(["gate"] if max_loss else [])}
    assert kept <= set(headings(found))
    assert all(each.width >= each.least for each in found)


def test_the_columns_of_least_worth_give_way_first() -> None:
    everything = headings(layout(200, *ROWS))

    assert everything == ["method", "size (MB)", "MSE", "inference (ms)", "speed-up [95%]", "verdict"]
    assert "size (MB)" not in headings(layout(80, *ROWS))
    assert set(headings(layout(70, *ROWS))) <= set(headings(layout(80, *ROWS)))


def test_a_narrow_table_of_short_cells_keeps_all_columns() -> None:
    assert len(layout(80, row("baseline"), row("tflite-int8"))) == 6


def test_a_table_without_rows_has_its_headings() -> None:
    assert len(layout(80)) == 6


def printed(*words: str, columns: str | None = None) -> str:
    def answer(_: Asked) -> Answer:
        return Answer(200, report(*ROWS).model_dump_json().encode())

    env = {name: value for name, value in os.environ.items() if not name.startswith("OPTFARM_") and name != "COLUMNS"}
    with serving(answer) as stub:
        env |= {"OPTFARM_URL": stub.url} | ({} if columns is None else {"COLUMNS": columns})
        command = [sys.executable, "-c", "from optfarm.cli import main; main()", "report", "abc", *words]
        return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=True).stdout


def table_of(text: str) -> list[str]:
    lines = text.splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("method"))
    return lines[first : next(number for number, line in enumerate(lines) if line.startswith("•"))]


def test_a_report_at_80_columns_cuts_nothing_and_prints_no_empty_lines() -> None:
    text = printed(columns="80")

    table = table_of(text)
    assert max(map(len, table)) <= 80
    assert len(table) <= 1 + len(ROWS) + 4
    assert all(line.strip() for line in table)
    assert "failed: missing_toolchain" in text
    assert "11.84 [11.79, 11.89]" in text
    assert all(f"({flag})" in text for flag in FLAGS)
    assert "left out for want of room, --wide shows all: size (MB)" in text


def test_a_pipe_follows_columns_and_else_cuts_nothing() -> None:
    assert max(map(len, table_of(printed(columns="100")))) <= 100
    free = printed("--max-loss", "1.23%")
    assert len(table_of(free)) == 1 + len(ROWS)
    assert "undecided" in free
    assert "left out" not in free


def test_wide_shows_everything_however_narrow_the_terminal() -> None:
    first, *_ = table_of(printed("--wide", "--max-loss", "1%", columns="80"))

    assert "energy (mJ)" in first
    assert "gate" in first
    assert "size (MB)" in first


def test_the_gate_stands_in_every_form() -> None:
    assert ",gate\n" in printed("--max-loss", "1%", "--csv")
    assert "gate" not in printed("--csv")
    assert "| gate |" in printed("--max-loss", "1%", "--markdown")
    assert "take more test samples" in printed("--max-loss", "1.23%", "--markdown")
