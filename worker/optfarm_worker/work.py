"""One leased task, from its inputs in the cache to its result in the store."""

import errno
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog
from pydantic import ValidationError

from optfarm_tasks.device import Toolchain
from optfarm_tasks.errors import MissingToolchain
from optfarm_tasks.lease import Finish, Lease, Progress
from optfarm_tasks.result import Facts, Failure, Result
from optfarm_tasks.spec import Kind
from optfarm_tasks.tree import Digest, Tree
from optfarm_worker.bench import Bench
from optfarm_worker.child import order_for
from optfarm_worker.ending import Ending, judged, tail_of
from optfarm_worker.errors import NoSpace
from optfarm_worker.folder import TaskFolder
from optfarm_worker.launcher import Runner, Started
from optfarm_worker.lease import Heart

log = structlog.get_logger()


@dataclass(frozen=True)
class Work:
    """What belongs to one lease."""

    bench: Bench
    lease: Lease
    token: int
    heart: Heart
    runner: Runner

    def done(self) -> Finish:
        """Carries the task out; blocks.

        Raises:
            LeaseLost: drop it.
            HandBack: it cannot be done here and now.
            TaskError: it cannot be done.
        """
        bench, task = self.bench, self.lease.task
        toolchain = self._toolchain()
        bench.store.obey(self.heart.over)
        inputs = [file for tree in task.inputs.values() for file in tree.files]
        with (
            _full_disk_told(f"no space left in {bench.settings.scratch_dir}"),
            bench.scratch.folder(self.lease.task_id, self.token) as folder,
            bench.cache.held(inputs) as hold,
        ):
            folder.lay_out(task, hold.paths)
            started_at, ending = self._run(folder, toolchain)
            self.heart.check()
            hold.check()
            return self._deliver(folder, started_at, ending)

    def _toolchain(self) -> Toolchain:
        found = self.bench.toolchains.get(self.lease.toolchain)
        if found is None:
            raise MissingToolchain(f"{self.bench.settings.name} has no toolchain {self.lease.toolchain!r}")
        return found

    def _run(self, folder: TaskFolder, toolchain: Toolchain) -> tuple[float, Ending]:
        """Runs the child while the host is this task's to use."""
        settings, task, started_at = self.bench.settings, self.lease.task, [time.time()]

        def heard(event: Started | str) -> None:
            if isinstance(event, Started):
                started_at.append(event.at)
                log.info("child started", task_id=self.lease.task_id, isolated=event.isolated)
            else:
                self._tell(event)

        order = order_for(task, folder.path, python=toolchain.python)
        alone = task.action.kind is Kind.BENCHMARK
        with self.bench.idle.held(alone=alone, wait_s=settings.idle_wait_s, given_up=self.heart.over):
            self.heart.when_over(self.runner.stop)
            ending = self.runner.run(order, heard)
        return started_at[-1], ending

    def _tell(self, line: str) -> None:
        """Passes a line of the child's progress on; one that is no progress is nobody's loss."""
        try:
            self.heart.tell(Progress.model_validate_json(line))
        except ValidationError:
            return

    def _deliver(self, folder: TaskFolder, started_at: float, ending: Ending) -> Finish:
        """Pushes what the child left; facts become a result in the store, under the lease that is still held."""
        tail = tail_of(folder.log_end())
        verdict = judged(ending, folder.outcome(), task=self.lease.task, log_tail=tail)
        if isinstance(verdict, Failure):
            folder.check_space()
            return self._finish(failure=verdict, log=self._push(folder, Tree(files=())))
        outputs = folder.outputs(readable=self.bench.settings.cache_dir)
        log = self._push(folder, outputs)
        self.heart.check()
        result = self.bench.delivery.commit(self._result(verdict, outputs, started_at, ending))
        return self._finish(result=result, log=log)

    def _push(self, folder: TaskFolder, outputs: Tree) -> Digest | None:
        stored = frozenset(file.sha256 for tree in self.lease.task.inputs.values() for file in tree.files)
        return self.bench.delivery.push(folder.outputs_path, outputs.files, log=folder.log, stored=stored)

    def _result(self, facts: Facts, outputs: Tree, started_at: float, ending: Ending) -> Result:
        settings = self.bench.settings
        return Result(
            key=self.lease.key,
            facts=facts,
            outputs=outputs,
            started_at=datetime.fromtimestamp(started_at, UTC),
            finished_at=datetime.fromtimestamp(ending.at, UTC),
            duration_s=ending.duration_s,
            peak_rss_bytes=ending.peak_rss_bytes,
            host=settings.host,
            device=settings.name,
        )

    def _finish(self, *, log: Digest | None, result: Result | None = None, failure: Failure | None = None) -> Finish:
        return Finish(token=self.token, result=result, failure=failure, log=log, finished_at=datetime.now(UTC))


@contextmanager
def _full_disk_told(message: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise NoSpace(message) from error
        raise
