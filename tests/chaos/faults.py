"""
The faults that both drivers choose from: what the weather may do to a call, how often, and where a process may be killed.

Those that need no knowledge of a vendor stand first; a limit, a refused row or a locked one is each CRM's own.
"""

from typing import Any

from chaos.scene import DELAY

Fault = tuple[str, dict[str, Any]]
POINTS = ("K3", "K3:2", "K4", "K4:2", "K5", "K6", "K7", "K7:2", "K8", "K8:2")
STRUCK = ("records", "records", "tasks", "tasks", "changes", "reads", "all")
"""Which calls are struck, the likelier ones more than once."""
BY_ROW = ("row_error", "partial_as_200", "drop_item")
NTH = ((1,), (1,), (1,), (2,), (1, 2), (1, 2, 3), (1, 3))
EVERYWHERE: list[Fault] = [
    *(("status", {"status": status}) for status in (500, 502, 503, 504)),
    ("reset_before", {}),
    ("reset_after", {}),
    ("reset_after", {}),
    ("truncate", {}),
    ("commit_after", {"seconds": DELAY}),
    ("html", {"status": 200}),
    ("html", {"status": 200, "applied": True}),
    ("html", {"status": 502, "applied": True}),
    ("empty_2xx", {}),
    ("empty_2xx", {"body": "lists"}),
    ("drop_item", {"index": 0}),
    ("drop_item", {"index": 1}),
    ("drip", {"seconds": 0.02}),
    ("latency", {"seconds": 0.01}),
    ("locked", {}),
    ("unauthorized", {}),
    ("forbidden", {}),
]
HUBSPOT: list[Fault] = [
    ("status", {"status": 429, "policy": "TEN_SECONDLY_ROLLING", "retry_after": 10}),
    ("status", {"status": 429, "policy": "TEN_SECONDLY_ROLLING"}),
    ("status", {"status": 429, "policy": "SECONDLY"}),
    ("daily_limit", {}),
    ("row_error", {"index": 0}),
    ("row_error", {"index": 1, "whole": True}),
    ("partial_as_200", {"index": 0}),
]
_LOCK = {"code": "UNABLE_TO_LOCK_ROW", "message": "unable to obtain exclusive access to this record"}
_RULE = {"code": "FIELD_CUSTOM_VALIDATION_EXCEPTION", "message": "A validation rule says no"}
SALESFORCE: list[Fault] = [
    ("status", {"status": 403, "code": "REQUEST_LIMIT_EXCEEDED"}),
    ("daily_limit", {}),
    ("row_error", {"index": 0, **_LOCK}),
    ("row_error", {"index": 1, **_LOCK}),
    ("row_error", {"index": 0, **_RULE}),
    ("row_error", {"index": 0, "whole": True, **_LOCK}),
    ("partial_as_200", {"index": 0, **_LOCK}),
]
FAULTS = {"hubspot": [*EVERYWHERE, *HUBSPOT], "salesforce": [*EVERYWHERE, *SALESFORCE]}
