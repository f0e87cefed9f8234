"""The walk through a new technique in docs/new-technique.md, taken as it is written."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from optfarm_tasks.schema.result import Conversion
from tests.integration.children import convert, lay_out, run

PAGE = Path(__file__).parents[2] / "docs/new-technique.md"
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
MODULE, LAY_OUT = (text for language, text in BLOCKS if language == "python")
(PROJECT,) = (tomllib.loads(text)["project"] for language, text in BLOCKS if language == "toml")


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder with the technique in it, as an installer leaves it."""
    points = PROJECT["entry-points"]["optfarm.techniques"]
    info = tmp_path / "site" / f"{PROJECT['name'].replace('-', '_')}-{PROJECT['version']}.dist-info"
    info.mkdir(parents=True)
    lines = [f"{name} = {module}" for name, module in points.items()]
    (info / "entry_points.txt").write_text("\n".join(["[optfarm.techniques]", *lines, ""]))
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {PROJECT['name']}\nVersion: {PROJECT['version']}\n")
    (info.parent / f"{points['round-mantissa']}.py").write_text(MODULE)
    return info.parent


def test_the_technique_of_the_page_runs_as_a_plug_in(tmp_path: Path, site: Path, tiny_models: Path) -> None:
    model, folder = tiny_models / "keras_functional.h5", tmp_path / "task"
    environment = {"PYTHONPATH": str(site)}
    subprocess.run([sys.executable, "-c", LAY_OUT, str(model), str(folder)], env=os.environ | environment, check=True)

    facts: Conversion = run(folder, env=environment).facts(Conversion)
    plain: Conversion = run(lay_out(tmp_path / "plain", convert("baseline"), model=model)).facts(Conversion)

    assert list(facts.notes) == ["round-mantissa(bits=4)"]
    assert any("kernel" in name for name in facts.notes["round-mantissa(bits=4)"]["rounded"])
    assert facts.description.signature == plain.description.signature
    assert facts.gzip_bytes < plain.gzip_bytes


def test_the_card_of_the_page_keeps_the_contract(site: Path) -> None:
    script = "from optfarm_tasks import registry; print(registry.card('round-mantissa').model_dump_json())"
    told = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | {"PYTHONPATH": str(site)},
        check=True,
        capture_output=True,
        text=True,
    ).stdout

    assert '"range":"[1, 23]"' in told
    assert "\\nWhen it helps: " in told
    assert "\\nTraps: " in told


def test_the_technique_of_the_page_is_as_short_as_it_says() -> None:
    code = MODULE.rpartition('"""\n\nimport')[2]

    assert len([line for line in code.splitlines() if line.strip()]) <= 30
