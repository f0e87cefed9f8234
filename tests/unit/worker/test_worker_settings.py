"""Settings that are wrong are refused with the variable that is to be set."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from optfarm_tasks.schema.spec import Evaluate, Limits, Task
from optfarm_worker.child import environment, hard_limit, order_for
from optfarm_worker.errors import BadSettings
from optfarm_worker.inventory import probe
from optfarm_worker.settings import read_settings

TOKEN: dict[str, Any] = {"worker_token": "t"}


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({}, "OPTFARM_WORKER_TOKEN"),
        ({"worker_token": "t", "url": "nowhere"}, "OPTFARM_URL"),
        ({"worker_token": "t", "broker_url": "amqp://x"}, "OPTFARM_BROKER_URL"),
        ({"worker_token": "t", "device": "gpu:0"}, "OPTFARM_DEVICE"),
        ({"worker_token": "t", "host": "a.b"}, "OPTFARM_HOST"),
        ({"worker_token": "t", "toolchains": {"old": "/nowhere/python"}}, "/nowhere/python"),
        ({"worker_token": "t", "toolchains": "torch=/bin/python"}, r'no JSON object; write \{"torch": '),
        ({"worker_token": "t", "toolchains": ["torch"]}, r'write \{"torch": '),
        ({"worker_token": "t", "cache_bytes": -1}, "OPTFARM_CACHE_BYTES"),
    ],
)
def test_a_wrong_setting_is_named(given: dict[str, object], word: str) -> None:
    with pytest.raises(BadSettings, match=word):
        read_settings(**given)


def test_a_device_is_named_by_host_and_slot() -> None:
    settings = read_settings(**TOKEN, host="alpha")

    assert settings.name == "alpha.cpu"


def test_secrets_do_not_show_in_messages() -> None:
    with pytest.raises(BadSettings) as raised:
        read_settings(**TOKEN, broker_url="amqp://user:hush@host")

    assert "hush" not in str(raised.value)


def test_a_toolchain_lists_its_versions_and_runtimes() -> None:
    toolchain = probe("default", Path(sys.executable))

    assert toolchain.python == sys.executable
    assert toolchain.versions["pydantic"]
    assert toolchain.versions["optfarm"]


def test_an_interpreter_without_optfarm_is_refused(tmp_path: Path) -> None:
    bare = tmp_path / "python"
    bare.write_text(f'#!/bin/sh\nexec {sys.executable} -S "$@"\n')
    bare.chmod(0o755)

    with pytest.raises(BadSettings, match="toolchain bare"):
        probe("bare", bare)


def test_the_child_gets_no_credentials_and_a_home_of_its_own(tmp_path: Path) -> None:
    found = environment(tmp_path, python="/opt/tf/bin/python", device="cpu")

    assert found["HOME"] == str(tmp_path)
    assert found["PATH"].startswith("/opt/tf/bin:")
    assert not [name for name in found if name.startswith(("OPTFARM_", "AWS_"))]


def test_an_order_carries_the_limits_of_its_task(tmp_path: Path) -> None:
    task = Task(action=Evaluate(), inputs={}, limits=Limits(timeout_s=7, memory_bytes=1 << 30))

    order = order_for(task, tmp_path, python=sys.executable, device="cpu")

    assert (order.timeout_s, order.memory_bytes) == (7, 1 << 30)
    assert order.data_bytes == hard_limit(1 << 30) > 1 << 30
    assert order.argv[-1] == str(tmp_path)


def test_the_worker_s_own_toolchain_stands_beside_those_given(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.touch()

    given = read_settings(**TOKEN, toolchains=json.dumps({"torch": str(python)}))
    replaced = read_settings(**TOKEN, toolchains={"default": python})

    assert given.toolchains == {"default": Path(sys.executable), "torch": python}
    assert replaced.toolchains == {"default": python}
