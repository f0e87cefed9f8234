"""`optfarm verify`: measure a sample of a sweep again, and check whether both measurements agree."""

from typing import TYPE_CHECKING, Annotated

import typer

from optfarm.cli import live
from optfarm.cli.output import INTERRUPTED, Json, farm, note, print_json, print_table

if TYPE_CHECKING:
    from optfarm.sweep import Sweep
    from optfarm.verify import Check


def verify(
    sweep: Annotated[str, typer.Argument(help="The sweep's id.")],
    *,
    sample: Annotated[int, typer.Option(min=1, help="How many variants are measured again.")] = 3,
    seed: Annotated[int, typer.Option(help="Of the draw.")] = 0,
    as_json: Json = False,
) -> None:
    """Measure a sample of the variants again on their devices; exit code 1 when a number does not hold."""
    from optfarm.verify import Finding
    from optfarm.verify import verify as verified

    with farm() as opened:
        checks: list[Check] = []
        try:
            checks.extend(verified(opened.find_sweep(sweep), opened.submit, count=sample, seed=seed, watch=_show))
        except KeyboardInterrupt:
            note("\nstopped; what was submitted goes on: optfarm sweep list")
            raise typer.Exit(INTERRUPTED) from None
    if as_json:
        print_json(checks)
    else:
        _print(checks)
    raise typer.Exit(int(any(check.finding is Finding.MOVED for check in checks)))


def _show(again: "Sweep") -> None:
    live.show(again, heading=f"sweep {again.id} measures again")


def _print(checks: "list[Check]") -> None:
    from optfarm.columns import ratio_text

    headings = ("method", "device", "before [95%]", "again [95%]", "finding", "why")
    rows = [
        [
            check.recipe,
            check.device,
            ratio_text(check.before),
            ratio_text(check.after),
            str(check.finding),
            check.why + ("; the artifact differs" if check.is_same_artifact is False else ""),
        ]
        for check in checks
    ]
    print_table(headings, rows)
