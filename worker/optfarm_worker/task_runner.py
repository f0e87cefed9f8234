"""Runs tasks one after the other: claims each from the scheduler, keeps its lease, reports how it finished."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any, TypeVar

import structlog

from optfarm_tasks.errors import DamagedObject, Reason, TaskError
from optfarm_tasks.schema.lease import Finish
from optfarm_tasks.schema.result import Failure
from optfarm_worker.context import WorkerContext
from optfarm_worker.errors import Denied, HandBack, LeaseLost, Stopped
from optfarm_worker.launcher import Launcher
from optfarm_worker.lease import LeaseKeeper
from optfarm_worker.leased_task import ChildOutcome, LeasedTask
from optfarm_worker.scheduler import insist

Step = TypeVar("Step")
_DROPPED = (LeaseLost, Denied, Stopped)

log = structlog.get_logger()


class TaskRunner:
    """Carries out one task after the other, in one thread; stop() may come from another.

    What a child has made is delivered in a second thread, so that the next task is claimed meanwhile. Its child
    starts once the delivery is over, since that would disturb it.
    """

    def __init__(self, context: WorkerContext) -> None:
        self._context = context
        self._stopping = threading.Event()
        self._keepers: set[LeaseKeeper] = set()
        self._launcher = self._next_launcher()
        self._deliverer = ThreadPoolExecutor(1, thread_name_prefix="deliver")
        self._is_delivered = threading.Event()
        self._is_delivered.set()

    def carry_out(self, task_id: str, token: int) -> None:
        """Everything from a message to the end of its child; drops a task that is not this worker's."""
        try:
            with ExitStack() as kept:
                task = self._claim(task_id, token, kept)
                self._is_delivered.wait()
                outcome = self._run_child(task, kept)
                self._is_delivered.clear()
                self._deliverer.submit(self._hand_in, task, outcome, kept.pop_all())
        except _DROPPED as error:
            self._log(task_id, token).info("task dropped", why=str(error))

    def stop(self) -> None:
        """Hands back what is carried out, if anything is, and takes nothing else."""
        self._stopping.set()
        for keeper in tuple(self._keepers):
            keeper.cancel(Stopped("this worker is shutting down"))

    def close(self) -> None:
        """Waits until every finish is reported, and ends the supervisor that waits for an order."""
        self._deliverer.shutdown()
        self._launcher.close()

    def _claim(self, task_id: str, token: int, kept: ExitStack) -> LeasedTask:
        """The lease is kept alive until the stack is closed."""
        scheduler, device = self._context.scheduler, self._context.settings.name
        set_out = time.monotonic()
        lease = insist(lambda: scheduler.claim(task_id, token=token, device=device), stop=self._stopping)
        keeper = kept.enter_context(LeaseKeeper(scheduler, lease, token, held_from=set_out))
        self._keepers.add(keeper)
        kept.callback(self._keepers.discard, keeper)
        if self._stopping.is_set():
            self.stop()
        task_log = self._log(task_id, token)
        task_log.info("task claimed", sweep_id=lease.sweep_id, kind=lease.task.action.kind, attempt=lease.attempt)
        return LeasedTask(self._context, lease, token, keeper, self._context.store.cancel_with(keeper.cancelled))

    def _run_child(self, task: LeasedTask, kept: ExitStack) -> ChildOutcome | Failure:
        launcher, self._launcher = self._launcher, self._next_launcher()
        kept.callback(launcher.close)
        return self._or_failure(task, lambda: task.run_child(launcher, kept))

    def _hand_in(self, task: LeasedTask, outcome: ChildOutcome | Failure, kept: ExitStack) -> None:
        task_log = self._log(task.lease.task_id, task.token)
        with kept:
            try:
                finish = self._finish(task, outcome)
                insist(lambda: self._context.scheduler.finish(task.lease.task_id, finish), stop=self._stopping)
            except _DROPPED as error:
                task_log.info("task dropped", why=str(error))
            else:
                failure = finish.failure
                task_log.info("task finished", failure=failure and f"{failure.reason}: {failure.message}")

    def _finish(self, task: LeasedTask, outcome: ChildOutcome | Failure) -> Finish:
        try:
            if isinstance(outcome, Failure):
                return task.finish(failure=outcome)
            finish = self._or_failure(task, lambda: task.deliver(outcome))
        finally:
            self._is_delivered.set()
        return finish if isinstance(finish, Finish) else task.finish(failure=finish)

    def _or_failure(self, task: LeasedTask, step: Callable[[], Step]) -> Step | Failure:
        """What the step returns. A task that cannot be done here and now is lost, and the scheduler runs it again."""
        try:
            return step()
        except LeaseLost:
            raise
        except HandBack as error:
            return Failure(reason=Reason.WORKER_LOST, message=str(error))
        except DamagedObject as error:
            return Failure(reason=error.reason, message=str(error), damaged=(error.digest,))
        except TaskError as error:
            return Failure(reason=error.reason, message=str(error))
        except Exception as error:  # noqa: BLE001 (else its lease lapses five times, and nobody learns why)
            self._log(task.lease.task_id, task.token).exception("defect of the worker")
            return Failure(reason=Reason.INTERNAL, message=f"the worker failed: {type(error).__name__}: {error}")

    def _log(self, task_id: str, token: int) -> Any:
        return log.bind(task_id=task_id, token=token, device=self._context.settings.name)

    def _next_launcher(self) -> Launcher:
        """Its supervisor starts while the task before it runs, so it is up when it is wanted."""
        locks = [self._context.scratch.descriptor, self._context.idle.descriptor]
        return Launcher(locks, isolate=self._context.settings.isolate_network)
