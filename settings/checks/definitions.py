"""Definitions of a PQL: thresholds, waiting times, and that using the product is part of every one."""

from __future__ import annotations

from settings.checks.picture import Picture
from settings.problem import did_you_mean
from settings.qualify import Definition

REASONS = ("wrong_timing", "not_a_fit", "competitor", "no_budget", "duplicate", "other")
"""The choices of the CRM field pql_reject_reason; a test compares the two."""
PRODUCT = ("use", "value", "intent")


def check(picture: Picture) -> None:
    """Look at each definition."""
    for name, definition in picture.section("qualify").items():
        _thresholds(picture, name, definition)
        _times(picture, name, definition)
        _evidence(picture, name, definition)
        _accounts(picture, name, definition)
        for reason in definition.requalify_after_rejection:
            if reason not in REASONS:
                place = picture.key("qualify", name, "requalify_after_rejection", reason)
                said = did_you_mean(reason, REASONS, f"There are {', '.join(REASONS)}.")
                picture.say(place, "QU005", f"`{reason}` is no rejection reason.", said)


def _thresholds(picture: Picture, name: str, definition: Definition) -> None:
    if definition.exit_below >= definition.enter_at:
        message = f"`exit_below: {definition.exit_below:g}` is not below `enter_at: {definition.enter_at:g}`."
        place = picture.place("qualify", name, "exit_below")
        picture.say(place, "QU001", message, "Let it be clearly lower, else leads come and go with every small change.")


def _times(picture: Picture, name: str, definition: Definition) -> None:
    expires = definition.expires_after
    if expires is not None and expires.seconds < definition.stay_at_least.seconds:
        message = f"`expires_after: {expires}` is shorter than `stay_at_least: {definition.stay_at_least}`."
        picture.say(picture.place("qualify", name, "expires_after"), "QU004", message, "Let it be longer.")
    elif expires is not None and expires.seconds == 0:
        picture.say(
            picture.place("qualify", name, "expires_after"),
            "QU004",
            "An episode would end as it begins.",
            "Write a longer time.",
        )


def _accounts(picture: Picture, name: str, definition: Definition) -> None:
    """Accounts qualify only where users belong to some."""
    sources = picture.section("sources")
    if definition.grain != "account" or not sources or len(sources) != len(picture.defined("sources")):
        return
    if any(feed and feed.account for spec in sources.values() for feed in (spec.events, spec.users)):
        return
    message = "No source says which account a user belongs to, so no account could ever qualify."
    tries = "Name the column by `account:` under `users` or `events` of a source, or write `grain: lead`."
    picture.say(picture.place("qualify", name, "grain"), "QU006", message, tries)


def _evidence(picture: Picture, name: str, definition: Definition) -> None:
    """Qualification rests on usage: a signal of the product, and more than being active."""
    signals = picture.section("signals")
    parts = definition.must_have.parts()
    asked = {part: [signals[c] for c in condition.columns if c in signals] for part, condition in parts}
    for signal in asked.get("value", []):
        if signal.family == "content":
            place = picture.place("qualify", name, "must_have", "value")
            picture.say(
                place, "QU003", f"`{signal.name}` is content, which is no value in the product.", "Ask for a value signal."
            )
    if len(signals) != len(picture.defined("signals")):
        return
    families = {signal.family for found in asked.values() for signal in found}
    earned = {signals[line.signal].family for line in picture.score.of(definition.score) if line.signal in signals}
    product = families & set(PRODUCT) or (definition.score != "fit" and earned & set(PRODUCT))
    place = picture.key("qualify", name)
    if not product and "score" in picture.given:
        message = "A lead can meet this without using the product."
        picture.say(place, "QU002", message, "Ask in `must_have` for a signal of use, value or intent.")
    elif not families & {"value", "intent"}:
        message = (
            "This asks for activity only; every active user would be a PQL."
            if families
            else "`must_have` asks for no evidence."
        )
        where = picture.key("qualify", name, "must_have") if parts else place
        picture.say(where, "W122", message, "Ask for value or intent: what they achieved, or that they want to buy.")
