"""
`pql demo`: a made-up company, two make-believe CRMs, and the whole path between them, in under a minute.

    company   who uses the product and what they do
    crms      what the CRMs hold before
    stage     the folder, the sandboxes, the settings, runs and a run that is killed
    show      what is printed
"""

from __future__ import annotations


def show(*, users: int, keep: bool) -> int:
    """Run the demo and print it."""
    from worker.cli.demo.show import perform

    return perform(users=users, keep=keep)
