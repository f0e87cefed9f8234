"""Judges every recipe on every model of the zoo: python -m tests.zoo [--only WORDS] [--recipes WORDS] [--page].

Verdicts are kept in build/zoo/verdicts.jsonl, so that a run that was ended goes on where it was; --again forgets those
of the pairs that are asked for. --page asks the plain tools about what was refused, and writes docs/zoo.md.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from tests.zoo import page, plain, pool
from tests.zoo.entries import ENTRIES
from tests.zoo.recipes import RECIPES, recipes_of
from tests.zoo.running import gather

STORE, PAGE = Path("build/zoo/verdicts.jsonl"), Path("docs/zoo.md")
PLAINLY = "plain "
"""Begins what asks a worker for the plain tool's recipe instead of the farm's."""
_NONE = {"recipe": "", "word": "", "detail": ""}


def main() -> None:
    """Runs what is not known yet, then the plain tools on what was refused, and writes the page."""
    options = _options()
    gather()
    wanted = [
        (model, recipe)
        for model, entry in ENTRIES.items()
        for recipe in recipes_of(entry.tags)
        if _matches(model, options.only) and _matches(recipe, options.recipes)
    ]
    _judge(wanted, options)
    if options.page:
        refused = [pair for pair, verdict in _known().items() if _is_refused(verdict)]
        _judge([(model, PLAINLY + recipe) for model, recipe in refused], options)
        PAGE.write_text(page.page(*_parted(_known())))


def _known() -> dict[pool.Pair, dict[str, Any]]:
    """The verdicts on pairs that are still run."""
    run = {(name, recipe) for name, entry in ENTRIES.items() for recipe in recipes_of(entry.tags)}
    found = stored(STORE)
    return {(model, recipe): found[model, recipe] for model, recipe in found if _of_farm(model, recipe) in run}


def _of_farm(model: str, recipe: str) -> pool.Pair:
    return model, recipe.removeprefix(PLAINLY)


def _judge(wanted: list[pool.Pair], options: argparse.Namespace) -> None:
    known = {} if options.again else stored(STORE)
    left = [pair for pair in wanted if pair not in known]
    STORE.parent.mkdir(parents=True, exist_ok=True)
    with STORE.open("a") as stream:

        def keep(answer: dict[str, Any]) -> None:
            stream.write(json.dumps(answer) + "\n")
            stream.flush()
            if answer["word"] not in ("done", "refused") and not answer["recipe"].startswith(PLAINLY):
                sys.stdout.write("{model} | {recipe} | {word} | {detail}\n".format(**answer))
                sys.stdout.flush()

        pool.judged(left, workers=options.workers, limit_s=options.limit, on_answer=keep)


def _is_refused(verdict: dict[str, Any]) -> bool:
    """Whether a technique that takes the format refused a model that a plain tool may take."""
    is_known = verdict["recipe"] in plain.PLAIN
    return is_known and verdict["word"] == "refused" and "what reaches it is" not in verdict["detail"]


def _parted(known: dict[pool.Pair, dict[str, Any]]) -> tuple[page.Verdicts, dict[pool.Pair, str]]:
    verdicts = {pair: each for pair, each in known.items() if pair[1] in RECIPES}
    plainly = {
        (model, recipe.removeprefix(PLAINLY)): each["word"]
        for (model, recipe), each in known.items()
        if recipe.startswith(PLAINLY)
    }
    return verdicts, {pair: word for pair, word in plainly.items() if _is_refused(verdicts.get(pair, _NONE))}


def stored(file: Path) -> dict[pool.Pair, dict[str, Any]]:
    """The newest verdict on each pair."""
    lines = file.read_text().splitlines() if file.is_file() else []
    return {(each["model"], each["recipe"]): each for each in map(json.loads, lines)}


def _matches(name: str, words: list[str]) -> bool:
    return not words or any(word in name for word in words)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--recipes", nargs="*", default=[])
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--page", action="store_true")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--limit", type=float, default=180.0)
    return parser.parse_args()


if __name__ == "__main__":
    main()
