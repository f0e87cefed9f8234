"""Brings what a task made to the object store: outputs and log side by side, then the result, once."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from optfarm_tasks.schema.result import Result
from optfarm_tasks.schema.tree import Digest, File, file_digest
from optfarm_worker.store import Store

PARALLEL_PUSHES = 4


class Delivery:
    """Pushes for one worker; its threads stay."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(PARALLEL_PUSHES, thread_name_prefix="push")

    def push(
        self, store: Store, folder: Path, *, files: Iterable[File], log: Path, stored: frozenset[Digest]
    ) -> Digest | None:
        """Pushes output files and the log; gives the log's digest, None for an empty one.

        Args:
            store: where they go.
            folder: where the files lie.
            files: the outputs.
            log: the child's log.
            stored: digests that are in the store for sure, such as the task's inputs.
        """
        sources = {file.sha256: folder / file.path for file in files if file.sha256 not in stored}
        log_digest = file_digest(log) if log.stat().st_size else None
        if log_digest is not None:
            sources[log_digest] = log
        list(self._pool.map(lambda item: store.push(*item), sources.items()))
        return log_digest

    @staticmethod
    def commit(store: Store, result: Result) -> Result:
        """Stores the result under its key; whoever came first has made it, and that one is given back."""
        if store.put_result(result.key, result.model_dump_json().encode()):
            return result
        return Result.model_validate_json(store.result(result.key))

    def close(self) -> None:
        """Lets the threads go."""
        self._pool.shutdown()
