"""The toolchain holds what its lock says, one package fits the other, and a worker sees what it offers."""

import json
import subprocess
from pathlib import Path

from packaging.requirements import Requirement

from optfarm_worker.inventory import probe
from tests.integration.scripts import python_of

ROOT = Path(__file__).parents[2]
OURS = {"tftrt", "tftrt-float16", "tftrt-int8"}
DISTRIBUTIONS = """
import importlib.metadata, json
print(json.dumps({each.name: [each.version, each.requires or []] for each in importlib.metadata.distributions()}))
"""


def test_every_requirement_is_met_but_for_the_one_that_is_overridden() -> None:
    answer = subprocess.run([python_of("tf217-trt"), "-I", "-c", DISTRIBUTIONS], check=True, capture_output=True)
    there = {name.lower().replace("_", "-"): told for name, told in json.loads(answer.stdout).items()}
    wanted = [(name, Requirement(each)) for name, (_, requires) in there.items() for each in requires]

    unmet = {
        (name, each.name)
        for name, each in wanted
        if each.marker is None or each.marker.evaluate({"extra": ""})
        if (key := each.name.lower().replace("_", "-")) not in there or not each.specifier.contains(there[key][0])
    }

    assert unmet == {("optfarm", "numpy")}


def test_a_worker_offers_tf_trt_there_and_there_alone() -> None:
    ours = probe("tf217-trt", Path(python_of("tf217-trt")))
    default = probe("default", ROOT / ".venv/bin/python")

    assert set(ours.techniques) >= OURS | {"fixed-batch", "fold-batch-norms"}
    assert set(ours.runtimes) == {"tensorflow", "tftrt"}
    assert not OURS & set(default.techniques)
    assert "tftrt" not in default.runtimes
