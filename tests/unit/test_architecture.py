"""The page that shows the house shows the house that stands."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/architecture.md").read_text()
PACKAGES = ("client/optfarm", "scheduler/optfarm_scheduler", "worker/optfarm_worker", "tasks/optfarm_tasks",
            "storage/optfarm_storage")  # fmt: skip
_PATH = re.compile(r"(?:client|scheduler|worker|tasks|storage|docs)/[\w./]+")


def test_every_path_that_it_names_exists() -> None:
    named = {path.rstrip("./") for path in _PATH.findall(PAGE)}

    assert len(named) > 40
    assert {path for path in named if not (ROOT / path).exists()} == set()


def test_every_room_of_the_packages_is_on_it() -> None:
    rooms = {
        folder.name
        for package in PACKAGES
        for folder in (ROOT / package).iterdir()
        if folder.is_dir() and (folder / "__init__.py").exists()
    }

    assert len(rooms) > 20
    assert {room for room in rooms if f"{room}/" not in PAGE} == set()


def test_every_link_leads_somewhere() -> None:
    links = re.findall(r"\]\(([\w./-]+)\)", PAGE)

    assert links
    assert [link for link in links if not (ROOT / "docs" / link).exists()] == []
