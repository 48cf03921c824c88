"""
The Celery app: queues by destination, the beat schedule, two thin tasks; nothing else.

A message is a doorbell: a kind of work and a name, never records. What work there is stands in the store, so losing,
repeating or reordering messages changes only latency. Scheduled work is claimed by its slot in the database, so any number
of beats do no harm. The broker comes from the environment; `pql activate` decides which settings are in force.
"""

from __future__ import annotations

import os
import sys
import time
from datetime import UTC, datetime
from typing import Any

import structlog
from celery import Celery, signals
from celery.schedules import schedstate, schedule
from kombu import Queue
from kombu.exceptions import OperationalError

from worker.steps.pacing.periods import BadPeriod, Periods, visibility, visibility_or_floor
from worker.wiring.broker import BadBroker, Broker, broker
from worker.wiring.places import find

log = structlog.get_logger("pql")


# Each line has its reason in docs/operations.md.
VISIBILITY = visibility_or_floor()
REQUIRED: dict[str, Any] = {
    "task_serializer": "json",
    "accept_content": ["json"],
    "task_acks_late": True,
    "task_reject_on_worker_lost": True,
    "task_acks_on_failure": True,
    "task_acks_on_timeout": True,
    "task_time_limit": 300,
    "task_soft_time_limit": 240,
    "task_ignore_result": True,
    "task_publish_retry": False,
    "task_default_queue": "sweep",
    "worker_concurrency": 4,
    "worker_prefetch_multiplier": 1,
    "worker_disable_prefetch": True,
    "worker_max_tasks_per_child": 200,
    "worker_max_memory_per_child": 1_500_000,
    "worker_soft_shutdown_timeout": 20,
    "worker_enable_soft_shutdown_on_idle": True,
    "worker_cancel_long_running_tasks_on_connection_loss": False,
    "worker_hijack_root_logger": False,
    "broker_connection_retry_on_startup": True,
    "broker_connection_max_retries": None,
    "broker_pool_acquire_timeout": 5,
    "visibility_timeout": VISIBILITY,
    "result_backend_transport_options": {"visibility_timeout": VISIBILITY},
    "broker_transport_options": {
        "visibility_timeout": VISIBILITY,
        "unacked_restore_interval": 10,
        "unacked_restore_throttle": 1,
        "health_check_interval": 25,
        "socket_keepalive": True,
        "socket_timeout": 30,
        "global_keyprefix": "pql:",
    },
}
QUEUES = ("pull", "score", "watch", "audit", "sweep", "push")
# Scoring all leads is one piece: a million took two minutes on two busy cores. Below half the visibility timeout no other
# worker gets its message.
PATIENCE = {"score": {"soft_time_limit": 780, "time_limit": 840}}
LATE_AT_MOST = 2.0  # a bell rings so long after its slot began, because clocks of hosts differ a little
EPOCH = datetime.fromtimestamp(0, tz=UTC)


class Slots(schedule):
    """Due once in each slot of so many seconds, counted from 1970: two beats mean the same slot."""

    def is_due(self, last_run_at: datetime) -> schedstate:
        """Whether nothing rang since the present slot began, and the seconds until the next one."""
        every = self.run_every.total_seconds()
        late = min(LATE_AT_MOST, every / 10)
        now = time.time()
        begun = (now - late) // every * every + late
        return schedstate(last_run_at.timestamp() < begun, max(begun + every - now, 0.01))


class _App(Celery):
    @property
    def Beat(self) -> Any:  # noqa: N802  Celery's name
        """Celery's beat, on the schedule of the settings that are active when it starts."""
        _sound()
        self.conf.beat_schedule = _schedule()
        return super().Beat


def _found() -> Broker:
    """The broker, or one that nobody uses: a bad address is refused when a worker starts, not when somebody imports."""
    try:
        return broker(find().broker)
    except BadBroker:
        return Broker("redis://refused.invalid")


app = _App("pql", broker=_found().url)
app.conf.update(REQUIRED)
app.conf.broker_use_ssl = _found().tls
app.conf.task_queues = [Queue(name) for name in QUEUES]
# The slots are in the database, so beat keeps no file; RedBeat lets a second beat stand by.
app.conf.beat_scheduler = "redbeat.RedBeatScheduler" if os.environ.get("PQL_REDBEAT") == "1" else "celery.beat.Scheduler"
app.conf.redbeat_redis_url = _found().url
app.conf.redbeat_redis_use_ssl = _found().tls
app.conf.redbeat_redis_options = {"socket_timeout": 30}
app.conf.redbeat_key_prefix = "pql:redbeat:"
app.conf.redbeat_lock_timeout = 60
app.conf.beat_max_loop_interval = 5


def _sound() -> None:
    """End this process with a sentence where the broker or a period must not be used; say what is risky."""
    try:
        risky = broker(find().broker).warning
        Periods.from_environment()
        visibility()
    except (BadBroker, BadPeriod) as bad:
        sys.exit(str(bad))
    if risky:
        log.warning("broker", reason=risky)


def _schedule() -> dict[str, Any]:
    from worker.wiring.duties import sweep_seconds
    from worker.wiring.process import settings_when_active
    from worker.wiring.timetable import jobs, queue_of

    table = jobs(settings_when_active(), sweep_seconds())
    # a slot missed while no beat ran is taken up at the start, and only the last one; RedBeat remembers by itself
    rung = {} if os.environ.get("PQL_REDBEAT") == "1" else {"last_run_at": EPOCH}
    return {
        job.name: {
            "task": tick.name,
            "schedule": Slots(job.seconds),
            "args": [job.name, job.kind, job.about],
            "options": {"queue": queue_of(job.kind, job.about), **PATIENCE.get(job.kind, {})},
            **rung,
        }
        for job in table
    }


@signals.celeryd_init.connect
def _hear_all(conf: Any = None, **_: Any) -> None:
    """Before a worker starts: without -Q it hears every queue of the active settings."""
    from worker.wiring.process import settings_when_active

    _configure()
    _sound()
    names = (*QUEUES, *(f"push.{name}" for name in settings_when_active().destinations))
    conf.task_queues = [Queue(name) for name in names]


@signals.setup_logging.connect
def _configure(loglevel: int | None = None, **_: Any) -> None:
    from worker.wiring.logs import configure

    configure(loglevel or 20)


def ring(kind: str, about: str = "") -> None:
    """Tell workers that there is work. A lost bell is harmless: the next tick rings again."""
    from worker.wiring.timetable import queue_of

    # a destination that was activated after this worker started has no queue that anybody hears
    own = queue_of(kind, about)
    queue = own if kind != "push" or own in {one.name for one in app.conf.task_queues} else kind
    try:
        work.apply_async([kind, about], queue=queue, **PATIENCE.get(kind, {}))
    except OperationalError as problem:
        log.warning("unheard", work=kind, about=about, reason=type(problem).__name__)


@app.task(name="pql.tick")
def tick(job: str, kind: str, about: str) -> None:
    """Scheduled work: done by whoever claims the slot first."""
    _carry_out(kind, about, job)


@app.task(name="pql.work")
def work(kind: str, about: str) -> None:
    """One slice of work; rings again while some remains."""
    _carry_out(kind, about)


def _carry_out(kind: str, about: str, job: str = "") -> None:
    from worker.wiring import process
    from worker.wiring.duties import perform

    for bell in perform(process.worker, kind, about, job):
        ring(*bell)
