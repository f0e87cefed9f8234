"""The wide table has what fits into no terminal otherwise, and the usual one stays narrow."""

import pytest

from optfarm.cli.report import print_report
from optfarm.columns import WIDE, cells_of
from optfarm.notes import notes_of
from optfarm_tasks.schema.measurement import Energy, Flag
from tests.unit.reports import measurement, report, row

UNKNOWN = Energy(per_request_mj=None, source=None, reason="/sys/class/powercap has no RAPL zone")
KNOWN = Energy(per_request_mj=12.34, source="rapl package-0", reason=None)
MEMORY = {"peak_rss_bytes": 150_000_000, "floor_rss_bytes": 120_000_000, "model_rss_bytes": 30_000_000}


def test_sizes_memory_beyond_the_floor_and_energy_stand_in_a_row() -> None:
    variant = row("tflite-int8", zstd_bytes=14_000_000, measurement=measurement(4.9, energy=KNOWN, **MEMORY))

    assert cells_of(WIDE, variant) == ("15", "14", "30", "150", "12.3")


def test_what_is_not_known_is_left_empty_and_said_below() -> None:
    unmeasured, unknown = row("baseline", measurement=None), row("openvino", measurement=measurement(2, energy=UNKNOWN))

    assert cells_of(WIDE, unmeasured) == ("15", "", "", "", "")
    assert cells_of(WIDE, unknown)[-1] == ""
    assert notes_of(report(unmeasured, unknown, unknown), wide=True)[1:] == (
        "energy on alpha.cpu is not known: /sys/class/powercap has no RAPL zone",
    )


def test_only_the_wide_table_is_wider_than_a_hundred_columns(capsys: pytest.CaptureFixture[str]) -> None:
    flags = (Flag.EXT_LOAD, Flag.UNSHIELDED)
    facts = report(row("prune -> tflite-int8", measurement=measurement(4.9, flags=flags, **MEMORY)))

    print_report(facts)
    usual = capsys.readouterr().out
    print_report(facts, max_loss=0.005, wide=True)
    wide = capsys.readouterr().out

    assert max(len(line.rstrip()) for line in usual.splitlines()) <= 100
    assert not [column.heading for column in WIDE if column.heading in usual]
    assert all(column.heading in wide for column in WIDE)
