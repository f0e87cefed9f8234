"""`optfarm devices`: the machines of the farm."""

from typing import TYPE_CHECKING

from optfarm.cli.options import Json
from optfarm.cli.output import farm, print_list

if TYPE_CHECKING:
    from optfarm_tasks.sweep import Device


def devices(*, as_json: Json = False) -> None:
    """List the devices of the farm, what they are, and whether they answer."""
    with farm() as opened:
        found = opened.devices()
    print_list(found, ("device", "state", "hardware", "labels", "toolchains"), row_of, as_json=as_json)


def row_of(device: "Device") -> tuple[str, ...]:
    """A device as a row of text."""
    inventory = device.inventory
    state = (f"runs {device.running}" if device.running else "idle") if device.is_alive else "silent"
    hardware = [str(inventory.attributes[name]) for name in ("cpu_model", "gpu_name") if name in inventory.attributes]
    cores = [f"{inventory.attributes['cores']} cores"] if "cores" in inventory.attributes else []
    return (
        device.name,
        state,
        ", ".join(hardware + cores),
        ", ".join(f"{key}={value}" for key, value in inventory.labels.items()),
        ", ".join(toolchain.name for toolchain in inventory.toolchains),
    )
