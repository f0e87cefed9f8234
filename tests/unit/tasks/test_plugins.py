"""Techniques of other distributions come in by entry points, and a broken one never keeps the others out."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from optfarm_tasks import plugins
from optfarm_tasks.description import Format
from optfarm_tasks.technique import Work

GOOD = """
from optfarm_tasks.description import Format
from optfarm_tasks.technique import Card, Done, Params

CARD = Card(accepts=frozenset({Format.TFLITE}), yields={Format.TFLITE: Format.TFLITE})

class PARAMS(Params):
    pass

def run(work, params):
    return Done()
"""


def install(folder: Path, modules: Mapping[str, str], points: str) -> None:
    """Lays out a distribution as an installer does."""
    info = folder / "strange_techniques-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: strange.techniques\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text(f"[{plugins.GROUP}]\n{points}\n")
    for name, text in modules.items():
        (folder / f"{name}.py").write_text(text)


def ask(folder: Path, expression: str) -> Any:
    """What an interpreter with that distribution says."""
    imported = "import json; from optfarm_tasks import registry"
    script = f"{imported}; print(json.dumps(({expression})))"
    ended = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | {"PYTHONPATH": str(folder)},
        check=True,
        capture_output=True,
        text=True,
    )
    return json.loads(ended.stdout)


def test_an_installed_plug_in_is_a_technique_like_any_other(tmp_path: Path) -> None:
    install(tmp_path, {"strange": GOOD}, "strange-one = strange")

    names, accepts = ask(tmp_path, "registry.technique_names(), registry.card('strange-one').accepts")

    assert {"strange-one", "tflite-int8"} <= set(names)
    assert accepts == ["tflite"]


def test_the_version_of_a_plug_in_shapes_the_keys_of_what_it_makes(tmp_path: Path) -> None:
    install(tmp_path, {"strange": GOOD}, "strange-one = strange")

    modules = ask(tmp_path, "sorted(registry.modules_of('strange-one'))")

    assert modules == ["strange-techniques"]


def test_a_technique_that_reports_by_the_former_name_still_does(tmp_path: Path) -> None:
    seen: list[str] = []
    work = Work(tmp_path, Format.TFLITE, tmp_path, None, 0, lambda phase, _: seen.append(phase))

    with pytest.warns(DeprecationWarning, match="now called Work.on_progress"):
        work.report("rounding", 0.5)

    assert seen == ["rounding"]


def test_a_broken_plug_in_is_told_and_the_others_stay(tmp_path: Path) -> None:
    install(
        tmp_path,
        {"strange": GOOD, "broken": "print('hello')\nimport does_not_exist", "leaving": "raise SystemExit(3)"},
        "strange-one = strange\nbroken-one = broken\nleaving-one = leaving",
    )

    names, (broken, leaving) = ask(tmp_path, "registry.technique_names(), registry.faults()")

    assert "strange-one" in names
    assert "broken-one" not in names
    assert broken == (
        "the plug-in 'broken-one' (broken of strange.techniques 1.2) cannot be used: importing it raised "
        "ModuleNotFoundError: No module named 'does_not_exist'"
    )
    assert "importing it raised SystemExit: 3" in leaving


def point(name: str, value: str = "json") -> EntryPoint:
    return EntryPoint(name=name, value=value, group=plugins.GROUP)


def test_the_farms_own_technique_stays_where_a_plug_in_has_its_name() -> None:
    found = plugins.loaded([point("baseline")], {"baseline"})

    assert not found.techniques
    assert "the farm has a technique of that name, which stays" in found.faults["baseline"]


def test_of_two_plug_ins_of_one_name_none_is_taken() -> None:
    found = plugins.loaded([point("blur", "json"), point("blur", "csv")], set())

    assert not found.techniques
    assert "2 entry points have that name" in found.faults["blur"]


@pytest.mark.parametrize("name", ["Blur", "my_blur", "-blur", "a b"])
def test_a_name_that_no_recipe_can_say_is_refused(name: str) -> None:
    assert "small letters, digits and hyphens" in plugins.loaded([point(name)], set()).faults[name]


def test_a_module_of_another_shape_is_refused_with_all_that_it_lacks() -> None:
    told = plugins.loaded([point("blur")], set()).faults["blur"]

    assert "PARAMS is no subclass of" in told
    assert "CARD is no" in told
    assert "there is no run(work, params)" in told
