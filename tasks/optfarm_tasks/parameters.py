"""Reads a technique's parameters off the JSON schema of its PARAMS, as people and searches take them. Pure."""

from typing import Any

from optfarm_tasks.schema.technique_card import Bounds, Parameter
from optfarm_tasks.technique import Params


def parameters_of(params: type[Params]) -> tuple[Parameter, ...]:
    """Every parameter of a technique, in the order in which they are declared."""
    whole = params.model_json_schema()
    properties = {name: _resolved(schema, whole) for name, schema in whole.get("properties", {}).items()}
    return tuple(
        Parameter(
            name=name,
            type=str(schema.get("type", "any")),
            default=schema.get("default"),
            description=str(schema.get("description", "")),
            range=_range(schema),
            is_required=name in whole.get("required", ()),
            bounds=_bounds(schema),
            choices=(False, True) if schema.get("type") == "boolean" else tuple(schema.get("enum", ())),
        )
        for name, schema in properties.items()
    )


def _resolved(schema: dict[str, Any], whole: dict[str, Any]) -> dict[str, Any]:
    """The schema of a field, with what it refers to (an enumeration) in its place."""
    named = schema.get("$ref", "").rpartition("/")[2]
    return {**whole["$defs"][named], **schema} if named else schema


def _bounds(schema: dict[str, Any]) -> Bounds | None:
    if schema.get("type") not in {"integer", "number"} or "enum" in schema:
        return None
    return Bounds(
        lower=schema.get("minimum", schema.get("exclusiveMinimum")),
        upper=schema.get("maximum", schema.get("exclusiveMaximum")),
        is_lower_open="exclusiveMinimum" in schema,
        is_upper_open="exclusiveMaximum" in schema,
    )


def _range(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    if schema.get("type") == "boolean":
        return "false | true"
    if schema.get("format") == "regex":
        return "a regular expression"
    if "pattern" in schema:
        return f"text like {schema['pattern']}"
    lower = schema.get("minimum", schema.get("exclusiveMinimum"))
    upper = schema.get("maximum", schema.get("exclusiveMaximum"))
    if lower is None and upper is None:
        return str(schema.get("type", "any"))
    opening = "(" if "exclusiveMinimum" in schema or lower is None else "["
    closing = ")" if "exclusiveMaximum" in schema or upper is None else "]"
    return f"{opening}{'-∞' if lower is None else lower}, {'∞' if upper is None else upper}{closing}"
