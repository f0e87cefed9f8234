"""The contract of every technique: whatever lies in techniques/ has to keep it."""

import re
from pathlib import Path
from typing import Any

import pytest

from optfarm_tasks import registry
from optfarm_tasks.description import Format
from tests.integration.scripts import python_of, runs_of

ROOT = Path(__file__).parents[2]
NAMES = registry.technique_names()
RUNNABLE = [name for name in NAMES if registry.technique(name).CARD.bound is None]
"""Techniques whose artifacts run anywhere; engines of TensorRT are in test_tensorrt.py."""
SUITED = [name for name in RUNNABLE if name != "amp" or "bf16" in Path("/proc/cpuinfo").read_text()]
"""Techniques that have something to do on this machine."""
CASES = [(name, kind) for name in SUITED for kind in sorted(registry.technique(name).CARD.accepts)]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], dict[str, Any]]:
    """What came of every technique on every format that it accepts."""
    made = runs_of("technique_runs.py", tmp_path_factory.mktemp("techniques"), timeout_s=560)
    made += runs_of("torch_runs.py", tmp_path_factory.mktemp("torch"), timeout_s=560, python=python_of("torch"))
    return {(run["technique"], run["given"]): run for run in made}


@pytest.mark.parametrize("name", NAMES)
def test_it_says_what_it_does_when_it_helps_and_what_its_traps_are(name: str) -> None:
    card = registry.card(name)

    assert 20 <= len(card.summary) <= 100
    assert "\nWhen it helps: " in card.description
    assert "\nTraps: " in card.description


@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_has_a_type_a_range_a_description_and_a_default_or_is_required(name: str) -> None:
    for parameter in registry.card(name).parameters:
        assert parameter.type in {"integer", "number", "string", "boolean"}
        assert parameter.is_required is (parameter.default is None)
        assert parameter.range not in {"", parameter.type}
        assert len(parameter.description) > 10


@pytest.mark.parametrize("name", NAMES)
def test_it_yields_a_format_for_each_that_it_accepts(name: str) -> None:
    card = registry.technique(name).CARD

    assert card.accepts
    assert set(card.yields) == card.accepts


@pytest.mark.parametrize("name", NAMES)
def test_the_handbook_has_a_heading_for_it(name: str) -> None:
    handbook = (ROOT / "docs/techniques.md").read_text()

    assert re.search(rf"^## `{name}`$", handbook, re.MULTILINE)


@pytest.mark.parametrize(("name", "given"), CASES)
def test_it_yields_what_it_says(name: str, given: Format, runs: dict[tuple[str, str], dict[str, Any]]) -> None:
    # A recipe that ends in a Keras file is exported, so that it runs.
    last = registry.technique(name).CARD.yields[given]
    runs_as = Format.SAVED_MODEL if last in {Format.KERAS, Format.H5} else last
    assert runs[name, given]["yielded"] == runs_as


@pytest.mark.parametrize(("name", "given"), CASES)
def test_the_signature_keeps_its_names(name: str, given: Format, runs: dict[tuple[str, str], dict[str, Any]]) -> None:
    run = runs[name, given]

    assert (run["inputs"], run["outputs"], run["signature"]) == (["image"], ["scores"], "serving_default")


@pytest.mark.parametrize(("name", "given"), CASES)
def test_its_outputs_agree_with_the_originals(
    name: str, given: Format, runs: dict[tuple[str, str], dict[str, Any]]
) -> None:
    assert runs[name, given]["nmse"] <= registry.technique(name).CARD.tolerance_nmse


@pytest.mark.parametrize("name", SUITED)
def test_equal_seeds_make_equal_artifacts(name: str, runs: dict[tuple[str, str], dict[str, Any]]) -> None:
    (digests,) = (run["digests"] for (technique, _), run in runs.items() if technique == name and run["digests"])

    assert len(digests) == 2
    assert len(set(digests)) == 1


@pytest.mark.parametrize(
    ("name", "precision", "dtypes", "size_ratio"),
    [
        ("tflite-float32", "float32", ["float32", "float32"], 1.01),
        ("tflite-float16", "float16 weights, float32 activations", ["float32", "float32"], 0.6),
        ("tflite-dynamic-range", "float32; int8 weights, float32 activations", ["float32", "float32"], 0.5),
        ("tflite-int8", "int8", ["int8", "int8"], 0.5),
        ("tflite-int8-float", "int8", ["float32", "float32"], 0.5),
        ("tflite-int16x8", "int8 weights, int16 activations", ["float32", "float32"], 0.5),
    ],
)
def test_the_runtime_reports_the_precision_that_the_technique_promises(
    name: str, precision: str, dtypes: list[str], size_ratio: float, runs: dict[tuple[str, str], dict[str, Any]]
) -> None:
    run, whole = runs[name, Format.SAVED_MODEL], runs["tflite-float32", Format.SAVED_MODEL]

    assert run["precision"] == precision
    assert run["dtypes"] == dtypes
    assert run["size_bytes"] <= size_ratio * whole["size_bytes"]
