"""The parts that all tasks of one worker share (scheduler, store, cache, folders), built from its settings."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from optfarm_tasks.schema.device import Inventory, Toolchain
from optfarm_worker.cache import Cache
from optfarm_worker.folder import Scratch
from optfarm_worker.idle import IdleLock
from optfarm_worker.scheduler import Scheduler
from optfarm_worker.settings import WorkerSettings
from optfarm_worker.store import Store

PARALLEL_PUSHES = 4


@dataclass(frozen=True)
class WorkerContext:
    """What a task is given by its worker."""

    settings: WorkerSettings
    scheduler: Scheduler
    store: Store
    cache: Cache
    pushes: ThreadPoolExecutor
    """Threads that send outputs and log side by side; they stay between tasks."""
    scratch: Scratch
    idle: IdleLock
    toolchains: Mapping[str, Toolchain]


@contextmanager
def worker_context(
    settings: WorkerSettings, scheduler: Scheduler, store: Store, inventory: Inventory
) -> Iterator[WorkerContext]:
    """A worker's context, which lasts as long as the block.

    Raises:
        BadSettings: another worker serves the same device.
        OSError: a folder cannot be made.
    """
    with ExitStack() as stack:
        scratch = Scratch(settings.scratch_dir, settings.name)
        stack.callback(scratch.close)
        idle = IdleLock(settings.idle_lock)
        stack.callback(idle.close)
        pushes = stack.enter_context(ThreadPoolExecutor(PARALLEL_PUSHES, thread_name_prefix="push"))
        yield WorkerContext(
            settings=settings,
            scheduler=scheduler,
            store=store,
            cache=Cache(settings.cache_dir, settings.cache_bytes),
            pushes=pushes,
            scratch=scratch,
            idle=idle,
            toolchains={each.name: each for each in inventory.toolchains},
        )
