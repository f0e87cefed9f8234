"""Runs the scheduler: optfarm-scheduler."""

import argparse
import logging
import os
import signal
import sys
from types import FrameType

import structlog
import uvicorn
from pydantic import ValidationError

from optfarm_scheduler.api.app import application
from optfarm_scheduler.errors import NewerDatabase
from optfarm_scheduler.parts import Parts, assemble
from optfarm_scheduler.settings import SchedulerSettings
from optfarm_tasks import registry
from optfarm_tasks.schema.settings import settings_faults

_USAGE = 2
_NEEDS_A_PERSON = 3
"""Starting again would end alike; the embedded farm's supervisor leaves such a part alone."""
_ABOUT = """Serves the farm's HTTP API and plans its work. It takes no options: its settings are OPTFARM_* variables, or
stand in a TOML file that OPTFARM_CONFIG names; see docs/scheduler.md."""
_SWITCH_S = 0.0005
"""A worker's claim waits so long for the loop to let it in; Python's 5 ms would add to every gap between tasks."""

log = structlog.get_logger()


class Server(uvicorn.Server):
    """Lets go of those who watch sweeps first: their streams would keep it from ending."""

    parts: Parts

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Ends the streams, then the server."""
        self.parts.changes.close()
        super().handle_exit(sig, frame)


def main() -> None:
    """Serves until SIGTERM or SIGINT, by OPTFARM_* and the TOML file.

    Exits with 2 when a setting is wrong, with 3 when the database is of a newer version.
    """
    argparse.ArgumentParser(prog="optfarm-scheduler", description=_ABOUT).parse_args()
    _set_up_logs()
    sys.setswitchinterval(_SWITCH_S)
    try:
        settings = SchedulerSettings()
    except ValidationError as error:
        sys.stderr.write("\n".join(["optfarm-scheduler cannot start:", *settings_faults(error)]) + "\n")
        raise SystemExit(_USAGE) from error
    for fault in registry.faults():
        log.warning("plugin_refused", reason=fault)
    try:
        parts = assemble(settings, on_death=_die)
    except NewerDatabase as error:
        sys.stderr.write(f"optfarm-scheduler cannot start: {error}\n")
        raise SystemExit(_NEEDS_A_PERSON) from error
    server = Server(
        uvicorn.Config(
            application(parts),
            host=settings.listen_host,
            port=settings.listen_port,
            access_log=False,
            log_config=None,
            timeout_graceful_shutdown=2,
        )
    )
    server.parts = parts
    server.run()


def _set_up_logs(level: str = "INFO") -> None:
    """Sends structlog's and the standard library's events to stderr, one a line: JSON unless a person watches."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    renderer = structlog.dev.ConsoleRenderer() if sys.stderr.isatty() else structlog.processors.JSONRenderer()
    handler = logging.StreamHandler(sys.stderr)
    final = [structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer]
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=final))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def _die() -> None:
    """A scheduler without its loop would look alive and do nothing; whoever supervises starts it again."""
    log.critical("loop_died")
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
