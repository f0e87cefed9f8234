"""Who is woken when something changed."""

import asyncio

from optfarm_scheduler.changes import Changes


async def turn() -> None:
    """Returns once the event loop has done what it was asked for before."""
    done = asyncio.Event()
    asyncio.get_running_loop().call_soon(done.set)
    await done.wait()


def woken(*changed: str | None) -> list[bool]:
    """Whether a watcher of `a` and one of `b` are woken."""

    async def watched() -> list[bool]:
        changes = Changes()
        changes.attach(asyncio.get_running_loop())
        with changes.watch("a") as first, changes.watch("b") as second:
            changes.note(changed)
            await turn()
            return [first.is_set(), second.is_set()]

    return asyncio.run(watched())


def test_a_change_wakes_those_who_watch_its_sweep() -> None:
    assert woken("a") == [True, False]
    assert woken("c") == woken() == [False, False]


def test_what_belongs_to_no_sweep_wakes_everyone() -> None:
    assert woken(None) == woken("a", None) == [True, True]


def test_everyone_is_woken_at_the_end_and_never_again() -> None:
    async def ended() -> list[bool]:
        changes = Changes()
        changes.attach(asyncio.get_running_loop())
        with changes.watch("a") as event:
            changes.close()
            await turn()
            seen = [event.is_set()]
            event.clear()
            changes.note(["a"])
            await turn()
            return [*seen, event.is_set()]

    assert asyncio.run(ended()) == [True, False]
