"""A file in techniques/ or runtimes/ is all it takes, and nothing of a framework is imported to know of it."""

import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from optfarm_tasks import registry, runtimes, techniques
from optfarm_tasks.description import FINAL_FORMATS, Format
from optfarm_tasks.errors import BadModel, BadParameter
from optfarm_tasks.schema.device import DeviceKind, DeviceSpec
from optfarm_tasks.schema.recipe import Step
from optfarm_tasks.schema.spec import Role

FRAMEWORKS = {
    "ai_edge_litert", "h5py", "keras", "nncf", "onnx", "onnxruntime", "openvino", "tensorflow", "tf2onnx", "tf_keras"
}  # fmt: skip


def test_the_name_of_a_file_registers_it() -> None:
    assert {"baseline", "prune-2-4", "tflite-int8"} <= set(registry.technique_names())
    assert list(registry.technique_names()) == sorted(registry.technique_names())
    assert {"litert", "tensorflow"} <= set(registry.runtime_names())


@pytest.mark.parametrize(
    ("room", "names"),
    [(techniques, ("PARAMS", "CARD", "run")), (runtimes, ("FORMATS", "MODULES", "DEVICES", "load", "ends"))],
)
def test_a_room_of_registered_files_holds_nothing_else(room: ModuleType, names: tuple[str, ...]) -> None:
    files = [each.name for each in pkgutil.iter_modules(room.__path__)]
    modules = [importlib.import_module(f"{room.__name__}.{name}") for name in files]

    assert files
    assert not [name for name in files if name.startswith("_")]
    assert not [(each.__name__, name) for each in modules for name in names if not hasattr(each, name)]


def test_an_unknown_technique_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(BadParameter, match=r"no technique 'tflite-in8'; did you mean 'tflite-int8'\?"):
        registry.technique("tflite-in8")


def test_a_name_like_no_other_is_refused_with_all_names() -> None:
    with pytest.raises(BadParameter, match="there are amp, baseline, "):
        registry.technique("xyzzy")


@pytest.mark.parametrize("name", ["_tflite", "-tflite", "-calibration"])
def test_shared_steps_are_no_techniques(name: str) -> None:
    with pytest.raises(BadParameter):
        registry.technique(name)


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"calibration_samples": 0}, r"calibration_samples is 0; it takes \[1, 10000\]"),
        ({"calibration_samples": "many"}, r"calibration_samples is 'many'; it takes \[1, 10000\]"),
        ({"samples": 3}, "there is no parameter 'samples'; did you mean 'calibration_samples'?"),
    ],
)
def test_a_bad_parameter_is_refused_by_name_with_its_range(params: dict[str, int | str], told: str) -> None:
    with pytest.raises(BadParameter, match=told):
        registry.params_of(Step(technique="tflite-int8", params=params))


def test_every_format_that_is_made_or_that_a_recipe_may_end_in_can_be_run() -> None:
    made = {kind for name in registry.technique_names() for kind in registry.technique(name).CARD.yields.values()}

    run = {each for name in registry.runtime_names() for each in registry.runtime(name).FORMATS}

    assert made <= FINAL_FORMATS == run | {Format.KERAS, Format.H5}
    with pytest.raises(BadParameter, match="no runtime runs keras"):
        registry.runtime_for(Format.KERAS)


def test_cards_are_read_without_importing_a_framework() -> None:
    script = (
        "import sys; from optfarm_tasks import registry\n"
        "[registry.card(name) for name in registry.technique_names()]\n"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    ended = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)

    assert FRAMEWORKS.isdisjoint(ended.stdout.split())


def test_a_runtime_is_chosen_by_format_unless_one_is_wanted() -> None:
    assert registry.runtime_for(Format.TFLITE) == "litert"
    assert registry.runtime_for(Format.TFLITE, wanted="litert") == "litert"


def test_a_wanted_runtime_that_does_not_run_a_format_is_refused_with_those_that_do() -> None:
    with pytest.raises(BadParameter, match="the runtime openvino does not run tflite on a cpu; litert does"):
        registry.runtime_for(Format.TFLITE, wanted="openvino")
    with pytest.raises(BadParameter, match="there is no runtime 'xyzzy'; there are coded, litert"):
        registry.runtime_for(Format.TFLITE, wanted="xyzzy")


def test_a_baseline_runs_where_the_wanted_runtime_does_not_take_it() -> None:
    assert registry.runtime_for(Format.TFLITE, wanted="openvino", role=Role.BASELINE) == "litert"


def test_a_runtime_runs_on_the_kinds_of_devices_that_it_names_alone() -> None:
    with pytest.raises(BadParameter, match="no runtime runs tflite on a gpu"):
        registry.runtime_for(Format.TFLITE, device=DeviceKind.GPU)


@pytest.mark.parametrize("name", registry.runtime_names())
def test_a_runtime_refuses_a_device_that_it_does_not_compute_on(name: str, tmp_path: Path) -> None:
    absent = frozenset(DeviceKind) - registry.runtime(name).DEVICES

    for kind in absent:
        with pytest.raises((BadParameter, BadModel)):
            registry.runtime(name).load(tmp_path, threads=1, device=DeviceSpec(kind=kind))


@pytest.mark.parametrize(
    ("runtime", "versions", "computes"),
    [
        ("tensorflow", {"tensorflow-cpu": "2.21.0"}, False),
        ("tensorflow", {"tensorflow": "2.21.0"}, True),
        ("onnxruntime", {"onnxruntime": "1.31.1"}, False),
        ("onnxruntime", {"onnxruntime-gpu": "1.31.1"}, True),
        ("torch", {"torch": "2.13.0+cpu"}, False),
        ("torch", {"torch": "2.13.0"}, True),
        ("litert", {"ai-edge-litert": "2.3.0"}, False),
    ],
)
def test_a_build_for_processors_alone_computes_on_no_gpu(
    runtime: str, versions: dict[str, str], computes: bool
) -> None:
    assert registry.computes_on(runtime, "gpu", versions) is computes
    assert registry.computes_on(runtime, "cpu", versions)
