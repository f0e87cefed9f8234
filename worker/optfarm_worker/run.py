"""The story of one task as the scheduler sees it: claimed, kept by a heartbeat, finished or dropped."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any, TypeVar

import structlog

from optfarm_tasks.errors import Reason, TaskError
from optfarm_tasks.schema.lease import Finish
from optfarm_tasks.schema.result import Failure
from optfarm_worker.bench import WorkerContext
from optfarm_worker.errors import Denied, HandBack, LeaseLost, Stopped
from optfarm_worker.launcher import Runner
from optfarm_worker.lease import LeaseKeeper
from optfarm_worker.scheduler import insist
from optfarm_worker.work import ChildOutcome, LeasedTask

Step = TypeVar("Step")
_DROPPED = (LeaseLost, Denied, Stopped)

log = structlog.get_logger()


class TaskRunner:
    """Carries out one task after the other, in one thread; stop() may come from another.

    What a child has made is delivered in a second thread, so that the next task is claimed meanwhile. Its child
    starts once the delivery is over, since that would disturb it.
    """

    def __init__(self, bench: WorkerContext) -> None:
        self._bench = bench
        self._stopping = threading.Event()
        self._hearts: set[LeaseKeeper] = set()
        self._runner = self._next_runner()
        self._deliverer = ThreadPoolExecutor(1, thread_name_prefix="deliver")
        self._is_delivered = threading.Event()
        self._is_delivered.set()

    def carry_out(self, task_id: str, token: int) -> None:
        """Everything from a message to the end of its child; drops a task that is not this worker's."""
        try:
            with ExitStack() as kept:
                work = self._claim(task_id, token, kept)
                self._is_delivered.wait()
                end = self._ended(work, kept)
                self._is_delivered.clear()
                self._deliverer.submit(self._hand_in, work, end, kept.pop_all())
        except _DROPPED as error:
            self._said(task_id, token).info("task dropped", why=str(error))

    def stop(self) -> None:
        """Hands back what is carried out, if anything is, and takes nothing else."""
        self._stopping.set()
        for heart in tuple(self._hearts):
            heart.give_up(Stopped("the worker was told to end"))

    def close(self) -> None:
        """Waits until the scheduler knows of every end, and ends the runner that waits."""
        self._deliverer.shutdown()
        self._runner.close()

    def _claim(self, task_id: str, token: int, kept: ExitStack) -> LeasedTask:
        """The lease is kept alive until the stack is closed."""
        scheduler, device = self._bench.scheduler, self._bench.settings.name
        set_out = time.monotonic()
        lease = insist(lambda: scheduler.claim(task_id, token=token, device=device), stop=self._stopping)
        heart = kept.enter_context(LeaseKeeper(scheduler, lease, token, held_from=set_out))
        self._hearts.add(heart)
        kept.callback(self._hearts.discard, heart)
        if self._stopping.is_set():
            self.stop()
        said = self._said(task_id, token)
        said.info("task claimed", sweep_id=lease.sweep_id, kind=lease.task.action.kind, attempt=lease.attempt)
        return LeasedTask(self._bench, lease, token, heart)

    def _ended(self, work: LeasedTask, kept: ExitStack) -> ChildOutcome | Failure:
        runner, self._runner = self._runner, self._next_runner()
        kept.callback(runner.close)
        return self._or_failure(work, lambda: work.ended(runner, kept))

    def _hand_in(self, work: LeasedTask, end: ChildOutcome | Failure, kept: ExitStack) -> None:
        said = self._said(work.lease.task_id, work.token)
        with kept:
            try:
                finish = self._finish(work, end)
                insist(lambda: self._bench.scheduler.finish(work.lease.task_id, finish), stop=self._stopping)
            except _DROPPED as error:
                said.info("task dropped", why=str(error))
            else:
                failure = finish.failure
                said.info("task finished", failure=failure and f"{failure.reason}: {failure.message}")

    def _finish(self, work: LeasedTask, end: ChildOutcome | Failure) -> Finish:
        try:
            finish = end if isinstance(end, Failure) else self._or_failure(work, lambda: work.delivered(end))
        finally:
            self._is_delivered.set()
        return finish if isinstance(finish, Finish) else work.finish(failure=finish)

    def _or_failure(self, work: LeasedTask, step: Callable[[], Step]) -> Step | Failure:
        """What the step gives. A task that cannot be done here and now is lost, and the scheduler runs it again."""
        try:
            return step()
        except LeaseLost:
            raise
        except HandBack as error:
            return Failure(reason=Reason.WORKER_LOST, message=str(error))
        except TaskError as error:
            return Failure(reason=error.reason, message=str(error))
        except Exception as error:  # noqa: BLE001 (else its lease lapses five times, and nobody hears why)
            self._said(work.lease.task_id, work.token).exception("defect of the worker")
            return Failure(reason=Reason.INTERNAL, message=f"the worker failed: {type(error).__name__}: {error}")

    def _said(self, task_id: str, token: int) -> Any:
        return log.bind(task_id=task_id, token=token, device=self._bench.settings.name)

    def _next_runner(self) -> Runner:
        """Starts while the task before it runs, so it is up when it is wanted."""
        locks = [self._bench.scratch.descriptor, self._bench.idle.descriptor]
        return Runner(locks, isolate=self._bench.settings.isolate_network)
