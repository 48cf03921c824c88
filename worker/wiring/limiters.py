"""
The limiters of a worker: one per CRM account and limit, on Redis where there is a broker, else in the store.

Decided here: what a limiter is called, by CRM and account, so that all who call one account meet; which share is left to
other tools. Not decided here: the pace.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import structlog

from connectors.contract import CALLS, Budget, OwnLimit
from connectors.errors import ConnectorError
from worker.steps.pacing.limiter import Hearing, Limiter, StoreLimiter
from worker.steps.pacing.turns import Turns
from worker.steps.tools import Tools
from worker.wiring.broker import BadBroker, broker

if TYPE_CHECKING:
    from redis import Redis

log = structlog.get_logger("pql")
REDIS_SECONDS = 1.0  # a limiter that answers later than this is away


class Limiters:
    """Opened with the first call of a destination. For any thread."""

    def __init__(self, tools: Tools, broker_url: str | None) -> None:
        self._tools = tools
        self._redis = _redis(broker_url) if broker_url else None
        self._known: dict[str, Turns] = {}
        self._lock = threading.Lock()

    def of(self, destination: str) -> Limiter:
        """The limiter of a destination; from now on its connector asks for a turn before each request."""
        return self._known.get(destination) or self._open(destination)

    def close(self) -> None:
        if self._redis is not None:
            self._redis.close()

    def _open(self, destination: str) -> Limiter:
        crm, said = self._tools.crms[destination], self._tools.settings.destinations[destination].reserve
        reserved = crm.reserve if said is None else said.of
        before = crm.calls
        try:
            account = f"{crm.kind}:{crm.account()}"
        except ConnectorError:
            return self._limiter(f"{crm.kind}:{destination}", CALLS, reserved)  # nobody answers; asked again next time
        # a CRM that takes its time to answer keeps nobody from another one; of two threads the first is right
        with self._lock:
            if destination not in self._known:
                own = {limit: self._own(account, limit, own, reserved) for limit, own in crm.own_limits.items()}
                self._known[destination] = turns = Turns(self._limiter(account, CALLS, reserved), own)
                # who has asked for the account knows the allowance before the first call that can wait for its turn
                turns.learn(crm.budget())
                turns.count(crm.calls - before)
                crm.pass_through(turns)
            return self._known[destination]

    def _own(self, account: str, limit: str, own: OwnLimit, reserved: float) -> Limiter:
        made = self._limiter(account, limit, reserved)
        made.learn(Budget(window_calls=own.calls, window_seconds=own.seconds))
        return made

    def _limiter(self, account: str, limit: str, reserved: float) -> Limiter:
        name, hearing = f"{account}:{limit}", Hearing()
        in_store = StoreLimiter(self._tools.store, name, reserved, hearing)
        if self._redis is None:
            return in_store
        from worker.steps.pacing.limiter_redis import RedisLimiter

        return RedisLimiter(self._redis, name, in_store, hearing, reserved)


def _redis(url: str) -> Redis | None:
    """A client that answers soon or not at all; it connects at its first question."""
    from redis import Redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    try:
        found = broker(url)
    except BadBroker as bad:
        log.warning("limiter", reason=f"{bad} Slots for calls are kept in the store.")
        return None
    seconds = {"socket_timeout": REDIS_SECONDS, "socket_connect_timeout": REDIS_SECONDS}
    client: Redis = Redis.from_url(found.url, retry=Retry(NoBackoff(), 0), **seconds, **(found.tls or {}))
    return client
