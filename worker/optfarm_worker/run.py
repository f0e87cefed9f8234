"""The story of one task as the scheduler sees it: claimed, kept by a heartbeat, finished or dropped."""

import threading
import time
from datetime import UTC, datetime

import structlog

from optfarm_tasks.errors import Reason, TaskError
from optfarm_tasks.lease import Finish, Lease
from optfarm_tasks.result import Failure
from optfarm_worker.bench import Bench
from optfarm_worker.errors import Denied, HandBack, LeaseLost, Stopped
from optfarm_worker.launcher import Runner
from optfarm_worker.lease import Heart
from optfarm_worker.scheduler import insist
from optfarm_worker.work import Work

log = structlog.get_logger()


class Hand:
    """Carries out one task after the other, in one thread; stop() may come from another."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._stopping = threading.Event()
        self._heart: Heart | None = None
        self._runner = self._next_runner()

    def carry_out(self, task_id: str, token: int) -> None:
        """Everything from a message to the scheduler's receipt; drops a task that is not this worker's."""
        said = log.bind(task_id=task_id, token=token, device=self._bench.settings.name)
        try:
            failure = self._claim_and_finish(task_id, token)
        except (LeaseLost, Denied, Stopped) as error:
            said.info("task dropped", why=str(error))
        else:
            said.info("task finished", failure=failure and f"{failure.reason}: {failure.message}")
        finally:
            self._heart = None

    def stop(self) -> None:
        """Hands back the task that is carried out, if one is, and takes no other."""
        self._stopping.set()
        heart = self._heart
        if heart is not None:
            heart.give_up(Stopped("the worker was told to end"))

    def close(self) -> None:
        """Ends the runner that waits."""
        self._runner.close()

    def _claim_and_finish(self, task_id: str, token: int) -> Failure | None:
        scheduler, device = self._bench.scheduler, self._bench.settings.name
        set_out = time.monotonic()
        lease = insist(lambda: scheduler.claim(task_id, token=token, device=device), stop=self._stopping)
        with Heart(scheduler, lease, token, held_from=set_out) as heart:
            self._heart = heart
            if self._stopping.is_set():
                self.stop()
            finish = self._finish(lease, token, heart)
            insist(lambda: scheduler.finish(task_id, finish), stop=self._stopping)
        return finish.failure

    def _finish(self, lease: Lease, token: int, heart: Heart) -> Finish:
        """How the task ends; one that cannot be done here and now ends as lost, and the scheduler runs it again."""
        said = log.bind(task_id=lease.task_id, sweep_id=lease.sweep_id, device=self._bench.settings.name)
        said.info("task claimed", kind=lease.task.action.kind, attempt=lease.attempt)
        runner, self._runner = self._runner, self._next_runner()
        try:
            return Work(self._bench, lease, token, heart, runner).done()
        except LeaseLost:
            raise
        except HandBack as error:
            return _failed(token, Reason.WORKER_LOST, str(error))
        except TaskError as error:
            return _failed(token, error.reason, str(error))
        except Exception as error:  # noqa: BLE001 (else its lease lapses five times, and nobody hears why)
            said.exception("defect of the worker")
            return _failed(token, Reason.INTERNAL, f"the worker failed: {type(error).__name__}: {error}")
        finally:
            runner.close()

    def _next_runner(self) -> Runner:
        """Starts while the task before it runs, so it is up when it is wanted."""
        locks = [self._bench.scratch.descriptor, self._bench.idle.descriptor]
        return Runner(locks, isolate=self._bench.settings.isolate_network)


def _failed(token: int, reason: Reason, message: str) -> Finish:
    failure = Failure(reason=reason, message=message)
    return Finish(token=token, failure=failure, finished_at=datetime.now(UTC))
