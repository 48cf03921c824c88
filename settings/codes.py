"""
Every code a problem can carry, with what it means. Codes are stable: a meaning is never given to another code.

`problems_page` writes docs/settings-problems.md from this table; a test keeps the two in step.
"""

from __future__ import annotations

FAMILIES: dict[str, str] = {
    "YA": "The file cannot be read as YAML, or not safely",
    "ST": "Structure: keys and values",
    "NYI": "Planned, but not built yet",
    "SE": "Secrets and connector options",
    "LI": "Lists and directories in CSV files",
    "SO": "Sources",
    "CO": "Conditions",
    "SI": "Signals",
    "SC": "Scores and tiers",
    "QU": "Definitions and exclusions",
    "HA": "Handoff and its words",
    "RT": "Routing, pools, queues, calendars and partners",
    "DE": "Destinations",
    "SH": "Schedule and guards",
    "AL": "Alerts",
    "W": "Warnings: the settings can be used",
}

CODES: dict[str, str] = {
    "YA001": "the file is not valid YAML",
    "YA002": "the same key twice in one mapping",
    "YA003": "a tag such as `!!python/object`; settings are plain data",
    "YA004": "too large, too deep, or too many repetitions through aliases",
    "YA005": "a key that is not text, mostly braces or brackets without quotes around them",
    "YA006": "no settings found: the folder or file is missing, empty or not text",
    "YA007": "the same top-level key in two files",
    "YA008": "a merge key or a second document in one file",
    "ST001": "unknown key",
    "ST002": "a key that is needed is missing",
    "ST003": "a value of the wrong kind",
    "ST004": "a value is blank, or null",
    "ST005": "a word that is not among the words allowed here",
    "ST006": "a value outside its bounds",
    "ST007": "a name that is not in snake_case, or is a word of the language",
    "ST008": "text without quotes that other YAML readers take for true or false",
    "ST009": "the same name twice",
    "NYI": "a key or value whose behaviour is not built yet; it is refused, never ignored",
    "SE001": "an environment variable that is used is not set",
    "SE002": "a secret written into the settings",
    "SE003": "`${NAME}` where no secret can stand",
    "SE004": "unknown option of a connector",
    "SE005": "an option that the connector needs is missing",
    "SE006": "an option of the wrong kind",
    "SE007": "unknown kind of connector",
    "LI001": "the CSV file cannot be read",
    "LI002": "a column is missing or unknown",
    "LI003": "a key is blank, or occurs twice",
    "LI004": "a cell that cannot be used",
    "SO001": "a stream says none or more than one of table, file and query",
    "SO002": "a column is kept twice, or under a name that is built in",
    "SO003": "a plan name stands in two plan states",
    "SO004": "no source has events",
    "CO001": "the condition cannot be read",
    "CO002": "a part of SQL that conditions do not know",
    "CO003": "`and` mixed with `or` without brackets",
    "CO004": "unknown column, signal or score",
    "CO005": "unknown list",
    "CO006": "operator and type do not fit",
    "CO007": "a column is used as two types",
    "CO008": "a name that is not known yet at this place",
    "CO009": "true or false is wanted and the expression is something else, or the other way round",
    "CO010": "a condition that can never hold",
    "SI001": "a signal says none or more than one of its kinds",
    "SI002": "a key that does not belong to this kind of signal, or is missing from it",
    "SI003": "a property that no source keeps",
    "SI004": "decay and window on one signal, which counts age twice",
    "SI005": "a window or half-life that is not whole days",
    "SC001": "a line of a score says none or both of signal and when, or a key that does not belong to it",
    "SC002": "unknown signal",
    "SC003": "a scored line has no `says`, so that a rep could not read why",
    "SC004": "points or bounds that cannot work",
    "SC005": "a usage line that reads no signal",
    "SC006": "the last tier has a condition, so that a lead may be in none",
    "SC007": "a tier that can never be reached",
    "SC008": "a dimension without positive points is used",
    "QU001": "`exit_below` is not below `enter_at`",
    "QU002": "a definition that a lead can meet without using the product",
    "QU003": "a content signal stands for value",
    "QU004": "waiting times that contradict each other",
    "QU005": "unknown rejection reason",
    "QU006": "a definition of accounts, and no source says which account a user belongs to",
    "HA001": "unknown destination in `work_in`",
    "HA002": "the last next step has a condition, or one before it has none",
    "HA003": "a next step that can never be reached",
    "HA004": "unknown or misspelt name in braces",
    "HA005": "handoff keys that contradict each other",
    "RT001": "no rule that catches all at the end",
    "RT003": "a rule that can never be reached",
    "RT004": "unknown pool, queue, calendar, partner pool or list",
    "RT005": "a pool without members of weight above 0",
    "RT008": "a member is listed twice",
    "RT009": "the same rule name twice",
    "RT010": "a calendar without hours, with overlapping hours, or of an unknown time zone or country",
    "RT011": "a way on is missing, or fallbacks go round in a circle",
    "RT012": "a partner without a contact or a manager",
    "RT013": "offers without `partners.consent`",
    "RT016": "a cap below 1",
    "RT019": "an owner may be inactive and `if_inactive` is missing",
    "RT022": "a target that says none or more than one of pool, queue, owner_of, owner_in and offer",
    "RT023": "`owner_in` without the condition that says which row of the list",
    "RT024": "not an e-mail address",
    "DE001": "unknown CRM object",
    "DE002": "a field that pqlsync or people keep, or a field mapped twice",
    "DE003": "unknown column, signal or score as a field's value",
    "DE004": "`match` that cannot find anything",
    "DE005": "a reserve that leaves no calls",
    "DE006": "the mode `append` for what cannot be added",
    "SH001": "a schedule that this step cannot follow",
    "AL001": "a channel says none or more than one of slack, email and webhook",
    "AL002": "the same channel twice",
    "AL003": "a limit so short that usual work would be an alert",
    "W103": "weights further apart than 20 to 1",
    "W104": "a pool of one",
    "W111": "one person in two pools: two fair rotations give an unfair total",
    "W120": "a protecting condition can be blank, and a blank does not protect",
    "W121": "a signal that nothing reads",
    "W122": "a definition that asks for activity only, as in `logged in`",
    "W123": "a list, pool, queue, calendar or partner pool that nothing reads",
}


def is_warning(code: str) -> bool:
    return code.startswith("W")


def family(code: str) -> str:
    """The letters of a code: RT003 -> RT."""
    return code.rstrip("0123456789")


def problems_page() -> str:
    """docs/settings-problems.md."""
    parts = [
        "# Problems that `pql check` reports",
        "Written from `settings/codes.py`; change it there. Codes are stable. A warning does not stop anything.",
    ]
    for letters, title in FAMILIES.items():
        rows = [f"| {code} | {meaning} |" for code, meaning in CODES.items() if family(code) == letters]
        parts.append(f"## {title}\n\n| code | meaning |\n|---|---|\n" + "\n".join(rows))
    return "\n\n".join(parts) + "\n"
