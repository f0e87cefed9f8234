"""A sweep as it goes, pushed to whoever watches."""

import asyncio
from collections.abc import AsyncIterator

from fastapi import APIRouter
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse

from optfarm_scheduler.api.sweeps import status_of
from optfarm_scheduler.parts import Farm, Parts
from optfarm_tasks.schema.sweep import SweepState
from optfarm_tasks.schema.waiting import Waiting

router = APIRouter(prefix="/sweeps", tags=["sweeps"])

_GAP_S = 0.1
"""Between a change and its event: one task's end and the next one's claim make one event, and neither request waits
while the status of a long sweep is written."""
_QUIET_S = 10.0


@router.get("/{sweep_id}/events", response_class=StreamingResponse)
def events(farm: Farm, sweep_id: str) -> StreamingResponse:
    """Server-sent events named status: the sweep at once, at each change, and a last time at its end."""
    farm.sweeps.find(sweep_id)
    return StreamingResponse(
        _stream(farm, sweep_id), media_type="text/event-stream", headers={"Cache-Control": "no-store"}
    )


async def _stream(farm: Parts, sweep_id: str) -> AsyncIterator[str]:
    with farm.changes.watch(sweep_id) as changed:
        while not farm.changes.is_closed:
            changed.clear()
            status = await run_in_threadpool(status_of, farm, sweep_id)
            yield f"event: status\ndata: {status.model_dump_json()}\n\n"
            if status.state is not SweepState.RUNNING:
                return
            while not await _is_set(changed):
                yield ": nothing new\n\n"
                # A silent device, and what other sweeps do to the queue, are no changes of this one.
                if await run_in_threadpool(_waits_of, farm, sweep_id) != [each.waiting for each in status.tasks]:
                    break
            await asyncio.sleep(_GAP_S)


def _waits_of(farm: Parts, sweep_id: str) -> list[Waiting | None]:
    return [each.waiting for each in status_of(farm, sweep_id).tasks]


async def _is_set(changed: asyncio.Event) -> bool:
    try:
        async with asyncio.timeout(_QUIET_S):
            return await changed.wait()
    except TimeoutError:
        return False
