"""Signals: what belongs to which kind, windows of whole days, kept properties, and signals that nothing reads."""

from __future__ import annotations

from settings.catalogue import At
from settings.checks.picture import Picture
from settings.checks.words import names_in
from settings.problem import did_you_mean
from settings.signals import Signal
from settings.terms import Duration

DAY = 86_400


def check(picture: Picture) -> None:
    """Look at each signal, then at which of them are read."""
    for name, signal in picture.section("signals").items():
        _belongs(picture, name, signal)
        _age(picture, name, signal)
        _property(picture, name, signal)
    _unused(picture)


def _belongs(picture: Picture, name: str, signal: Signal) -> None:
    """Keys that go with some kinds only."""
    here = ("signals", name)
    if signal.kind == "decayed" and signal.half_life is None:
        picture.say(picture.key(*here), "SI002", "`half_life` is missing.", "Say after how many days an event counts half.")
    if signal.kind != "decayed" and signal.half_life is not None:
        picture.say(
            picture.key(*here, "half_life"),
            "SI002",
            f"`half_life` does not go with `{signal.kind}`.",
            "It goes with `decayed`.",
        )
    if signal.kind == "ratio":
        for key in ("within", "where"):
            if getattr(signal, key) is not None:
                message = f"`{key}` does not go with `ratio`, which reads no events."
                picture.say(picture.key(*here, key), "SI002", message, "Leave it out.")
    if signal.kind == "active_users" and signal.per != "account":
        picture.say(picture.key(*here), "SI002", "`active_users` counts the users of an account.", "Add `per: account`.")
    if signal.kind == "ratio" and signal.per == "account" and signal.expression:
        for column in signal.expression.columns:
            if column.startswith("user."):
                message = f"`{column}` belongs to a user, and this signal to an account."
                picture.say(
                    picture.place(*here, "expression"), "CO008", message, "Use columns of the account, or `per: lead`."
                )


def _age(picture: Picture, name: str, signal: Signal) -> None:
    for key in ("within", "half_life"):
        span: Duration | None = getattr(signal, key)
        if span is not None and (span.seconds < DAY or span.seconds % DAY):
            message = f"`{key}: {span}` is not whole days."
            picture.say(
                picture.place("signals", name, key), "SI005", message, "Usage is summed by UTC day; write `1 day` or more."
            )
    if signal.half_life is not None and signal.within is not None:
        message = "Decay and window on one signal count age twice."
        picture.say(picture.key("signals", name, "within"), "SI004", message, "Keep `half_life` or `within`.")


def _property(picture: Picture, name: str, signal: Signal) -> None:
    catalogue = picture.types.catalogue
    for key in ("property", "minus_property"):
        word = getattr(signal, key)
        if word and f"event.{word}" not in catalogue.known:
            said = did_you_mean(word, catalogue.names(At.EVENT), "Add it to `keep` of the events.")
            picture.say(picture.place("signals", name, key), "SI003", f"`{word}` is kept by no source.", said)


def _unused(picture: Picture) -> None:
    """Warn of signals that neither a score, a condition, a field nor a text reads."""
    read = {line.signal for _, line in picture.lines()}
    for written, _ in picture.conditions():
        read |= set(written.parsed.condition.columns)
    for spec in picture.section("destinations").values():
        read |= {also.value for also in spec.also}
    if picture.handoff:
        read |= set(names_in(picture.handoff.subject)) | {
            name for step in picture.handoff.next_steps for name in names_in(step.say)
        }
    if {"SC002", "CO004", "DE003", "HA004"} & {problem.code for problem in picture.reader.problems}:
        return
    whole = picture.whole("tiers") and picture.whole("routing") and picture.handoff is not None and "score" in picture.given
    for name, place in picture.defined("signals").items() if whole else ():
        signal = picture.section("signals").get(name)
        # An intent that fired is named among the reasons even where it earns no points.
        tells = signal is not None and signal.family == "intent" and signal.kind != "ratio" and signal.says
        if name not in read and not tells and not _named_by_top(signal, read):
            picture.say(place, "W121", f"Nothing reads `{name}`.", "Give it points, use it in a condition, or leave it out.")


def _named_by_top(signal: Signal | None, read: set[str | None]) -> bool:
    return signal is not None and f"top_{signal.property}" in read
