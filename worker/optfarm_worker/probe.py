"""Run by a toolchain's interpreter: prints as JSON what can be run there. Looks for modules, imports none of them."""

import importlib.metadata
import importlib.util
import json
from collections.abc import Iterable

from optfarm_tasks import registry


def main() -> None:
    """Prints versions, techniques and runtimes, and what is wrong with plug-ins."""
    techniques = [name for name in registry.technique_names() if _are_there(registry.technique(name).CARD.modules)]
    runtimes = [name for name in registry.runtime_names() if _are_there(registry.runtime(name).MODULES)]
    versions = {each.name: each.version for each in importlib.metadata.distributions()}
    found = {"versions": versions, "techniques": techniques, "runtimes": runtimes, "faults": registry.faults()}
    print(json.dumps(found))


def _are_there(modules: Iterable[str]) -> bool:
    """To look for a submodule would import its parent, so the first name has to do."""
    return all(importlib.util.find_spec(module.partition(".")[0]) is not None for module in modules)


if __name__ == "__main__":
    main()
