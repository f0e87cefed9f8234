"""Writes docs/zoo.md of the verdicts: a row a model, its refusals by their reasons, and where plain tools do better."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from tests.zoo.entries import ENTRIES
from tests.zoo.pool import Pair
from tests.zoo.recipes import RECIPES, recipes_of

Verdicts = Mapping[Pair, Mapping[str, Any]]

_QUOTED = re.compile(r"\([^()]*[/_:;][^()]*\)|/\S+")
_NUMBER = re.compile(r"\d{2,}")
_AT_SUBMIT = "what reaches it is"
_HEAD = """# The zoo

Small models of the kinds that people bring, each with what it truly gives. Every technique and some chains are run on
every model by `make zoo`, which writes this page; a part of it is among the tests (`tests/zoo`). Models that other
versions of Keras saved (`make compat`, from Keras 2.2.4 on) are run through what reads their files. Those of PyTorch
are tried apart, in the toolchain that has it (`tests/integration/test_torch.py`).

A pair is **done** when the outputs are near the truth: NMSE ≤ 1e-6 where numbers stay, ≤ 0.01 in 16 bits, ≤ 0.15 in
int8; where a technique trains, when they are finite. It is **refused** when the technique does not take the format,
which is known at submit, or with a typed reason that names the op, layer, type or size. Nothing else may be: no crash,
no wrong value, nothing done in silence.
"""
_STATE = "OpenVINO converts it and drops the state; the outputs of this one do not hang on it"
_ONE_NAME = "ONNX has one value of a name, and tf2onnx gives the output another one without a word"
_TABLE = "ONNX is made of the frozen graph, which has no tables; tf2onnx reads those of a SavedModel itself"
_SLOW = "convolutions and tables are left alone by default, for they become slower so; `ops=all` takes them"
_FLOAT = "the plain converter leaves these ops in float without a word; that is `tflite-int8-float`"
_SAME = "the plain tool leaves the model as it is, and says nothing"
_EMPTY = "it takes its ranges from an empty table, and clips what others reach; the limit allows so much by chance"
_SMALL = "kernels this small are left alone by default; `min_weights=1` takes them"
_FEW = "so few weights are float32 that the file stays as large; the plain tool writes it all the same"
REASONS: dict[tuple[str, str], str] = {
    ("openvino", "keeps state"): _STATE,
    ("openvino-compress-weights", "keeps state"): _STATE,
    ("openvino-int8", "keeps state"): _STATE,
    **{(name, "both named"): _ONE_NAME for name in ("onnx", "onnx-dynamic", "onnx-float16", "onnx-int8")},
    **{(name, "reads a table"): _TABLE for name in ("onnx", "onnx-dynamic", "onnx-float16", "onnx-int8")},
    ("tflite-int8", "no int8 kernel for"): _FLOAT,
    **{(name, "finds the table empty"): _EMPTY for name in ("tflite-int8", "tflite-int8-float")},
    ("tflite-dynamic-range", "no weight became int8"): _SAME,
    ("tflite-float16", "no weight became float16"): _SAME,
    ("prune(epochs=1, min_weights=256)", "no kernel has"): _SMALL,
    ("cluster(epochs=1, min_weights=256)", "no kernel has"): _SMALL,
    ("onnx-float16", "nothing to halve"): _FEW,
    ("onnx-dynamic", "it has no MatMul"): _SLOW,
}
"""Recipe and words of a refusal → why it stands although the plain tool makes something right; written by hand."""


def page(verdicts: Verdicts, plain: Mapping[Pair, str]) -> str:
    """The page.

    Args:
        verdicts: of pairs of model and recipe.
        plain: pairs that were refused → what the plain tool makes of them: right, or why not.
    """
    parts = [_HEAD, _counts(verdicts), _models(verdicts), _reasons(verdicts), _better(verdicts, plain)]
    return "\n".join(parts)


def _counts(verdicts: Verdicts) -> str:
    words = Counter(_word(each) for each in verdicts.values())
    said = ", ".join(f"{count} {word}" for word, count in words.most_common())
    every = len({text.partition("(")[0] for text in RECIPES if "->" not in text})
    pairs = sum(len(recipes_of(entry.tags)) for entry in ENTRIES.values())
    judged = f"Of {pairs} pairs {len(verdicts)} are judged: {said}."
    return f"{len(ENTRIES)} models, {every} techniques, {len(RECIPES)} recipes. {judged}\n"


def _word(verdict: Mapping[str, Any]) -> str:
    return "refused at submit" if _AT_SUBMIT in verdict["detail"] else str(verdict["word"])


def _models(verdicts: Verdicts) -> str:
    rows: dict[str, Counter[str]] = defaultdict(Counter)
    wrong: dict[str, list[str]] = defaultdict(list)
    for (model, recipe), verdict in sorted(verdicts.items()):
        rows[model][_word(verdict)] += 1
        if verdict["word"] not in ("done", "refused"):
            wrong[model].append(f"`{recipe}`: {verdict['word']}")
    lines = ["## Models", "", "| model | done | refused | not for its format | wrong |", "|---|--:|--:|--:|---|"]
    for model, counts in rows.items():
        counted = " | ".join(str(counts[word]) for word in ("done", "refused", "refused at submit"))
        lines.append(f"| {model} | {counted} | {', '.join(wrong[model])} |")
    return "\n".join([*lines, ""])


def _reasons(verdicts: Verdicts) -> str:
    found: dict[str, set[str]] = defaultdict(set)
    counts: Counter[str] = Counter()
    for (model, _), verdict in verdicts.items():
        if _word(verdict) == "refused":
            reason = kind_of(verdict["detail"])
            counts[reason] += 1
            found[reason].add(model)
    lines = ["## Reasons", "", "Without the names of nodes.", "", "| pairs | reason | such as |", "|--:|---|---|"]
    lines += [f"| {count} | {reason} | {', '.join(sorted(found[reason])[:3])} |" for reason, count in _sorted(counts)]
    return "\n".join([*lines, ""])


def _sorted(counts: Counter[str]) -> Iterable[tuple[str, int]]:
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))


def kind_of(detail: str) -> str:
    """A refusal without the names and numbers of its model, short enough for a table."""
    plain = _NUMBER.sub("…", _QUOTED.sub("(…)", detail)).replace("|", "/")
    return plain if len(plain) <= 160 else f"{plain[:157]}…"


def _better(verdicts: Verdicts, plain: Mapping[Pair, str]) -> str:
    right = sorted(pair for pair, said in plain.items() if said == "right")
    lines = ["## Where a plain tool makes something right of what is refused", ""]
    lines.append(f"Tried on {len(plain)} refusals: the shortest recipe of the plain tool, judged in the same way.")
    lines += ["", "| model | recipe | why it is refused all the same |", "|---|---|---|"] if right else ["", "Nowhere."]
    for model, recipe in right:
        said = verdicts[model, recipe]["detail"]
        why = next((text for (name, words), text in REASONS.items() if name == recipe and words in said), "")
        lines.append(f"| {model} | {recipe} | {why or '**open**: ' + kind_of(said)} |")
    return "\n".join([*lines, ""])
