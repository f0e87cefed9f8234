"""Judges every recipe on every model of the zoo: python -m tests.zoo [--only WORDS] [--recipes WORDS] [--again].

Verdicts are kept in build/zoo/verdicts.jsonl, so that a run that was ended goes on where it was; --again forgets those
of the pairs that are asked for.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from tests.zoo import pool
from tests.zoo.entries import ENTRIES
from tests.zoo.recipes import RECIPES
from tests.zoo.running import gather

STORE = Path("build/zoo/verdicts.jsonl")


def main() -> None:
    """Runs what is not known yet."""
    options = _options()
    gather()
    wanted = [
        (model, recipe)
        for model in ENTRIES
        for recipe in RECIPES
        if _matches(model, options.only) and _matches(recipe, options.recipes)
    ]
    known = {} if options.again else stored(STORE)
    left = [pair for pair in wanted if pair not in known]
    STORE.parent.mkdir(parents=True, exist_ok=True)
    with STORE.open("a") as stream:

        def keep(answer: dict[str, Any]) -> None:
            stream.write(json.dumps(answer) + "\n")
            stream.flush()
            if answer["word"] not in ("done", "refused"):
                sys.stdout.write("{model} | {recipe} | {word} | {detail}\n".format(**answer))
                sys.stdout.flush()

        pool.judged(left, workers=options.workers, limit_s=options.limit, on_answer=keep)


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
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--limit", type=float, default=180.0)
    return parser.parse_args()


if __name__ == "__main__":
    main()
