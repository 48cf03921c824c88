"""
Does the CRM still hold what it acknowledged? Pure.

Decided here: which fields of a record are compared, what a difference means by its mode, and where the sample of an hour
begins, so that anybody can say later what was looked at. Not decided here: what is done about it (the audit step).
"""

from __future__ import annotations

from base64 import b32encode
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

from connectors.contract import Fields, Value
from connectors.fields import FIELDS, IDENTITY
from settings.destinations import Mode
from worker.core.threeway import Known, is_empty, parts, same

KEY, SEQ = "pql_key", "pql_seq"
NOT_COMPARED = frozenset({*IDENTITY, *(one.name for one in FIELDS if one.rides_along or one.by_people)})
"""What only new records are made with, what goes along with a write, and what people write."""
Kind = Literal["overwritten", "edited"]


@dataclass(frozen=True, slots=True)
class Written:
    """One record as we believe it to be: what is wanted, what the CRM acknowledged, the newest sequence."""

    wanted: Fields
    acknowledged: Fields
    seq: int


@dataclass(frozen=True, slots=True)
class Drifted:
    """A field that holds something else than was acknowledged. `overwritten`: it is ours. `edited`: a person's right."""

    field: str
    kind: Kind
    mode: Mode
    found: Value


def compare(record: Written, found: Fields, modes: Mapping[str, Mode], parked: Collection[str] = ()) -> Iterator[Drifted]:
    """The fields that drifted. A field that was not read, or of which nothing is wanted any more, is left out."""
    if is_ahead(record, found):
        yield Drifted(SEQ, "overwritten", "own", found[SEQ])
    for name, held in sorted(record.acknowledged.items()):
        if name in NOT_COMPARED or name in parked or name not in record.wanted or name not in found:
            continue
        mode = modes.get(name, "own")
        if _stands(mode, held, found[name]) or (name == KEY and not is_empty(found[name])):
            continue
        yield Drifted(name, "overwritten" if mode == "own" else "edited", mode, found[name])


def is_ahead(record: Written, found: Fields) -> bool:
    """Whether a record under our key carries a sequence that we have not come to: another installation writes it."""
    seq = found.get(SEQ)
    ours = same(found.get(KEY), record.wanted.get(KEY))
    return ours and isinstance(seq, int | float) and seq > record.seq


def _stands(mode: Mode, held: Known, found: Value) -> bool:
    return set(parts(held)) <= set(parts(found)) if mode == "append" else same(held, found)


def begins(workspace: str, destination: str, slot: str, kind: str) -> str:
    """
    The key at which the sample of a slot begins: records are taken in the order of their keys from there on.

    Keys are hashes, so neighbours have nothing in common and every record has the same chance. `kind` is the letter with
    which keys of leads (L) or accounts (A) begin.
    """
    digest = sha256(f"{workspace}|{destination}|{slot}|{kind}".encode()).digest()
    return kind + b32encode(digest).decode()[:26]


def mode_of_owner(set_owner: str) -> Mode:
    """Owners are people's to change, unless the settings always set them."""
    return "own" if set_owner == "always" else "respect_human"
