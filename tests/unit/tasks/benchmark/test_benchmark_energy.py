"""Counters of energy: which are read, how they wrap around, and what is said where there are none."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from optfarm_tasks.benchmark.host import energy
from optfarm_tasks.benchmark.host.energy import Absent, Rapl


def zone(powercap: Path, folder: str, name: str, *, uj: int = 0, range_uj: int = 1000) -> Path:
    place = powercap / folder
    place.mkdir(parents=True)
    (place / "name").write_text(f"{name}\n")
    (place / "max_energy_range_uj").write_text(f"{range_uj}\n")
    (place / "energy_uj").write_text(f"{uj}\n")
    return place / "energy_uj"


def test_packages_and_memory_are_read_once_each_and_parts_of_them_are_not(tmp_path: Path) -> None:
    zone(tmp_path, "intel-rapl:0", "package-0", uj=1)
    zone(tmp_path, "intel-rapl:0:0", "core", uj=10)
    zone(tmp_path, "intel-rapl:0:1", "dram", uj=100)
    zone(tmp_path, "intel-rapl:1", "package-1", uj=2)
    zone(tmp_path, "intel-rapl:1:0", "dram", uj=200)
    zone(tmp_path, "intel-rapl:2", "psys", uj=1000)
    zone(tmp_path, "intel-rapl-mmio:0", "package-0", uj=1)

    meter = energy.find({"CUDA_VISIBLE_DEVICES": "-1"}, powercap=tmp_path)

    assert isinstance(meter, Rapl)
    assert sorted(meter.read() or ()) == [1, 2, 100, 200]
    assert "psys" not in meter.source


def test_each_counter_wraps_around_for_itself(tmp_path: Path) -> None:
    files = [zone(tmp_path, f"intel-rapl:{index}", f"package-{index}", uj=900) for index in (0, 1)]
    meter = energy.rapl(tmp_path)
    before = meter.read()

    files[0].write_text("50")
    files[1].write_text("950")

    assert meter.spent_uj(before, meter.read()) == 150 + 50


def test_a_counter_that_vanishes_gives_nothing(tmp_path: Path) -> None:
    file = zone(tmp_path, "intel-rapl:0", "package-0")
    meter = energy.rapl(tmp_path)
    before = meter.read()

    file.unlink()

    assert meter.spent_uj(before, meter.read()) is None


def test_a_machine_without_zones_says_so(tmp_path: Path) -> None:
    meter = energy.rapl(tmp_path / "powercap")

    assert isinstance(meter, Absent)
    assert "has no RAPL zone" in meter.reason
    assert meter.read() is None


def test_a_counter_for_root_alone_is_named_with_what_to_do(tmp_path: Path) -> None:
    said = energy.refusal(tmp_path / "energy_uj", PermissionError(13, "Permission denied"))

    assert "energy_uj is not readable by this user" in said


def test_a_counter_that_holds_no_number_is_named(tmp_path: Path) -> None:
    zone(tmp_path, "intel-rapl:0", "package-0").write_text("soon")

    assert "intel-rapl:0/energy_uj cannot be read" in (energy.rapl(tmp_path).reason or "")


@given(start=st.integers(0, 999), spent=st.integers(0, 999))
def test_what_was_spent_is_found_again_across_one_wrap(start: int, spent: int) -> None:
    assert energy.grown_uj(start, (start + spent) % 1000, range_uj=1000) == spent
