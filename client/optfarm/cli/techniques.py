"""`optfarm techniques`: what the farm can do to a model."""

from typing import Annotated

import typer

from optfarm.cli.options import Json
from optfarm.cli.output import farm, print_json, print_table

app = typer.Typer(name="techniques", help="List and show techniques.", no_args_is_help=True)


@app.command("list")
def list_techniques(*, as_json: Json = False) -> None:
    """List every technique with what it takes and yields."""
    from optfarm_tasks.technique import TechniqueCard

    with farm() as opened:
        found = opened.connection.get("/v1/techniques", tuple[TechniqueCard, ...])
    if as_json:
        print_json(found)
        return
    rows = [
        (
            card.name,
            ", ".join(card.accepts),
            ", ".join(card.yields),
            "yes" if card.needs_calibration else "",
            card.summary,
        )
        for card in found
    ]
    print_table(("technique", "takes", "yields", "calibration", ""), rows)


@app.command()
def show(name: Annotated[str, typer.Argument(help="The technique's name.")], *, as_json: Json = False) -> None:
    """Show a technique and its parameters with their ranges."""
    from optfarm_tasks.technique import TechniqueCard

    with farm() as opened:
        card = opened.connection.get(f"/v1/techniques/{name}", TechniqueCard)
    if as_json:
        print_json(card)
        return
    print(f"{card.name}: {card.description}")
    rows = [(each.name, each.type, each.range, str(each.default), each.description) for each in card.parameters]
    print_table(("parameter", "type", "range", "default", ""), rows)
