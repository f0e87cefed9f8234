"""The key of a task's result, once the digests of its inputs are known."""

from collections.abc import Mapping

from optfarm_scheduler.planning.toolchains import Needs
from optfarm_tasks.schema.spec import Action, Role, task_key
from optfarm_tasks.schema.tree import Digest
from optfarm_tasks.schema.value import digest_of


def key_of(
    action: Action, digests: Mapping[Role, Digest], *, needs: Needs, identity: str | None, fresh_for: str | None
) -> Digest:
    """Where the result lies in the store.

    Args:
        action: what is done.
        digests: role → digest of the tree.
        needs: their versions are part of the key.
        identity: what stands for the device, for work that is pinned to one.
        fresh_for: the sweep that asked for fresh results. They get a key of that sweep alone, because a
            stored result never changes; a retry within the sweep still finds what it had stored.
    """
    key = task_key(action, dict(digests), toolchain=dict(needs.versions), device=identity)
    return key if fresh_for is None else digest_of({"key": key, "fresh_for": fresh_for})
