"""What a farm refuses, as a user types it: the reason first and once, and nothing stays of it."""

import json
import shlex
from pathlib import Path

import numpy as np
import pytest

from tests.acceptance.commands import Cli

NEAR = "there is no technique 'tflite-in8'; did you mean 'tflite-int8'?"
SWEEPS = {
    "known --techniques tflite-in8": (2, NEAR),
    "known --techniques 'openvino,tflite-in8,prune(sparsty=1)'": (
        2,
        f"{NEAR}; prune: there is no parameter 'sparsty'; did you mean 'sparsity'?",
    ),
    "known --recipe 'prune(sparsity=2)'": (2, "prune: sparsity is 2; it takes (0, 1)"),
    "known --recipe 'prune(sparsity=much)'": (2, "prune: sparsity is 'much'; it takes (0, 1)"),
    "known --recipe 'openvino(colour=1)'": (2, "openvino: there is no parameter 'colour'; there are none"),
    "known --recipe truncate": (2, "nothing of this can run. truncate: "),
    "known --recipe tflite-int8": (2, "nothing of this can run. tflite-int8: "),
    "known --recipe openvino --threads 1000": (
        2,
        "nothing of this can run. baseline: threads=1000, but the device has ",
    ),
    "known --recipe openvino --runtime litertt": (2, "there is no runtime 'litertt'; there are coded, litert, "),
    "known --recipe openvino --devices moon": (2, "the device selector 'moon' matches nothing; there are: "),
    "known --recipe openvino --devices ,": (2, "the device selector '' has an empty part; write all, cpu, gpu, a name"),
    "unknown --recipe openvino": (3, "there is no model 'unknown'; did you mean 'known'?"),
    "known --recipe openvino --data nothing": (3, "there is no data set 'nothing'; there are: "),
    "MODEL --name fresh --techniques tflite-in8": (
        2,
        "there is no technique 'tflite-in8'; did you mean 'tflite-int8'?",
    ),
    "MODEL --name fresh --recipe openvino --data other.npz": (
        2,
        "other, split test: the data does not fit the model: no array for image, speed and no input for x. ",
    ),
    "known --recipe openvino --data wide.npz": (2, "wide, split test: the labels are 5..5, and y has the classes 0..1"),
    "known --recipe openvino --data long.npz": (
        2,
        "long, split test: the labels, float32 of shape [7] a sample, fit no output; there are y: float32[?, 2]",
    ),
    "known --recipe openvino --data uneven.npz": (
        2,
        "the arrays of a split hold the same samples, but test/image has 4",
    ),
}
"""What follows `sweep run` → exit code and what is said."""

COMMANDS = {
    "sweep show nope": (3, "there is no sweep 'nope'"),
    "sweep show ''": (3, "there is no sweep ''"),
    "sweep watch a/b": (3, "there is no sweep 'a/b'"),
    "sweep cancel 000000000000": (3, "there is no sweep '000000000000'"),
    "sweep rename 000000000000 label": (3, "there is no sweep '000000000000'"),
    "report 000000000000": (3, "there is no sweep '000000000000'"),
    "verify 000000000000": (3, "there is no sweep '000000000000'"),
    "bundle export 000000000000": (3, "there is no sweep '000000000000'"),
    "artifact list nope": (3, "there is no sweep 'nope'"),
    "artifact pull 000000000000 openvino": (3, "there is no sweep '000000000000'"),
    "artifact pull 000000000000 '(('": (3, "there is no sweep '000000000000'"),
    "task show nope": (3, "there is no task 'nope'"),
    "task logs nope": (3, "there is no task 'nope'"),
    "task replay nope": (3, "there is no task 'nope'"),
    "devices release nope": (3, "there is no device 'nope'"),
    "techniques show tflite-in8": (3, "there is no technique 'tflite-in8'; did you mean 'tflite-int8'?"),
    "model show 'known?x'": (3, "there is no model 'known?x'; did you mean 'known'?"),
    "model show 'known#'": (3, "there is no model 'known#'; did you mean 'known'?"),
    "model show '%6Bnown'": (3, "there is no model '%6Bnown'; did you mean 'known'?"),
    "model rename nope other": (3, "there is no model 'nope'; "),
    "model rename known known": (2, "there is a model 'known' already; choose another name"),
    "data rename nope other": (3, "there is no data set 'nope'; "),
    "profile known --threads 1000": (2, "threads=1000, but "),
    "profile known --device moon": (2, "the device selector 'moon' matches nothing; there are: "),
    "profile 000000000000": (3, "there is no model '000000000000'; "),
    "profile known --runtime onnxruntime": (2, "the runtime onnxruntime does not run tflite on a cpu; "),
}
CASES = {**{f"sweep run {words}": said for words, said in SWEEPS.items()}, **COMMANDS}


@pytest.fixture(scope="module")
def place(farm: Cli, tiny_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with data sets, and a farm with one model, float32.tflite, called known."""
    folder = tmp_path_factory.mktemp("place")
    farm.ok("model", "push", str(tiny_models / "float32.tflite"), "--name", "known")
    inputs = {"test/image": np.ones((4, 8, 8, 3), np.float32), "test/speed": np.ones((4, 1), np.float32)}
    np.savez(folder / "other.npz", **{"test/x": np.ones((4, 3), np.float32)})
    for name, labels in {"wide": np.full(4, 5), "long": np.ones((4, 7), np.float32), "uneven": np.ones(3)}.items():
        np.savez(folder / f"{name}.npz", **inputs, **{"test/labels": labels})
    return folder


def typed(line: str, place: Path, tiny_models: Path) -> list[str]:
    words = shlex.split(line.replace("MODEL", str(tiny_models / "float32.tflite")))
    return [str(place / word) if word.endswith(".npz") else word for word in words]


@pytest.mark.parametrize("line", CASES)
def test_a_refusal_is_told_once_with_its_exit_code(line: str, farm: Cli, place: Path, tiny_models: Path) -> None:
    code, said = CASES[line]

    ended = farm.run(*typed(line, place, tiny_models), timeout_s=60)

    assert ended.err.startswith(f"error: {said}"), ended.err
    assert (ended.code, ended.out) == (code, "")
    assert len(ended.err.splitlines()) == 1, "the reason stands in one line, once"
    assert not any(word in ended.err for word in ("Input should", "Value error", "Extra inputs", "Traceback"))


@pytest.mark.parametrize("line", ["sweep show nope", "sweep run known --techniques tflite-in8", "model show 'known#'"])
def test_a_refusal_under_json_is_json(line: str, farm: Cli, place: Path, tiny_models: Path) -> None:
    code, said = CASES[line]

    ended = farm.run(*typed(line, place, tiny_models), "--json", timeout_s=60)

    failure = json.loads(ended.out)["error"]
    assert failure["reason"] == {2: "bad_request", 3: "not_found"}[code]
    assert failure["message"].startswith(said)
    assert (failure["exit_code"], ended.code, ended.err) == (code, code, "")


def test_what_a_refused_sweep_was_given_is_not_kept(farm: Cli, place: Path, tiny_models: Path) -> None:
    for line in ("MODEL --name kept --techniques tflite-in8", "MODEL --name kept --recipe openvino --data wide.npz"):
        assert farm.run(*typed(f"sweep run {line}", place, tiny_models), timeout_s=60).code == 2

    assert "kept" not in {each["name"] for each in farm.json("model", "list")}
    assert {"other", "wide"} & {each["name"] for each in farm.json("data", "list")} == set()
