"""Runs the scheduler: optfarm-scheduler."""

import os
import signal
import sys
from types import FrameType

import structlog
import uvicorn
from pydantic import ValidationError

from optfarm_scheduler.api.app import application
from optfarm_scheduler.logs import set_up
from optfarm_scheduler.parts import Parts, assemble
from optfarm_scheduler.settings import SchedulerSettings
from optfarm_tasks import registry

_USAGE = 2
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
    """Serves until SIGTERM or SIGINT, by OPTFARM_* and the TOML file; exits with 2 when a setting is wrong."""
    set_up()
    sys.setswitchinterval(_SWITCH_S)
    try:
        settings = SchedulerSettings()
    except ValidationError as error:
        wrong = [f"OPTFARM_{str(each['loc'][0]).upper()}: {each['msg']}" for each in error.errors() if each["loc"]]
        sys.stderr.write("\n".join(["optfarm-scheduler cannot start:", *wrong]) + "\n")
        raise SystemExit(_USAGE) from error
    for fault in registry.faults():
        log.warning("plugin_refused", reason=fault)
    parts = assemble(settings, on_death=_die)
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


def _die() -> None:
    """A scheduler without its loop would look alive and do nothing; whoever supervises starts it again."""
    log.critical("loop_died")
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
