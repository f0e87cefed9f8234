"""`optfarm devices`: the machines of the farm, and whether their clocks may be trusted."""

from typing import TYPE_CHECKING, Annotated

import typer

from optfarm.cli.output import Json, farm, note, print_json, print_list

if TYPE_CHECKING:
    from optfarm_tasks.schema.health import Device, DeviceHealth

HEADINGS = ("device", "state", "health", "hardware", "labels", "toolchains")
app = typer.Typer(name="devices", help="List the machines of the farm, and end their quarantine.")


@app.callback(invoke_without_command=True)
def devices(context: typer.Context, *, as_json: Json = False) -> None:
    """List the devices of the farm, what they are, whether they answer, and how healthy they are."""
    if context.invoked_subcommand is None:
        list_devices(as_json=as_json)


@app.command("list")
def list_devices(*, as_json: Json = False) -> None:
    """List the devices, as `optfarm devices` alone does."""
    with farm() as opened:
        found = opened.devices()
    print_list(found, HEADINGS, row_of, as_json=as_json)


@app.command()
def release(
    device: Annotated[str, typer.Argument(help="The device's name, HOST.SLOT.")],
    *,
    anew: Annotated[bool, typer.Option("--anew", help="Forget what was usual: the machine changed for good.")] = False,
    as_json: Json = False,
) -> None:
    """End the quarantine of a device, so that it measures again."""
    with farm() as opened:
        released = opened.release_device(device, anew=anew)
    if as_json:
        print_json(released)
    else:
        note(f"{released.name} measures again; its health is {health_text(released.health)}")


def row_of(device: "Device") -> tuple[str, ...]:
    """A device as a row of text."""
    inventory = device.inventory
    state = (f"runs {device.running}" if device.running else "idle") if device.is_alive else "silent"
    hardware = [str(inventory.attributes[name]) for name in ("cpu_model", "gpu_name") if name in inventory.attributes]
    cores = [f"{inventory.attributes['cores']} cores"] if "cores" in inventory.attributes else []
    return (
        device.name,
        state,
        health_text(device.health),
        ", ".join(hardware + cores),
        ", ".join(f"{key}={value}" for key, value in inventory.labels.items()),
        ", ".join(toolchain.name for toolchain in inventory.toolchains),
    )


def health_text(health: "DeviceHealth") -> str:
    """The health in words: learning (3 canaries); quarantined since 14:05, its compute canary took …"""
    if health.reason is not None and health.since is not None:
        since = health.since.strftime("%Y-%m-%d %H:%M UTC")
        return f"{health.state} since {since}: {health.reason}; {health.good_in_a_row} good since"
    if health.reason is not None:
        return f"{health.state}: {health.reason}"
    return f"{health.state} ({health.good} canaries)" if health.good else str(health.state)
