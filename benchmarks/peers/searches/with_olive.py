"""Olive on ONNX: its joint search over passes and their parameters; run in an environment of its own."""

import shutil
import sys
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any

import olive
from labelled import Job, job, report
from olive.data.component.dataset import BaseDataset
from olive.data.registry import Registry

TRIALS = 24
DID = (
    f"Python API: `olive.run` with a joint search (sampler tpe, {TRIALS} trials) over `OnnxPeepholeOptimizer` and "
    "`OnnxQuantization` with every parameter that Olive searches; goals: the rise of the error as limited, then latency"
)
CPU = {"device": "cpu", "execution_providers": ["CPUExecutionProvider"]}
ONE_THREAD = {"intra_op_num_threads": 1}
"""As it is timed afterwards."""
THIS = str(Path(__file__).resolve())


@lru_cache(maxsize=1)
def given() -> Job:
    """The job; Olive imports this file again as its user script, and asks there too."""
    return job()


@Registry.register_dataset()
def frames(split: str, **_: Any) -> BaseDataset:
    """Frames as Olive wants them: a dictionary of inputs and a label for each."""
    images = given().calibration if split == "calibration" else given().images
    labels = given().labels if split == "test" else [0.0] * len(images)
    return BaseDataset([({"image": image}, label) for image, label in zip(images, labels, strict=True)])


def mse(model: Any, device: Any, execution_providers: Any) -> float:
    """The error of a model that Olive tries."""
    session = model.prepare_session(device=device, execution_providers=execution_providers)
    name = session.get_inputs()[0].name
    return given().mse(lambda images: session.run(None, {name: images})[0])


def config(work: Path) -> dict[str, Any]:
    """The workflow, as `olive run` would read it from JSON."""
    limit = {"type": "percent-max-degradation", "value": 100 * given().max_loss}
    error = {"name": "mse", "priority": 1, "higher_is_better": False, "goal": limit}
    return {
        "input_model": {"type": "ONNXModel", "model_path": str(given().model)},
        "systems": {"host": {"type": "LocalSystem", "accelerators": [CPU]}},
        "data_configs": [data("calibration"), data("test")],
        "evaluators": {
            "steering": {
                "metrics": [
                    {
                        "name": "error",
                        "type": "custom",
                        "sub_types": [error],
                        "user_config": {"user_script": THIS, "evaluate_func": "mse"},
                    },
                    {
                        "name": "latency",
                        "type": "latency",
                        "data_config": "test",
                        "sub_types": [{"name": "avg", "priority": 2}],
                        "user_config": {"inference_settings": {"onnx": {"session_options": ONE_THREAD}}},
                    },
                ]
            }
        },
        "passes": {
            "peephole": {"type": "OnnxPeepholeOptimizer"},
            "quantization": {"type": "OnnxQuantization", "data_config": "calibration"},
        },
        "engine": {
            "search_strategy": {
                "execution_order": "joint",
                "sampler": "tpe",
                "sampler_config": {"max_samples": TRIALS, "seed": 0},
            },
            "evaluator": "steering",
            "host": "host",
            "target": "host",
            "cache_dir": str(work / "cache"),
            "output_dir": str(work / "output"),
        },
    }


def data(split: str) -> dict[str, Any]:
    """One split as a data configuration."""
    return {
        "name": split,
        "type": "DataContainer",
        "user_script": THIS,
        "load_dataset_config": {"type": "frames", "split": split},
        "dataloader_config": {"batch_size": 1},
    }


def main() -> None:
    """Leaves an .onnx for each model of the front that Olive's search ends with."""
    with tempfile.TemporaryDirectory() as work:
        outcome = olive.run(config(Path(work)))
        models = outcome.get_output_models()
        for number, model in enumerate(models, start=1):
            copy(Path(model.model_path), given().place(f"front-{number}"))
    failed = {} if models else {"search": "it ended without a model; its log says why"}
    report(given().found, did=DID, distributions=("olive-ai", "onnx", "onnxruntime", "torch"), failed=failed)


def copy(model: Path, target: Path) -> None:
    """The .onnx with what lies beside it, for its weights may be in a file of their own."""
    shutil.copytree(model if model.is_dir() else model.parent, target, dirs_exist_ok=True)


if __name__ == "__main__":
    sys.exit(main())
