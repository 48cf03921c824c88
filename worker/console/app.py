"""
The web process: /livez, /readyz, a status page. Reads the store, changes nothing, loads nothing from elsewhere.

Decided here: alive means that this process answers; ready means that the store can be read and its tables are new enough.
Served on loopback unless told otherwise; the page shows counts, and neither names of leads nor secrets.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import closing
from datetime import datetime
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

if TYPE_CHECKING:
    from settings.root import Settings
    from worker.steps.telling.standing import Standing

TEMPLATES = Path(__file__).parent / "templates"
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; form-action 'none'; frame-ancestors 'none';"
    " base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
GOOD, WAITING, BAD = "good", "waiting", "bad"
COLOURS = {
    **dict.fromkeys(("done", "in_sync", "confirmed"), GOOD),
    **dict.fromkeys(("running", "partial", "due", "sending", "planned", "unknown", "interrupted"), WAITING),
    **dict.fromkeys(("held", "failed", "rejected", "dead", "needs_review"), BAD),
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
    problem = await run_in_threadpool(_problem)
    if problem:
        return HTMLResponse(_rendered("unready.html", problem=problem), status_code=503)
    now = await run_in_threadpool(_standing)
    return HTMLResponse(_rendered("status.html", now=now, colours=COLOURS))


def _problem() -> str | None:
    """Why this process is not ready; never with an address, which may hold a password."""
    from worker.store import schema
    from worker.store.database import open_store, parse_url
    from worker.store.errors import SchemaTooOld
    from worker.wiring.places import find

    try:
        place = parse_url(find().store)
        if place.get_backend_name() == "sqlite" and not Path(str(place.database)).exists():
            return "There is no store yet. `pql run` or `pql migrate` makes it."
        with closing(open_store(find().store)) as store:
            schema.check(store)
    except SchemaTooOld:
        return "The tables of the store are missing or older than this program. Run `pql migrate`."
    except Exception as error:  # noqa: BLE001 (whatever it is, this process is not ready, and says the kind of it only)
        return f"The store cannot be read ({type(error).__name__}). Look at `pql doctor`."
    return None


def _standing() -> Standing:
    from worker.steps.telling.standing import standing
    from worker.store import versions
    from worker.store.database import open_store
    from worker.wiring import opening
    from worker.wiring.places import find

    places = find()
    with closing(open_store(places.store, opening.workspace_of(places))) as store:
        with store.read() as tx:
            version = versions.active(tx)
        return standing(store, _settings(version.text) if version else None)


@lru_cache(maxsize=2)
def _settings(text: str) -> Settings:
    """The names that the page needs; this process has no business with secrets."""
    from settings.load import from_stored
    from worker.wiring.opening import option_tables

    return from_stored(text, options=option_tables(), secrets=False)


def _rendered(template: str, **values: Any) -> str:
    return str(_pages().get_template(template).render(**values))


@cache
def _pages() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    pages = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined)
    pages.filters["moment"] = moment
    pages.filters["ago"] = ago
    pages.filters["number"] = lambda value: f"{value:,}"
    return pages


def moment(at: datetime | None) -> str:
    """
    An instant as people read it.

    >>> moment(None)
    'never'
    """
    return f"{at:%a %d %b, %H:%M} UTC" if at else "never"


def ago(at: datetime | None, now: datetime) -> str:
    """
    How long ago, in the unit that fits.

    >>> ago(datetime(2026, 1, 1, 9), datetime(2026, 1, 1, 11, 30))
    '2 h ago'
    """
    if at is None:
        return "never"
    seconds = max(0, int((now - at).total_seconds()))
    for length, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= length:
            return f"{seconds // length} {unit} ago"
    return f"{seconds} s ago"
