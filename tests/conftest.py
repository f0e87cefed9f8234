"""Fixtures that several folders of tests use."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from optfarm_storage.location import S3Location
from optfarm_tasks.benchmark.host import nvml
from tests.nvml import TWO, ScriptedNvml
from tests.servers import S3Server, serving

HERE = Path(__file__).parent

# These machines are shared: how long an example takes says nothing of the code.
settings.register_profile("shared-machine", deadline=None)
settings.load_profile("shared-machine")
ACCEPTANCE = "tests/acceptance/"

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell has what it starts in the background ignore Ctrl-C, and processes that tests interrupt would inherit it.
    signal.signal(signal.SIGINT, signal.default_int_handler)


class ByFarm(LoadScopeScheduling):
    """Gives a file's tests to one process, and to one alone whatever types commands to the farm."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return ACCEPTANCE if file.startswith(ACCEPTANCE) else file


def _gpus() -> str:
    """The GPUs of this machine by name; empty where its driver tells of none."""
    try:
        return ", ".join(gpu.name for gpu in nvml.gpus())
    except nvml.NoGpu:
        return ""


def pytest_report_header() -> str:
    """Whether the tests run that need a GPU."""
    return f"gpu: {_gpus() or 'none here, so that what is marked gpu is left out'}"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out what runs on a GPU where there is none; whatever else is absent fails a test."""
    if _gpus():
        return
    left_out = [item for item in items if item.get_closest_marker("gpu")]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByFarm:
    """How tests are spread over processes, where there are several."""
    return ByFarm(config, log)


@pytest.fixture(scope="session")
def tiny_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with tiny models of TensorFlow's formats, and expected.json with what their frameworks say of them."""
    return _written_by("models.py", tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="session")
def exchange_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with tiny ONNX and OpenVINO models, and expected.json with what their libraries say of them."""
    return _written_by("exchange_models.py", tmp_path_factory.mktemp("exchange"))


def _written_by(script: str, folder: Path) -> Path:
    command = [sys.executable, str(HERE / script), str(folder)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr[-4000:]
    return folder


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """An S3 server for the session; tests that kill one start their own."""
    with serving(S3Server(tmp_path_factory.mktemp("s3"), volume_mb=16)) as server:
        yield server


@pytest.fixture
def s3(s3_server: S3Server) -> S3Location:
    """A fresh bucket."""
    return s3_server.bucket()


@pytest.fixture(scope="session")
def scripted_nvml(tmp_path_factory: pytest.TempPathFactory) -> ScriptedNvml:
    """The one that this process loads, for the first that is loaded stays."""
    return ScriptedNvml(tmp_path_factory.mktemp("nvml"))


@pytest.fixture
def gpus(scripted_nvml: ScriptedNvml, monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedNvml]:
    """Two GPUs, until a test has them be others; none after it."""
    monkeypatch.setenv(nvml.LIBRARY, str(scripted_nvml.library))
    scripted_nvml.become(TWO)
    yield scripted_nvml
    scripted_nvml.become({"fail_init": 12})
