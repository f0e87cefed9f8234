"""The SDK and the command line of the farm."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from optfarm.farm import Farm

__all__ = ["Farm"]


def __getattr__(name: str) -> Any:
    """Imports the SDK when it is first used, so that the command line starts at once."""
    if name != "Farm":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from optfarm.farm import Farm  # noqa: PLC0415 (the point of this function)

    return Farm
