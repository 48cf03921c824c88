"""The objects HubSpot knows by name or type id, and the ids of the associations between them."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """One object type; `created` and `modified` are the names of its two time properties."""

    name: str
    plural: str
    type_id: str
    label: str
    shown: tuple[str, ...]
    created: str = "hs_createdate"
    modified: str = "hs_lastmodifieddate"
    echoes_id: bool = True
    mergeable: bool = True


KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            "contact",
            "contacts",
            "0-1",
            "Contact",
            ("email", "firstname", "lastname"),
            created="createdate",
            modified="lastmodifieddate",
            echoes_id=False,
        ),
        Kind("company", "companies", "0-2", "Company", ("domain", "name"), created="createdate"),
        Kind(
            "deal",
            "deals",
            "0-3",
            "Deal",
            ("amount", "closedate", "dealname", "dealstage", "pipeline"),
            created="createdate",
        ),
        Kind("task", "tasks", "0-27", "Task", (), mergeable=False),
        Kind("note", "notes", "0-46", "Note", (), mergeable=False),
        Kind("lead", "leads", "0-136", "Lead", ()),
    )
}
BY_WORD: Mapping[str, Kind] = {word: kind for kind in KINDS.values() for word in (kind.name, kind.plural, kind.type_id)}

# (from, to) -> ids; the first is the default, the second where there is one marks the primary
ASSOCIATIONS: Mapping[tuple[str, str], tuple[int, ...]] = {
    ("contact", "company"): (279, 1),
    ("company", "contact"): (280, 2),
    ("deal", "contact"): (3,),
    ("contact", "deal"): (4,),
    ("deal", "company"): (341, 5),
    ("company", "deal"): (342, 6),
    ("task", "contact"): (204,),
    ("contact", "task"): (203,),
    ("task", "company"): (192,),
    ("company", "task"): (191,),
    ("task", "deal"): (216,),
    ("deal", "task"): (215,),
    ("note", "contact"): (202,),
    ("contact", "note"): (201,),
    ("note", "company"): (190,),
    ("company", "note"): (189,),
    ("note", "deal"): (214,),
    ("deal", "note"): (213,),
    ("lead", "contact"): (578,),
    ("contact", "lead"): (579,),
    ("lead", "company"): (580,),
    ("company", "lead"): (581,),
    ("task", "lead"): (647,),
    ("lead", "task"): (646,),
    ("contact", "contact"): (449,),
    ("company", "company"): (450,),
}
PRIMARY = frozenset({1, 2, 5, 6})
MIRRORED: Mapping[int, int] = {1: 2, 2: 1, 5: 6, 6: 5}
FREE_MAIL = frozenset(
    {"gmail.com", "googlemail.com", "yahoo.com", "hotmail.com", "outlook.com", "icloud.com", "gmx.de", "web.de"}
)


def backwards(from_kind: str, to_kind: str, type_id: int) -> int:
    """Return the type id of the same association seen from the other side; a label of the customer keeps its id."""
    if type_id in MIRRORED:
        return MIRRORED[type_id]
    if type_id in ASSOCIATIONS.get((from_kind, to_kind), ()):
        return ASSOCIATIONS[to_kind, from_kind][0]
    return type_id
