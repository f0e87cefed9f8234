"""Puts the routers together into one application."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

from fastapi import Depends, FastAPI

from optfarm_scheduler.api import blobs, catalog, devices, events, health, sweeps, tasks, techniques, workers
from optfarm_scheduler.auth import TokenRole, require
from optfarm_scheduler.bounds import Bounded
from optfarm_scheduler.parts import Parts
from optfarm_scheduler.problems import answer_with_problems
from optfarm_tasks.schema.api import Problem

_USER = (techniques, devices, blobs, catalog, sweeps, events, tasks)
_ERRORS: dict[int | str, dict[str, Any]] = {
    "4XX": {"model": Problem, "description": "What was wrong, as application/problem+json"}
}


def application(parts: Parts) -> FastAPI:
    """The API over running parts; it starts and stops them."""

    @asynccontextmanager
    async def life(_app: FastAPI) -> AsyncIterator[None]:
        parts.changes.attach(asyncio.get_running_loop())
        parts.start()
        yield
        parts.stop()

    app = FastAPI(
        title="optfarm",
        version=version("optfarm"),
        lifespan=life,
        openapi_url="/v1/openapi.json",
        docs_url="/v1/docs",
        redoc_url=None,
        responses=_ERRORS,
        # Bearer tokens are not sent by browsers on their own, so a body without a media type is no danger.
        strict_content_type=False,
    )
    app.state.parts = parts
    answer_with_problems(app)
    app.add_middleware(Bounded, tokens=parts.tokens)
    app.include_router(health.router, prefix="/v1")
    for module in _USER:
        app.include_router(module.router, prefix="/v1", dependencies=[Depends(require(TokenRole.USER))])
    app.include_router(workers.router, prefix="/v1", dependencies=[Depends(require(TokenRole.WORKER))])
    return app
