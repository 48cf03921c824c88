"""`open(settings) -> Worker`: the Python surface, and the single place where objects are built."""

from worker.wiring.opening import open

__all__ = ["open"]
