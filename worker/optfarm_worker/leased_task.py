"""One leased task: lays out its inputs, runs its child, stores the outputs and the result."""

import errno
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog
from pydantic import ValidationError

from optfarm_tasks.errors import MissingToolchain
from optfarm_tasks.schema.device import Toolchain
from optfarm_tasks.schema.lease import Finish, Lease, Progress
from optfarm_tasks.schema.result import Facts, Failure, Result
from optfarm_tasks.schema.tree import Digest, Tree, file_digest
from optfarm_worker import quiet_device
from optfarm_worker.cache import Hold
from optfarm_worker.child import order_for
from optfarm_worker.child_exit import ChildExit, facts_or_failure, tail_of
from optfarm_worker.context import WorkerContext
from optfarm_worker.errors import NoSpace
from optfarm_worker.folder import TaskFolder
from optfarm_worker.launcher import Launcher, Started
from optfarm_worker.lease import LeaseKeeper
from optfarm_worker.machine_wait import MachineWait
from optfarm_worker.store import Store

log = structlog.get_logger()


@dataclass(frozen=True)
class ChildOutcome:
    """What a child left behind: its folder, the inputs it read, and how it exited."""

    folder: TaskFolder
    inputs: Hold
    started_at: float
    child_exit: ChildExit


@dataclass(frozen=True)
class LeasedTask:
    """A task that this worker holds the lease of. Its methods block and raise:

    LeaseLost: drop the task.
    HandBack: it cannot be done here and now.
    TaskError: it cannot be done.
    """

    context: WorkerContext
    lease: Lease
    token: int
    keeper: LeaseKeeper
    store: Store
    """Gives up when the keeper does."""

    def run_child(self, launcher: Launcher, kept: ExitStack) -> ChildOutcome:
        """Runs the child to its end; its folder and its inputs stay until the stack is closed."""
        context, task = self.context, self.lease.task
        toolchain = self._toolchain()
        inputs = [file for tree in task.inputs.values() for file in tree.files]
        with self._full_disk_handed_back():
            folder = kept.enter_context(context.scratch.folder(self.lease.task_id, self.token))
            hold = kept.enter_context(context.cache.held(inputs, self.store.fetch))
            folder.lay_out(task, hold.paths)
        started_at, child_exit = self._run(folder, toolchain, launcher)
        return ChildOutcome(folder, hold, started_at, child_exit)

    def deliver(self, outcome: ChildOutcome) -> Finish:
        """Pushes what the child left; facts become a result in the store, under the lease that is still held."""
        self.keeper.check()
        outcome.inputs.check()
        with self._full_disk_handed_back():
            folder, tail = outcome.folder, tail_of(outcome.folder.log_end())
            found = facts_or_failure(outcome.child_exit, folder.outcome(), task=self.lease.task, log_tail=tail)
            if isinstance(found, Failure):
                folder.check_space()
                return self.finish(failure=found, log=self._push(folder, Tree(files=())))
            outputs = folder.outputs(outcome.inputs.paths.values())
            log = self._push(folder, outputs)
        self.keeper.check()
        result = self._commit(self._result(found, outputs, outcome))
        return self.finish(result=result, log=log)

    def finish(
        self, *, log: Digest | None = None, result: Result | None = None, failure: Failure | None = None
    ) -> Finish:
        """The message that reports the end of the task, as of now."""
        return Finish(token=self.token, result=result, failure=failure, log=log, finished_at=datetime.now(UTC))

    def _toolchain(self) -> Toolchain:
        found = self.context.toolchains.get(self.lease.toolchain)
        if found is None:
            raise MissingToolchain(f"{self.context.settings.name} has no toolchain {self.lease.toolchain!r}")
        return found

    def _run(self, folder: TaskFolder, toolchain: Toolchain, launcher: Launcher) -> tuple[float, ChildExit]:
        """Runs the child while the host is this task's to use."""
        settings, task, started_at = self.context.settings, self.lease.task, [time.time()]

        def on_event(event: Started | str) -> None:
            if isinstance(event, Started):
                started_at.append(event.at)
                log.info("child started", task_id=self.lease.task_id, isolated=event.isolated)
            else:
                self._report(event)

        order = order_for(task, folder.path, python=toolchain.python, device=settings.device)
        alone = task.action.kind.runs_alone
        wait = MachineWait(self.keeper.report, since=datetime.now(UTC))
        with quiet_device.held(self.context, wait, alone=alone, cancelled=self.keeper.cancelled):
            wait.ends()
            self.keeper.on_cancel(launcher.stop)
            child_exit = launcher.run(order, on_event)
        return started_at[-1], child_exit

    def _report(self, line: str) -> None:
        """Passes a line of the child's progress on to the scheduler; a line that is none is ignored."""
        try:
            self.keeper.report(Progress.model_validate_json(line))
        except ValidationError:
            return

    def _push(self, folder: TaskFolder, outputs: Tree) -> Digest | None:
        """Sends outputs and log, except the inputs, which are stored; the log's digest, None for an empty one."""
        stored = {file.sha256 for tree in self.lease.task.inputs.values() for file in tree.files}
        sources = {file.sha256: folder.outputs_path / file.path for file in outputs.files if file.sha256 not in stored}
        log_digest = file_digest(folder.log) if folder.log.stat().st_size else None
        if log_digest is not None:
            sources[log_digest] = folder.log
        list(self.context.pushes.map(lambda item: self.store.push(*item), sources.items()))
        return log_digest

    def _commit(self, result: Result) -> Result:
        """Stores the result under its key; where there is one already, that one counts and is returned."""
        if self.store.put_result(result.key, result.model_dump_json().encode()):
            return result
        return Result.model_validate_json(self.store.result(result.key))

    def _result(self, facts: Facts, outputs: Tree, outcome: ChildOutcome) -> Result:
        settings, child_exit = self.context.settings, outcome.child_exit
        return Result(
            key=self.lease.key,
            facts=facts,
            outputs=outputs,
            started_at=datetime.fromtimestamp(outcome.started_at, UTC),
            finished_at=datetime.fromtimestamp(child_exit.at, UTC),
            duration_s=child_exit.duration_s,
            peak_rss_bytes=child_exit.peak_rss_bytes,
            host=settings.host,
            device=settings.name,
        )

    @contextmanager
    def _full_disk_handed_back(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise NoSpace(f"no space left in {self.context.settings.scratch_dir}") from error
            raise
