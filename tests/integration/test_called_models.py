"""Models are called as people say when they push them, in every task of a sweep."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from optfarm_tasks.errors import Reason
from optfarm_tasks.formats import describe
from optfarm_tasks.formats.called import called
from optfarm_tasks.schema.feeding import Feeding
from optfarm_tasks.schema.recipe import Recipe
from optfarm_tasks.schema.result import BenchmarkResult, Conversion, Quality
from optfarm_tasks.schema.spec import Benchmark, Convert, Effort, Evaluate
from tests import called_models
from tests.integration.children import lay_out, run

RANDOM = np.random.default_rng(1)
X = RANDOM.normal(size=(40, 4)).astype(np.float32)
STATE = RANDOM.normal(size=(40, 2, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("called")
    subprocess.run([sys.executable, called_models.__file__, str(place)], check=True, capture_output=True)
    return place


def converted(place: Path, model: Path, recipe: str, feeding: Feeding, **inputs: Path) -> Path:
    action = Convert(recipe=Recipe.parse(recipe), feeding=called(describe(model), feeding).feeding)
    run(lay_out(place, action, model=model, **inputs)).facts(Conversion)
    return place / "outputs"


def evaluated(place: Path, baseline: Path, candidate: Path, data: Path, feeding: Feeding) -> Quality:
    action = Evaluate(batch_axes=feeding.batch_axes)
    quality: Quality = run(lay_out(place, action, baseline=baseline, candidate=candidate, data=data)).facts(Quality)
    return quality


@pytest.mark.parametrize("recipe", ["baseline", "tflite-float32", "onnx"])
def test_a_flag_that_is_on_by_default_is_turned_off_in_every_form(tmp_path: Path, folder: Path, recipe: str) -> None:
    model, data = folder / "dropout", tmp_path / "data.npz"
    off = Feeding(constants={"training": False})
    truth = X @ np.load(folder / "weights.npy") + 1
    np.savez(data, **{"test/x": X, "test/labels": truth})

    made = converted(tmp_path / "made", model, recipe, off)

    quality = evaluated(tmp_path / "scored", made, made, data, Feeding())
    assert quality.scores[0].name == "mse"
    assert quality.scores[0].value < 1e-10
    assert quality.is_deterministic


def test_a_model_whose_noise_stays_on_is_scored_as_such_the_baseline_too(tmp_path: Path, folder: Path) -> None:
    data = tmp_path / "data.npz"
    np.savez(data, **{"test/x": X})

    quality = evaluated(tmp_path / "scored", folder / "dropout", folder / "dropout", data, Feeding())

    assert not quality.is_deterministic
    assert quality.nmse is not None
    assert quality.nmse > 0.1
    assert "the same samples give other outputs each time" in quality.warnings[0]


def test_what_lies_within_a_graph_is_fetched(tmp_path: Path, folder: Path) -> None:
    made = converted(tmp_path / "made", folder / "dropout", "baseline", Feeding(outputs=("features",)))

    assert [each.name for each in describe(made).signature.outputs] == ["features"]


def test_a_saved_model_keeps_its_variables_and_gets_a_value_for_good(tmp_path: Path, folder: Path) -> None:
    data, feeding = tmp_path / "data.npz", Feeding(constants={"rate": 2}, outputs=("y",))
    np.savez(
        data,
        **{"test/x": X, "test/state": STATE, "test/labels": 2 * X @ np.load(folder / "weights.npy") + STATE.sum(1)},
    )

    made = converted(tmp_path / "made", folder / "scaled", "baseline", feeding)

    signature, axes = describe(made).signature, called(describe(folder / "scaled"), feeding).feeding
    assert [each.name for each in (*signature.inputs, *signature.outputs)] == ["state", "x", "y"]
    assert describe(made).parameters == 12
    assert evaluated(tmp_path / "scored", made, made, data, axes).scores[0].value < 1e-10


def test_inputs_keep_names_that_no_argument_can_have(tmp_path: Path, folder: Path) -> None:
    saved = converted(tmp_path / "saved", folder / "named", "baseline", Feeding())

    made = converted(tmp_path / "made", saved, "baseline", Feeding(outputs=("z",)))

    data = tmp_path / "data.npz"
    np.savez(data, **{"test/größe 1": X, "test/other": 2 * X, "test/labels": 3 * X})
    assert [each.name for each in describe(made).signature.inputs] == ["größe 1", "other"]
    assert evaluated(tmp_path / "scored", made, made, data, Feeding()).scores[0].value < 1e-10


def test_an_onnx_input_of_fixed_size_is_given_a_value(tmp_path: Path, folder: Path) -> None:
    data = tmp_path / "data.npz"
    np.savez(data, **{"test/x": X, "test/labels": 2 * X @ np.load(folder / "weights.npy")})

    made = converted(tmp_path / "made", folder / "gained", "baseline", Feeding(constants={"gain": 2}))

    assert [each.name for each in describe(made).signature.inputs] == ["x"]
    assert evaluated(tmp_path / "scored", made, made, data, Feeding()).scores[0].value < 1e-10


@pytest.mark.parametrize("recipe", ["tflite-int8", "onnx-int8", "openvino"])
def test_samples_of_a_state_lie_along_its_second_axis(tmp_path: Path, folder: Path, recipe: str) -> None:
    model, data = folder / "scaled", tmp_path / "data.npz"
    feeding = called(describe(model), Feeding()).feeding
    rate = np.full(40, 0.5, np.float32)
    values = {"x": X, "state": STATE, "rate": rate}
    np.savez(data, **{f"{split}/{name}": array for split in ("test", "calibration") for name, array in values.items()})

    made = converted(tmp_path / "made", model, recipe, Feeding(), data=data)

    quality = evaluated(tmp_path / "scored", model, made, data, feeding)
    assert dict(feeding.batch_axes) == {"state": 1, "new_state": 1}
    assert quality.samples == 40
    assert quality.nmse is not None
    assert quality.nmse < (0.2 if "int8" in recipe else 1e-8)


def test_a_benchmark_feeds_states_and_single_values(tmp_path: Path, folder: Path) -> None:
    model = folder / "scaled"
    axes = called(describe(model), Feeding()).feeding.batch_axes
    action = Benchmark(effort=Effort.QUICK, batch_size=4, batch_axes=axes)

    facts: BenchmarkResult = run(lay_out(tmp_path / "timed", action, baseline=model, candidate=model)).facts(
        BenchmarkResult
    )

    assert facts.candidate.batch_size == 4


def test_a_value_that_its_input_does_not_hold_is_refused(tmp_path: Path, folder: Path) -> None:
    action = Convert(recipe=Recipe.parse("baseline"), feeding=Feeding(constants={"training": "perhaps"}))

    message = run(lay_out(tmp_path / "made", action, model=folder / "dropout")).failure(Reason.BAD_PARAMETER)

    assert message == "training is bool, and 'perhaps' is none"


@pytest.mark.parametrize(
    ("model", "state"),
    [
        ("counting", ("AssignAddVariableOp (AssignAddVariableOp)",)),
        ("stateful", ("backward_cell", "forward_cell")),
        ("summing", None),
        ("scaled", ()),
        ("gained", ()),
        ("dropout", ()),
    ],
)
def test_what_a_model_keeps_between_calls_is_seen_in_its_files(
    folder: Path, model: str, state: tuple[str, ...] | None
) -> None:
    found = describe(folder / model).state

    assert found if state is None else found == state


@pytest.mark.parametrize("model", ["counting", "summing"])
def test_a_model_with_state_is_judged_sample_by_sample(tmp_path: Path, folder: Path, model: str) -> None:
    data = tmp_path / "data.npz"
    np.savez(data, **{"test/x": X, "test/labels": X + 1})

    quality = evaluated(tmp_path / "scored", folder / model, folder / model, data, Feeding())

    assert quality.is_deterministic
    assert "keeps state between calls" in quality.warnings[0]
    if model == "counting":
        assert quality.scores[0].value < 1e-10


@pytest.mark.parametrize("recipe", ["onnx", "freeze"])
def test_a_form_that_cannot_keep_the_state_is_refused_with_the_op(tmp_path: Path, folder: Path, recipe: str) -> None:
    laid = lay_out(tmp_path / "made", Convert(recipe=Recipe.parse(recipe)), model=folder / "counting")

    message = run(laid).failure(Reason.UNSUPPORTED_OP)

    assert "AssignAddVariableOp" in message


def test_tflite_keeps_the_state_and_forgets_it_when_told(tmp_path: Path, folder: Path) -> None:
    data = tmp_path / "data.npz"
    np.savez(data, **{"test/x": X, "test/labels": X + 1})

    made = converted(tmp_path / "made", folder / "counting", "tflite-float32", Feeding())

    assert describe(made).state == ("ASSIGN_VARIABLE",)
    assert evaluated(tmp_path / "scored", folder / "counting", made, data, Feeding()).scores[0].value < 1e-10
