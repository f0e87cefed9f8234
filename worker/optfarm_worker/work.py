"""One leased task, from its inputs in the cache to its result in the store."""

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
from optfarm_tasks.schema.tree import Digest, Tree
from optfarm_worker.bench import WorkerContext
from optfarm_worker.cache import Hold
from optfarm_worker.child import order_for
from optfarm_worker.ending import ChildExit, judged, tail_of
from optfarm_worker.errors import NoSpace
from optfarm_worker.folder import TaskFolder
from optfarm_worker.launcher import Runner, Started
from optfarm_worker.lease import LeaseKeeper

log = structlog.get_logger()


@dataclass(frozen=True)
class ChildOutcome:
    """What a child left behind."""

    folder: TaskFolder
    inputs: Hold
    started_at: float
    ending: ChildExit


@dataclass(frozen=True)
class LeasedTask:
    """What belongs to one lease. Its methods block and raise:

    LeaseLost: drop the task.
    HandBack: it cannot be done here and now.
    TaskError: it cannot be done.
    """

    bench: WorkerContext
    lease: Lease
    token: int
    heart: LeaseKeeper

    def ended(self, runner: Runner, kept: ExitStack) -> ChildOutcome:
        """Runs the child to its end; its folder and its inputs stay until the stack is closed."""
        bench, task = self.bench, self.lease.task
        toolchain = self._toolchain()
        bench.store.obey(self.heart.over)
        inputs = [file for tree in task.inputs.values() for file in tree.files]
        with self._full_disk_told():
            folder = kept.enter_context(bench.scratch.folder(self.lease.task_id, self.token))
            hold = kept.enter_context(bench.cache.held(inputs))
            folder.lay_out(task, hold.paths)
        started_at, ending = self._run(folder, toolchain, runner)
        return ChildOutcome(folder, hold, started_at, ending)

    def delivered(self, end: ChildOutcome) -> Finish:
        """Pushes what the child left; facts become a result in the store, under the lease that is still held."""
        self.heart.check()
        end.inputs.check()
        with self._full_disk_told():
            tail = tail_of(end.folder.log_end())
            verdict = judged(end.ending, end.folder.outcome(), task=self.lease.task, log_tail=tail)
            if isinstance(verdict, Failure):
                end.folder.check_space()
                return self.finish(failure=verdict, log=self._push(end.folder, Tree(files=())))
            outputs = end.folder.outputs(readable=self.bench.settings.cache_dir)
            log = self._push(end.folder, outputs)
        self.heart.check()
        result = self.bench.delivery.commit(self._result(verdict, outputs, end))
        return self.finish(result=result, log=log)

    def finish(
        self, *, log: Digest | None = None, result: Result | None = None, failure: Failure | None = None
    ) -> Finish:
        """How the task ended, as of now."""
        return Finish(token=self.token, result=result, failure=failure, log=log, finished_at=datetime.now(UTC))

    def _toolchain(self) -> Toolchain:
        found = self.bench.toolchains.get(self.lease.toolchain)
        if found is None:
            raise MissingToolchain(f"{self.bench.settings.name} has no toolchain {self.lease.toolchain!r}")
        return found

    def _run(self, folder: TaskFolder, toolchain: Toolchain, runner: Runner) -> tuple[float, ChildExit]:
        """Runs the child while the host is this task's to use."""
        settings, task, started_at = self.bench.settings, self.lease.task, [time.time()]

        def heard(event: Started | str) -> None:
            if isinstance(event, Started):
                started_at.append(event.at)
                log.info("child started", task_id=self.lease.task_id, isolated=event.isolated)
            else:
                self._tell(event)

        order = order_for(task, folder.path, python=toolchain.python)
        alone = task.action.kind.runs_alone
        with self.bench.idle.held(alone=alone, wait_s=settings.idle_wait_s, given_up=self.heart.over):
            self.heart.when_over(runner.stop)
            ending = runner.run(order, heard)
        return started_at[-1], ending

    def _tell(self, line: str) -> None:
        """Passes a line of the child's progress on; one that is no progress is nobody's loss."""
        try:
            self.heart.tell(Progress.model_validate_json(line))
        except ValidationError:
            return

    def _push(self, folder: TaskFolder, outputs: Tree) -> Digest | None:
        stored = frozenset(file.sha256 for tree in self.lease.task.inputs.values() for file in tree.files)
        return self.bench.delivery.push(folder.outputs_path, outputs.files, log=folder.log, stored=stored)

    def _result(self, facts: Facts, outputs: Tree, end: ChildOutcome) -> Result:
        settings, ending = self.bench.settings, end.ending
        return Result(
            key=self.lease.key,
            facts=facts,
            outputs=outputs,
            started_at=datetime.fromtimestamp(end.started_at, UTC),
            finished_at=datetime.fromtimestamp(ending.at, UTC),
            duration_s=ending.duration_s,
            peak_rss_bytes=ending.peak_rss_bytes,
            host=settings.host,
            device=settings.name,
        )

    @contextmanager
    def _full_disk_told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise NoSpace(f"no space left in {self.bench.settings.scratch_dir}") from error
            raise
