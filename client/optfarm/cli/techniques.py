"""`optfarm techniques`: what the farm can do to a model."""

from typing import TYPE_CHECKING, Annotated

import typer

from optfarm.cli.output import Json, farm, print_json, print_list, print_table, say

if TYPE_CHECKING:
    from optfarm_tasks.schema.technique_card import TechniqueCard

app = typer.Typer(name="techniques", help="List and show techniques.", no_args_is_help=True)


@app.command("list")
def list_techniques(*, as_json: Json = False) -> None:
    """List every technique with what it takes and yields."""
    with farm() as opened:
        found = opened.techniques()
    print_list(found, ("technique", "takes", "yields", "calibration", ""), _row, as_json=as_json)


@app.command()
def show(name: Annotated[str, typer.Argument(help="The technique's name.")], *, as_json: Json = False) -> None:
    """Show a technique and its parameters with their ranges."""
    with farm() as opened:
        card = opened.technique(name)
    if as_json:
        print_json(card)
        return
    say(f"{card.name}: {card.description}")
    rows = [(each.name, each.type, each.range, str(each.default), each.description) for each in card.parameters]
    print_table(("parameter", "type", "range", "default", ""), rows)


def _row(card: "TechniqueCard") -> tuple[str, ...]:
    calibration = "yes" if card.needs_calibration else ""
    return card.name, ", ".join(card.accepts), ", ".join(card.yields), calibration, card.summary
