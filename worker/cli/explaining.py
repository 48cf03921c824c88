"""`pql explain` of a lead or account: events behind signals, points and their lines, thresholds, rules tried, attempts."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from worker.cli import output
from worker.cli.asked import DONE, Asked
from worker.cli.running import opened

if TYPE_CHECKING:
    from worker.steps.telling.explain import Explanation


def explain(asked: Asked, lead: str, as_of: datetime | None) -> int:
    """One lead or account."""
    with opened(asked) as worker:
        document = worker.explain(lead, as_of)
    if asked.json:
        output.print_json(document)
    else:
        _show(document)
    return DONE


def _show(one: Explanation) -> None:
    say, table = output.say, output.table
    _who(one)
    scores = ", ".join(f"{name} {value:.0f}" for name, value in one.scores.items())
    say(f"tier {one.tier}; {scores}" + (f"; EXCLUDED: {one.excluded}" if one.excluded else ""))
    if one.as_of_unknown:
        say("Attributes of this instant are not known: the first version arrived later.")
    rows = [(s["name"], s["value"], s["family"], _events(s["events"])) for s in one.signals]
    table("Signals", ["signal", "# value", "family", "newest events"], rows)
    shown = [
        (p["score"], p["line"], p["value"], p["points"], p["where"])
        for p in one.points
        if p["points"] or p["line"] != "caps and floor"
    ]
    table("Points", ["score", "line", "# value", "# points", "settings"], shown)
    for state in one.state:
        _state(state)
    for episode in one.account_episodes:
        work = "this lead is its buyer" if episode["is_buyer"] else f"its buyer is {episode['buyer']}"
        say(f"\nIts account is in an episode of {episode['definition']} since {episode['since']:%Y-%m-%d %H:%M}; {work}.")
    _route(one.route)
    table(
        "Records",
        ["destination", "object", "CRM id", "status", "seq", "error"],
        [
            (r["destination"], r["object"], r.get("crm_id"), r["status"], f"{r['ack_seq']}/{r['seq']}", r.get("last_error"))
            for r in one.records
        ],
    )
    table(
        "Tasks",
        ["kind", "status", "CRM id", "state", "error"],
        [(t["kind"], t["status"], t.get("crm_id"), t.get("handoff_state"), t.get("last_error")) for t in one.tasks],
    )
    table(
        "Attempts",
        ["started", "destination", "kind", "outcome", "trace"],
        [(a["started_at"], a["destination"], a["kind"], a.get("outcome"), a["trace_id"]) for a in one.attempts],
    )


def _who(one: Explanation) -> None:
    at = f"as of {one.as_of:%Y-%m-%d %H:%M} UTC"
    if one.grain == "lead":
        output.say(f"{one.name or one.user_id}, {one.account or 'no account'} ({one.lead}) {at}")
        return
    output.say(f"Account {one.account} ({one.subject}) {at}")
    output.say(f"likely buyer {one.name or one.user_id} ({one.lead})")


def _events(events: list[dict[str, object]]) -> str:
    return "; ".join(f"{event['name']} {event['at']:%d %b %H:%M}" for event in events[:2])


def _state(state: dict[str, object]) -> None:
    since = f" since {state['since']:%Y-%m-%d %H:%M}" if state["since"] else ""
    output.say(f"\n{state['definition']}: {state['state']}{since}, episode {state['episode']}")
    output.say(f"  score {state['value']:.1f}, enters at {state['enter_at']:g}, leaves below {state['exit_below']:g}")
    if state["expires_at"]:
        output.say(f"  expires {state['expires_at']:%Y-%m-%d %H:%M} UTC")
    gates = state["gates"] if isinstance(state["gates"], list) else []
    rows = [(g["gate"], "holds" if g["holds"] else "no", g["when"], _seen(g), g["where"]) for g in gates]
    output.table("", ["gate", "", "condition", "seen", "settings"], rows)


def _seen(gate: dict[str, dict[str, object]]) -> str:
    seen = [f"{name}={value}" for name, value in gate["seen"].items()]
    return ", ".join([*seen, *(f"missing:{name}" for name in gate["missing"])])


def _route(route: dict[str, object]) -> None:
    if "rule" in route:
        output.say(
            f'\nRouted to {route["assignee"]} by rule "{route["rule"]}", respond by {route["respond_by"]:%Y-%m-%d %H:%M} UTC'
        )
    waiting = route["waiting"] if isinstance(route["waiting"], list) else []
    for one in waiting:
        output.say(f"\nWaits: {one['reason']}")
    tried = route["tried"] if isinstance(route["tried"], list) else []
    rows = [(t["rule"], "matched" if t["matched"] else "no", t["when"], _compared(t)) for t in tried]
    output.table("Rules tried", ["rule", "", "condition", "seen"], rows)


def _compared(tried: dict[str, list[dict[str, dict[str, object]]]]) -> str:
    seen = {name: value for one in tried["comparisons"] for name, value in one["seen"].items()}
    return ", ".join(
        [*(f"{name}={value}" for name, value in seen.items()), *(f"missing:{name}" for name in tried["missing"])]
    )
