"""
Places where a test may kill this process, named after the moments at which a crash leaves a different trace: K1 to K10, B1
to B8 in a bulk job, A1 and A2 before and after an alert is sent.

PQL_CRASHPOINT=K4 kills at the first passage of K4, K4:3 at the third, K7@task_create at the first with a batch of new tasks;
only with PQL_TESTING=1.
"""

import os
import signal
from collections import Counter

_passed: Counter[str] = Counter()


def point(name: str, about: str = "") -> None:
    """Die here, without any clean-up, where a test asked for it; `about` is the kind of batch that passes."""
    wanted = os.environ.get("PQL_CRASHPOINT")
    if not wanted or os.environ.get("PQL_TESTING") != "1":
        return
    where, _, passage = wanted.partition(":")
    if where not in (name, f"{name}@{about}"):
        return
    _passed[name] += 1
    if _passed[name] == int(passage or 1):
        os.kill(os.getpid(), signal.SIGKILL)
