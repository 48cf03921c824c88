"""
The Celery app: queues by destination, the beat schedule, one thin task per step; nothing else.

A message is a doorbell: a kind of work and a name, never records. What work there is stands in the store, so losing,
repeating or reordering messages changes only latency. Scheduled work is claimed by its slot in the database, so any number
of beats do no harm. Broker and workspace come from the environment; `pql activate` decides which settings are in force.
"""

from __future__ import annotations

import os
from typing import Any

from celery import Celery
from celery.schedules import schedule
from kombu import Queue

VISIBILITY = int(os.environ.get("PQL_VISIBILITY", "1800"))
RESTORE_INTERVAL = int(os.environ.get("PQL_RESTORE_INTERVAL", "10"))

# Each line has its reason in docs/operations.md.
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
        "unacked_restore_interval": RESTORE_INTERVAL,
        "unacked_restore_throttle": 1,
        "health_check_interval": 25,
        "socket_keepalive": True,
        "socket_timeout": 30,
        "global_keyprefix": "pql:",
    },
}


def _broker() -> str:
    from worker.wiring.places import find

    return find().broker or "redis://localhost:6379/0"


app = Celery("pql", broker=_broker())
app.conf.update(REQUIRED)


def _queues_and_schedule() -> None:
    """From the active settings; without any, only the sweep is scheduled and workers hear the plain queues."""
    from worker.wiring.timetable import timetable

    table = timetable()
    app.conf.task_queues = [
        Queue(name) for name in ("pull", "score", "watch", "sweep", *(f"push.{name}" for name in table.destinations))
    ]
    app.conf.task_default_queue = "sweep"
    app.conf.beat_schedule = {
        job.name: {
            "task": "pql.tick",
            "schedule": schedule(job.seconds),
            "args": [job.name, job.kind, job.about],
            "options": {"queue": job.queue},
        }
        for job in table.jobs
    }
    if os.environ.get("PQL_REDBEAT"):
        app.conf.beat_scheduler = "redbeat.RedBeatScheduler"
        app.conf.redbeat_redis_url = _broker()
        app.conf.redbeat_lock_timeout = 60


_queues_and_schedule()


def ring(kind: str, name: str = "") -> None:
    """Tell workers that there is work. A lost bell is harmless: the next tick rings again."""
    queue = f"push.{name}" if kind == "push" else kind
    work.apply_async([kind, name], queue=queue)


@app.task(name="pql.tick")
def tick(job: str, kind: str, about: str) -> None:
    """Scheduled work: done by whoever claims the slot first."""
    from worker.wiring.duties import scheduled

    for next_kind, next_name in scheduled(job, kind, about):
        ring(next_kind, next_name)


@app.task(name="pql.work")
def work(kind: str, name: str) -> None:
    """One slice of work; rings again while some remains."""
    from worker.wiring.duties import perform

    for next_kind, next_name in perform(kind, name):
        ring(next_kind, next_name)
