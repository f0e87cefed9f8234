"""Graphs that are hard to take come out with the same names and numbers, or are refused with the op to blame."""

from typing import Any

import pytest

from optfarm_tasks.description import Format
from tests.integration.scripts import runs_of

HARD = ("two_ways", "low", "rows", "normed", "recurrent")
"""SavedModels: two signatures that share weights, strings, a sum by rows, batch norms, a loop with weights."""
FROZEN = ("classifier", "strings", "loop", "functional_loop", "several")
EXACT = ("freeze", "grappler", "grappler(remap=true)", "fold-batch-norms", "freeze-pb -> freeze")
NORMED = ("normed", "classifier")
"""Models with a batch norm that can be folded; the one of `rows` cannot."""
WEIGHTY = ("two_ways", "normed", "recurrent", "classifier")
"""Models with weights of 64 elements or more."""
Runs = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """What came of every recipe on every model."""
    folder = tmp_path_factory.mktemp("graphs")
    found: Runs = runs_of("graph_runs.py", folder, timeout_s=560)
    return found


def failure(run: dict[str, Any], kind: str) -> str:
    """The message of a refusal."""
    assert "failure" in run, run
    assert run["failure"][0] == kind, run["failure"]
    return str(run["failure"][1])


@pytest.mark.parametrize(
    ("name", "recipe"),
    [(name, recipe) for name in (*HARD, *FROZEN) for recipe in EXACT if recipe != "fold-batch-norms" or name in NORMED],
)
def test_an_exact_technique_changes_no_number(name: str, recipe: str, runs: Runs) -> None:
    if (name, recipe) == ("two_ways", "freeze-pb -> freeze"):
        assert "both named angle" in failure(runs[f"{name}: {recipe}"], "UnsupportedOp")
        return

    assert runs[f"{name}: {recipe}"]["difference"] < 1e-5


@pytest.mark.parametrize(
    "recipe", ["quantize-weights(min_elements=64)", "quantize-weights(min_elements=64, dtype=float16)"]
)
@pytest.mark.parametrize("name", WEIGHTY)
def test_quantised_weights_stay_near(name: str, recipe: str, runs: Runs) -> None:
    assert runs[f"{name}: {recipe}"]["difference"] < 0.02


@pytest.mark.parametrize("recipe", ["amp", "amp(dtype=float16)"])
@pytest.mark.parametrize("name", [*HARD, *FROZEN])
def test_mixed_precision_stays_near_and_reports_how_much_was_converted(name: str, recipe: str, runs: Runs) -> None:
    run = runs[f"{name}: {recipe}"]
    if "failure" in run:
        assert "amp has nothing to do: no node was converted to " in failure(run, "NothingToDo")
        return

    assert run["difference"] < 0.05
    assert run["notes"][0]["converted"].endswith("nodes")
    assert not run["notes"][0]["converted"].startswith("0 ")


@pytest.mark.parametrize(
    ("name", "recipe", "message"),
    [
        *(
            (name, "fold-batch-norms", "fold-batch-norms has nothing to do: the graph has no batch norm")
            for name in (*HARD, *FROZEN)
            if name not in (*NORMED, "rows")
        ),
        ("rows", "fold-batch-norms", "1 of 1 batch norms stay: "),
        *(
            (name, "quantize-weights(min_elements=64)", "no float32 constant has 64 elements or more")
            for name in (*HARD, *FROZEN)
            if name not in WEIGHTY
        ),
        ("strings", "fold-batch-norms -> tflite-float32", "fold-batch-norms has nothing to do"),
    ],
)
def test_what_has_nothing_to_do_says_so(name: str, recipe: str, message: str, runs: Runs) -> None:
    assert message in failure(runs[f"{name}: {recipe}"], "NothingToDo")


@pytest.mark.parametrize("name", ["two_ways", "normed", "recurrent", "classifier", "functional_loop"])
def test_what_xla_takes_computes_the_same(name: str, runs: Runs) -> None:
    run = runs[f"{name}: grappler -> xla"]

    assert run["difference"] < 1e-5
    assert run["ops"]["PartitionedCall"] + run["ops"].get("StatefulPartitionedCall", 0) >= 1


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("low", "XLA takes and gives no strings, and words"),
        ("loop", "XLA has no kernel for Enter"),
        ("several", "'best:1' is no name that a node may have"),
    ],
)
def test_what_xla_does_not_take_is_named(name: str, message: str, runs: Runs) -> None:
    assert message in failure(runs[f"{name}: xla"], "UnsupportedOp")


@pytest.mark.parametrize(
    "recipe", ["freeze", "freeze-pb", "grappler", "quantize-weights(min_elements=64)", "xla", "amp"]
)
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("count", "changes a variable at each call by AssignAddVariableOp"),
        ("look", "reads a table or another resource outside the graph by LookupTableFindV2"),
    ],
)
def test_what_lies_outside_the_graph_is_refused_by_name(name: str, message: str, recipe: str, runs: Runs) -> None:
    assert message in failure(runs[f"{name}: {recipe}"], "UnsupportedOp")


@pytest.mark.parametrize("recipe", ["freeze", "grappler", "quantize-weights(min_elements=64)", "xla", "amp"])
def test_every_signature_keeps_its_names(recipe: str, runs: Runs) -> None:
    assert runs[f"two_ways: {recipe}"]["signatures"] == {
        "serving_default": [["angle", "zoom"], ["angle", "y"]],
        "features": [["x"], ["y"]],
    }


@pytest.mark.parametrize(
    "recipe", ["freeze", "freeze-pb", "grappler", "quantize-weights(min_elements=64)", "xla", "amp"]
)
def test_a_frozen_graph_keeps_its_names(recipe: str, runs: Runs) -> None:
    run = runs[f"classifier: {recipe}"]

    assert run["signatures"] == {"serving_default": [["a_speed", "net/image", "unused"], ["label", "scores"]]}
    assert run["format"] == (Format.SAVED_MODEL if recipe == "freeze" else Format.FROZEN_GRAPH)
    assert run["warnings"][0] == "optional inputs are fixed at their defaults: gain"


def test_weights_that_two_signatures_share_are_stored_once(runs: Runs) -> None:
    weights_bytes = 40 * 40 * 4

    assert runs["two_ways: freeze"]["size_bytes"] < 2 * weights_bytes


def test_signatures_that_a_pb_cannot_hold_are_reported(runs: Runs) -> None:
    assert runs["normed: freeze-pb"]["warnings"] == ["signatures left out, for a .pb has one: serve"]


def test_batch_norms_behind_convolutions_are_folded_and_the_others_named(runs: Runs) -> None:
    run, frozen = runs["normed: fold-batch-norms"], runs["classifier: fold-batch-norms"]

    assert run["notes"][0]["batch_norms"] == 6
    assert run["notes"][0]["batch_norms_folded"] == 4
    assert run["ops"]["FusedBatchNormV3"] == 2
    assert "2 of 6 batch norms stay" in run["warnings"][0]
    assert "before it comes Relu" in run["warnings"][0]
    assert not any(op.startswith("FusedBatchNorm") for op in frozen["ops"])


def test_nodes_are_counted_by_op_before_and_after(runs: Runs) -> None:
    notes, ops = runs["normed: grappler"]["notes"][0], runs["normed: grappler"]["ops"]

    assert notes["nodes_before"]["total"] > 2 * notes["nodes_after"]["total"]
    assert {op: count for op, count in notes["nodes_after"].items() if op != "total"} == ops


def test_fusion_is_made_only_where_it_is_asked_for(runs: Runs) -> None:
    assert "_FusedConv2D" not in runs["normed: grappler"]["ops"]
    assert runs["normed: grappler(remap=true)"]["ops"]["_FusedConv2D"] >= 1


@pytest.mark.parametrize("name", ["classifier", "loop", "functional_loop", "several"])
def test_tflite_takes_a_frozen_graph(name: str, runs: Runs) -> None:
    run = runs[f"{name}: tflite-float32"]

    assert run["format"] == Format.TFLITE
    assert run["difference"] < 1e-5


def test_tflite_takes_what_was_folded_before(runs: Runs) -> None:
    assert runs["normed: fold-batch-norms -> tflite-float32"]["difference"] < 1e-5


@pytest.mark.parametrize(
    ("name", "recipe"),
    [
        ("recurrent", "onnx"),
        ("recurrent", "fixed-batch(batch=2) -> tflite-float32"),
        ("recurrent", "fixed-batch(batch=2) -> onnx"),
        ("functional_loop", "onnx"),
    ],
)
def test_converters_take_loops(name: str, recipe: str, runs: Runs) -> None:
    assert runs[f"{name}: {recipe}"]["difference"] < 1e-5


def test_state_that_openvino_would_drop_is_refused(runs: Runs) -> None:
    assert "keeps state between calls: AssignAddVariableOp" in failure(runs["count: openvino"], "UnsupportedOp")
