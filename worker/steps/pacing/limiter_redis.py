"""
Slots for calls, shared by all workers on one Redis: the pace of the core as two scripts, on Redis' own clock.

Decided here: what Redis keeps and for how long, and what happens without it. An emptied Redis goes on at the gap that a
process of ours remembers; while Redis is away, the row of the store serves. The scripts and `worker.core.pace` must stay in
step: one suite of tests is run on both.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

import structlog
from redis import Redis
from redis.exceptions import RedisError

from connectors.contract import Budget
from worker.core.pace import NOISE, PARTS, SECOND, SETTLE, SHARE
from worker.steps.pacing.limiter import Hearing, StoreLimiter, near

log = structlog.get_logger("pql")
PREFIX = "pql:limiter:1:"  # with the version of what stands under it
KEPT_DAYS = 1  # how long a pace that nobody uses is remembered
AWAY_SECONDS = 5.0  # Redis did not answer; so long it is not asked again

_COMMON = f"""
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local kept = redis.call('HMGET', KEYS[1], 'free', 'gap', 'window', 'ours', 'heir', 'lean')
local known = kept[1] and true or false
local free, gap, window = tonumber(kept[1] or 0), tonumber(kept[2] or 0), tonumber(kept[3] or 10000000)
local heir, lean = tonumber(kept[5] or 0), tonumber(kept[6] or 0)
local ours = {{}}
for part, calls in string.gmatch(kept[4] or '', '(%d+):(%d+)') do ours[tonumber(part)] = tonumber(calls) end
local their_gap, their_window, their_busy, moved = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4] == '1'
local function width() return math.max(1, math.floor(window / {PARTS})) end
local function over(other)
  if other == window then return end
  local before, was = ours, width()
  ours, window = {{}}, other
  for part, calls in pairs(before) do
    local at = math.floor(part * was / width())
    ours[at] = (ours[at] or 0) + calls
  end
end
if their_gap > 0 and (moved or not known) then
  over(their_window)
  free = math.max(free, now + their_busy + {SETTLE})
  gap, heir = their_gap, now + their_window
end
local function store()
  local oldest, said = math.floor((now - window) / width()), {{}}
  for part, calls in pairs(ours) do
    if part >= oldest then said[#said + 1] = string.format('%.0f:%d', part, calls) end
  end
  redis.call('HSET', KEYS[1], 'free', string.format('%.0f', free), 'gap', string.format('%.0f', gap), 'window',
    string.format('%.0f', window), 'ours', table.concat(said, ' '), 'heir', string.format('%.0f', heir),
    'lean', string.format('%.0f', lean))
  redis.call('PEXPIRE', KEYS[1], math.ceil(math.max(free - now, lean - now, 0) / 1000) + {KEPT_DAYS * 86_400_000})
end
"""
# ARGV from 5: slots, pause, how near they are wanted (-1: any), in microseconds.
# Answers: wait, gap, window, until the next free slot, until the day is not lean.
RESERVE = (
    _COMMON
    + """
local calls, within = tonumber(ARGV[5]), tonumber(ARGV[7])
local from = math.max(free, now + tonumber(ARGV[6]))
if within >= 0 and from - now > within then return {from - now, gap, window, free - now, lean - now} end
if calls > 0 then
  local at = math.floor(from / width())
  ours[at] = (ours[at] or 0) + calls
end
free = from + calls * gap
store()
return {from - now, gap, window, free - now, lean - now}
"""
)
# ARGV from 5: calls of the window, its microseconds, remaining, share of the reserve, lean time; -1 where not said.
LEARN = (
    _COMMON
    + f"""
local most, length, remaining = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local reserved, dry = tonumber(ARGV[8]), tonumber(ARGV[9])
if dry >= 0 then lean = dry > 0 and now + dry or 0 end
if most > 0 then
  over(length)
  local others, silent = 0, remaining < 0 or now < heir
  local first, called = math.floor((now - window) / width()), 0
  for part, calls in pairs(ours) do
    if part > first and part <= math.floor(now / width()) then called = called + calls end
  end
  called = called + (ours[first] or 0) * (1 - ((now - window) - first * width()) / width())
  if not silent then
    others = math.max(0, most - remaining - called)
    if others <= {NOISE} * most then others = 0 end
  end
  local fresh = math.floor(window / math.max(math.min({SHARE} * most - others, (1 - reserved) * most), 1) + 0.5)
  if gap == 0 then free = math.max(free, now + math.floor(called * fresh + 0.5)) end
  gap = (silent and gap > 0) and math.max(gap, fresh) or fresh
end
store()
return {{0, gap, window, free - now, lean - now}}
"""
)


class RedisLimiter:
    """Slots shared by all who use one Redis; `otherwise` serves while it is away."""

    def __init__(self, client: Redis, name: str, otherwise: StoreLimiter, hearing: Hearing, reserved: float = 0.0) -> None:
        self._key = PREFIX + name
        self._otherwise = otherwise
        self._hearing = hearing
        self._reserved = reserved
        self._reserve = client.register_script(RESERVE)
        self._learn = client.register_script(LEARN)
        self._away = _Away()

    def reserve(self, calls: int = 1, within: float | None = None, ahead: float = 0.0) -> float:
        wanted = near(within)
        wait = self._ask(self._reserve, (calls, round(ahead * SECOND), -1 if wanted is None else wanted))
        return self._otherwise.reserve(calls, within, ahead) if wait is None else wait

    def pause(self, seconds: float) -> None:
        if self._ask(self._reserve, (0, round(seconds * SECOND), -1)) is None:
            self._otherwise.pause(seconds)

    def learn(self, budget: Budget) -> None:
        news = self._hearing.news(budget)
        remaining = -1 if news.window_remaining is None else news.window_remaining
        length = round(news.window_seconds * SECOND)
        dry = -1
        if news.day_calls and news.day_remaining is not None:
            dry = round(news.day_wait * SECOND) if news.day_remaining < self._reserved * news.day_calls else 0
        if not news.window_calls and dry < 0:
            return
        said = (news.window_calls or 0, length, remaining, self._reserved, dry)
        if self._ask(self._learn, said) is None:
            self._otherwise.learn_news(news)

    def lean(self) -> float:
        return self._hearing.lean()

    def _ask(self, script: Callable[..., Sequence[int]], said: tuple[float, ...]) -> float | None:
        """Seconds to wait; None where Redis does not answer and the store has to."""
        if self._away.still():
            return None
        before = self._hearing.before()
        mine = (before.gap, before.window, before.busy, int(self._away.was()))
        try:
            wait, *seen = script(keys=[self._key], args=[*mine, *said])
        except RedisError as problem:
            self._away.begins(type(problem).__name__, lambda: self._otherwise.take_over(before))
            return None
        self._away.ends()
        self._hearing.keep(*(int(one) for one in seen))
        return int(wait) / SECOND


class _Away:
    """Since when Redis does not answer, said once in the log."""

    def __init__(self) -> None:
        self._until = 0.0
        self._is = False
        self._lock = threading.Lock()

    def still(self) -> bool:
        return time.monotonic() < self._until

    def was(self) -> bool:
        return self._is

    def begins(self, why: str, first: Callable[[], None]) -> None:
        """Note that Redis is away; where that is new, say it and do something `first`, before any thread goes on."""
        with self._lock:
            if not self._is:
                said = "Redis does not answer. Slots for calls are kept in the store until it does."
                log.warning("limiter", reason=said, problem=why)
                first()
            self._is, self._until = True, time.monotonic() + AWAY_SECONDS

    def ends(self) -> None:
        with self._lock:
            back, self._is = self._is, False
        if back:
            log.info("limiter", reason="Redis answers again. Slots for calls are kept there.")
