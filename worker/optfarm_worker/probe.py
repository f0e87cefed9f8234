"""Run by a toolchain's interpreter: prints as JSON what can be run there. Looks for modules, imports none of them."""

import importlib.metadata
import importlib.util
import json
from collections.abc import Iterable, Mapping

from optfarm_tasks import registry
from optfarm_tasks.runtime import distributions_of


def main() -> None:
    """Prints versions, techniques and runtimes, and what is wrong with plug-ins."""
    versions = {each.name: each.version for each in importlib.metadata.distributions()}
    cards = {name: registry.technique(name).CARD for name in registry.technique_names()}
    techniques = [name for name, card in cards.items() if _are_there(card.modules, card.distributions, versions)]
    loaders = {name: registry.runtime(name) for name in registry.runtime_names()}
    runtimes = [name for name, each in loaders.items() if _are_there(each.MODULES, distributions_of(each), versions)]
    found = {"versions": versions, "techniques": techniques, "runtimes": runtimes, "faults": registry.faults()}
    print(json.dumps(found))


def _are_there(modules: Iterable[str], wanted: Mapping[str, str], versions: Mapping[str, str]) -> bool:
    """To look for a submodule would import its parent, so the first name has to do."""
    return wanted.items() <= versions.items() and all(
        importlib.util.find_spec(module.partition(".")[0]) is not None for module in modules
    )


if __name__ == "__main__":
    main()
