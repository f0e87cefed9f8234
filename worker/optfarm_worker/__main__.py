"""optfarm-worker: serves one device of this machine until it is stopped."""

import argparse
import logging
import os
import signal
import sys
import threading
from collections.abc import Sequence
from contextlib import closing
from typing import Any

import structlog

from optfarm_storage.s3 import S3Store
from optfarm_tasks.benchmark.process import shield
from optfarm_worker import all_gpus, confinement, devices, toolchain_cli
from optfarm_worker.app import Consumer
from optfarm_worker.context import worker_context
from optfarm_worker.errors import BadSettings, Denied
from optfarm_worker.inventory import inventory_of
from optfarm_worker.presence import Presence
from optfarm_worker.scheduler import Scheduler
from optfarm_worker.settings import WorkerSettings, read_settings
from optfarm_worker.store import Objects, location_of
from optfarm_worker.task_runner import TaskRunner

BAD_SETTINGS = 2
_ALL_GPUS = "--all-gpus"
SWITCH_S = 0.0005
"""The next task is claimed while the last one is delivered; Python's 5 ms would have one thread wait for the other."""
AT_ONCE = 130
STOP_WITHIN_S = 10.0
"""A network that hangs may keep a worker for longer; its child is gone by then, and its lease runs out."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command; exit code 2 says that the settings are wrong, 75 that it should be started again."""
    _set_up_logs()
    sys.setswitchinterval(SWITCH_S)
    given = sys.argv[1:] if arguments is None else list(arguments)
    try:
        is_toolchain = given[:1] == [toolchain_cli.COMMAND]
        code = toolchain_cli.main(given[1:]) if is_toolchain else _run(_parsed(given), given)
    except (BadSettings, Denied) as error:
        print(f"optfarm-worker: {error}", file=sys.stderr)
        code = BAD_SETTINGS
    sys.exit(code)


def _run(parsed: dict[str, Any], given: list[str]) -> int:
    if parsed.pop("list_devices"):
        print("\n".join(name for kind in devices.kinds() for name in devices.kind_of(kind).names()))
        return 0
    if parsed.pop("all_gpus"):
        if parsed["device"] is not None:
            raise BadSettings("--all-gpus and --device exclude each other")
        return all_gpus.serve([word for word in given if word != _ALL_GPUS])
    if parent := parsed.pop("parent"):
        shield.die_with_parent(parent)
    return serve(read_settings(**parsed))


def serve(settings: WorkerSettings) -> int:
    """Serves the device until SIGTERM or SIGINT; a second one ends it at once, and its child with it.

    Raises:
        BadSettings: a toolchain does not work, or another worker serves the device.
        Denied: the scheduler does not take the token.
    """
    confinement.adopt_orphans()
    os.sched_setaffinity(0, devices.kind_of(settings.device).cores(settings.device))
    inventory = inventory_of(settings)
    with (
        closing(Scheduler(settings.url, settings.worker_token.get_secret_value())) as scheduler,
        closing(S3Store(location_of(settings))) as store,
        worker_context(settings, scheduler, Objects(store), inventory) as context,
    ):
        task_runner = TaskRunner(context)
        consumer = Consumer(settings.broker_url.get_secret_value(), settings.name, task_runner.carry_out)
        device = devices.kind_of(settings.device)
        presence = Presence(scheduler, inventory, lambda: device.fault(settings.device))
        _on_signals(task_runner, consumer)
        presence.start()
        log = structlog.get_logger()
        for toolchain in inventory.toolchains:
            for fault in toolchain.faults:
                log.warning("plug-in refused", device=settings.name, toolchain=toolchain.name, reason=fault)
        log.info("serving", device=settings.name, scheduler=settings.url, pid=os.getpid())
        try:
            return consumer.run()
        finally:
            presence.stop()
            task_runner.close()


def _on_signals(task_runner: TaskRunner, consumer: Consumer) -> None:
    def end(_number: int, _frame: object) -> None:
        signal.signal(signal.SIGTERM, _at_once)
        signal.signal(signal.SIGINT, _at_once)
        last_resort = threading.Timer(STOP_WITHIN_S, os._exit, (0,))
        last_resort.daemon = True
        last_resort.start()
        consumer.stop()
        task_runner.stop()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)


def _at_once(_number: int, _frame: object) -> None:
    """The supervisor sees its pipe close and ends its tree; the lease lapses."""
    os._exit(AT_ONCE)


def _parsed(arguments: Sequence[str]) -> dict[str, Any]:
    parser = argparse.ArgumentParser(
        prog="optfarm-worker",
        description="Serves one device. Other settings: OPTFARM_* variables, or a TOML file that OPTFARM_CONFIG names.",
        epilog="optfarm-worker toolchain list|add|remove builds the Python environments that a worker offers.",
    )
    parser.add_argument("--device", help="cpu (the default), gpu:0, or gpu:UUID of a GPU or a MIG instance")
    parser.add_argument(_ALL_GPUS, action="store_true", help="a worker for each GPU of this machine, or MIG instance")
    parser.add_argument("--parent", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--list-devices", action="store_true", help="print what --device may name here, and end")
    parser.add_argument("--host", help="name of this machine in the farm; the default is its host name")
    parser.add_argument("--url", help="the scheduler, http://host:port")
    parser.add_argument("--label", dest="labels", action="append", metavar="NAME=VALUE", help="what selectors match")
    given = vars(parser.parse_args(arguments))
    if given["labels"] is not None:
        given["labels"] = dict(_label(text) for text in given["labels"])
    return given


def _label(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise BadSettings(f"--label {text!r}: write NAME=VALUE")
    return name, value


def _set_up_logs() -> None:
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            structlog.processors.LogfmtRenderer(bool_as_flag=False),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


if __name__ == "__main__":
    main()
