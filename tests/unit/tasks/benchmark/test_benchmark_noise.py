"""What is read of the machine from the kernel's files, here files with known contents."""

from pathlib import Path

import pytest

from optfarm_tasks.benchmark.host import noise

STAT = "cpu  {busy} 0 0 900 0 0 0 {steal} 0 0\ncpu0 0 0 0 0 0 0 0 0 0 0\ncpu1 0 0 0 0 0 0 0 {steal} 0 0\nctxt 9\n"


def kernel(folder: Path, *, busy: int = 0, steal: int = 0, psi_us: int | None = 0) -> Path:
    """A folder that looks like /proc."""
    folder.mkdir(exist_ok=True)
    (folder / "stat").write_text(STAT.format(busy=busy, steal=steal))
    if psi_us is not None:
        (folder / "pressure").mkdir(exist_ok=True)
        (folder / "pressure/cpu").write_text(f"some avg10=0.00 avg60=0.00 avg300=0.00 total={psi_us}\nfull total=7\n")
    return folder


def process(folder: Path, threads: dict[int, tuple[int, int]]) -> Path:
    """The same, with a process 7 whose threads ran and waited so long."""
    for tid, (run_ns, delay_ns) in threads.items():
        task = folder / "7/task" / str(tid)
        task.mkdir(parents=True, exist_ok=True)
        (task / "schedstat").write_text(f"{run_ns} {delay_ns} 3\n")
    return folder


def test_external_load_is_what_the_host_did_beyond_our_own_work(tmp_path: Path) -> None:
    before = noise.read_host([1], proc=kernel(tmp_path, busy=100, steal=10), ticks_per_s=100)
    after = noise.read_host([1], proc=kernel(tmp_path, busy=400, steal=60, psi_us=500_000), ticks_per_s=100)

    seen = noise.surroundings(before, after, own_s=2.0, wall_s=2.0, cores=1)

    assert seen == noise.Surroundings(ext_cpu=0.5, steal_frac=0.25, psi_cpu_frac=0.25)


def test_steal_of_other_cores_does_not_count(tmp_path: Path) -> None:
    before = noise.read_host([0], proc=kernel(tmp_path), ticks_per_s=100)
    after = noise.read_host([0], proc=kernel(tmp_path, steal=30), ticks_per_s=100)

    assert noise.surroundings(before, after, own_s=0, wall_s=1, cores=1).steal_frac == 0


def test_external_load_is_never_negative(tmp_path: Path) -> None:
    host = noise.read_host([1], proc=kernel(tmp_path), ticks_per_s=100)

    assert noise.surroundings(host, host, own_s=0.01, wall_s=1, cores=1).ext_cpu == 0


def test_what_the_kernel_does_not_tell_is_none(tmp_path: Path) -> None:
    silent = noise.read_host([0], proc=tmp_path)
    without_pressure = noise.read_host([0], proc=kernel(tmp_path, psi_us=None))

    assert silent == noise.Host(busy_s=None, steal_s=None, psi_cpu_s=None)
    assert without_pressure.psi_cpu_s is None
    assert without_pressure.busy_s is not None
    assert noise.surroundings(silent, silent, own_s=0, wall_s=1, cores=1) == noise.Surroundings(None, None, None)
    assert noise.read_threads(7, proc=tmp_path) is None
    assert noise.run_delay_ns(None, None, wall_ns=1, cores=1) is None


def test_waiting_is_summed_over_threads_old_and_new(tmp_path: Path) -> None:
    before = noise.read_threads(7, proc=process(tmp_path, {7: (100, 10), 8: (50, 5)}))
    after = noise.read_threads(7, proc=process(tmp_path, {7: (300, 15), 8: (50, 5), 9: (20, 2)}))

    assert noise.run_delay_ns(before, after, wall_ns=1000, cores=1) == 7
    assert noise.run_ns(before, after) == 220


@pytest.mark.parametrize(("wall_ns", "cores", "expected"), [(100, 1, 0), (105, 1, 5), (200, 1, 40), (90, 2, 40)])
def test_threads_that_wait_for_each_other_are_not_disturbed(
    tmp_path: Path, wall_ns: int, cores: int, expected: int
) -> None:
    before = noise.read_threads(7, proc=process(tmp_path, {7: (0, 0), 8: (0, 0)}))
    after = noise.read_threads(7, proc=process(tmp_path, {7: (60, 40), 8: (40, 0)}))

    assert noise.run_delay_ns(before, after, wall_ns=wall_ns, cores=cores) == expected


def test_a_thread_that_leaves_while_it_is_read_is_passed_over(tmp_path: Path) -> None:
    process(tmp_path, {7: (1, 1)})
    (tmp_path / "7/task/8").mkdir()

    found = noise.read_threads(7, proc=tmp_path)

    assert found is not None
    assert set(found.run_ns) == {7}


@pytest.mark.parametrize("cores", [[0], [0, 1]])
def test_this_machine_can_be_read(cores: list[int]) -> None:
    host = noise.read_host(cores)

    assert host.busy_s is not None
    assert host.busy_s > 0
