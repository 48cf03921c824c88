"""
Landing: a pulled piece becomes files, or nothing where nothing is new.

Decided here: which room takes which stream.
"""

from __future__ import annotations

from collections.abc import Sequence

from connectors.contract import Pulled
from worker.lake import events, versions
from worker.lake.arrival import Arrival, Brought
from worker.lake.files import Lake, LakeFile


def land(lake: Lake, pulled: Pulled, arrival: Arrival, known: Sequence[LakeFile]) -> Brought:
    """
    Write what is new in `pulled`; nothing counts until the store lists the files this returns.

    `known` are the listed files of this source (of any kind); landing the same piece again brings nothing.
    """
    mine = [file for file in known if file.source == arrival.source]
    if pulled.stream == "events":
        return events.land(lake, pulled, arrival, mine)
    return versions.land(lake, pulled, arrival, mine)
