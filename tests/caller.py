"""
A process of its own that calls the sandbox HubSpot as fast as its limiter lets it, and prints what it met.

Arguments: the store, Redis or `-`, the sandbox's address and token, a contact's id, seconds.
"""

import json
import sys
import threading
import time
from contextlib import closing
from types import SimpleNamespace
from typing import Any

from connectors import registry
from connectors.errors import TryLater
from settings.destinations import DestinationSpec
from settings.terms import Secret
from worker.steps.pacing.turns import patient
from worker.store.database import open_store
from worker.wiring.limiters import Limiters

THREADS = 8  # so many that slow answers of a busy machine do not become the limit


def main(store_url: str, redis_url: str, url: str, token: str, contact: str, seconds: str) -> None:
    spec = DestinationSpec(name="hubspot", kind="hubspot", options={"token": Secret("TOKEN", token), "base_url": url})
    with closing(open_store(store_url, "acme")) as store, closing(registry.crm(spec)) as crm:  # type: ignore[type-var]  # it closes
        tools: Any = SimpleNamespace(
            store=store, crms={"hubspot": crm}, settings=SimpleNamespace(destinations={"hubspot": spec})
        )
        limiters = Limiters(tools, None if redis_url == "-" else redis_url)
        limiter = limiters.of("hubspot")
        ends, refused = time.monotonic() + float(seconds), []

        def call() -> None:
            with patient():
                while time.monotonic() < ends:
                    try:
                        crm.mirror.read("contact", [contact], ["jobtitle"])
                    except TryLater as problem:
                        if problem.code != "NOT_YET":  # our own restraint is no refusal
                            refused.append(problem.code)
                        limiter.pause(problem.after or 10.0)
                    limiter.learn(crm.budget())

        threads = [threading.Thread(target=call) for _ in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        limiters.close()
        sys.stdout.write(json.dumps({"calls": crm.calls, "refused": refused}))


if __name__ == "__main__":
    main(*sys.argv[1:])
