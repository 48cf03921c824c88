"""
The web process: /livez, /readyz, a status page. Reads the store, changes nothing, loads nothing from elsewhere.

Decided here: alive means that this process answers; ready means that the store can be read and its tables are new enough.
Served on loopback unless told otherwise; the page shows counts and no names of leads.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

if TYPE_CHECKING:
    from settings.root import Settings
    from worker.store.database import Store

TEMPLATES = Path(__file__).parent / "templates"
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


class _Headers(BaseHTTPMiddleware):
    async def dispatch(self, request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        answer = await call_next(request)
        answer.headers.update(HEADERS)
        return answer


def create() -> Starlette:
    """The application, on the places of the environment."""
    routes = [
        Route("/livez", _alive),
        Route("/readyz", _ready),
        Route("/style.css", _style),
        Route("/", _page),
    ]
    return Starlette(routes=routes, middleware=[Middleware(_Headers)])


async def _alive(_: Request) -> Response:
    return JSONResponse({"alive": True})


async def _ready(_: Request) -> Response:
    problem = await run_in_threadpool(_problem)
    return JSONResponse({"ready": problem is None, "problem": problem}, status_code=503 if problem else 200)


async def _style(_: Request) -> Response:
    return Response((TEMPLATES / "style.css").read_text(), media_type="text/css")


async def _page(_: Request) -> Response:
    return HTMLResponse(await run_in_threadpool(_rendered))


def _open() -> tuple[Store, Settings | None]:
    from worker.wiring import opening
    from worker.wiring.places import find

    places = find()
    settings = opening.active_settings(places)
    workspace = settings.workspace if settings else opening.workspace_of(places)
    return opening.open_store(places, workspace, make=False), settings


def _problem() -> str | None:
    try:
        store, _ = _open()
        store.close()
    except Exception as error:  # noqa: BLE001 (whatever it is, this process is not ready, and says the kind of it only)
        return type(error).__name__
    return None


def _rendered() -> str:
    from jinja2 import Environment, FileSystemLoader, select_autoescape

    from worker.steps.standing import standing

    pages = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=select_autoescape(default=True))
    store, settings = _open()
    try:
        return pages.get_template("status.html").render(now=standing(store, settings))
    finally:
        store.close()
