"""Routing: each target is one place that exists, and every way leads on until someone has the lead."""

from __future__ import annotations

from settings.checks.picture import Picture
from settings.reader import Path
from settings.routing import Rule, Target

KINDS = ("pool", "queue", "owner_of", "owner_in", "offer")


def check(picture: Picture) -> None:
    """Look at each target that is written, then at each rule and at circles."""
    for path, target in picture.targets():
        given = [kind for kind in KINDS if getattr(target, kind) is not None]
        if len(given) != 1:
            says = " and ".join(f"`{kind}`" for kind in given) or "nothing"
            picture.say(
                picture.place(*path), "RT022", f"The target says {says}.", f"Write exactly one of {', '.join(KINDS)}."
            )
            continue
        _exists(picture, path, target)
        _owner(picture, path, target)
    for n, rule in picture.ordered("routing"):
        _rule(picture, n, rule)
    _circles(picture)


def _exists(picture: Picture, path: Path, target: Target) -> None:
    picture.known(target.pool, "pool", picture.defined("pools"), (*path, "pool"))
    picture.known(target.queue, "queue", picture.defined("queues"), (*path, "queue"))
    picture.known(target.offer, "partner pool", picture.defined("partners", "pools"), (*path, "offer"))
    if picture.known(target.owner_in, "list", picture.defined("lists"), (*path, "owner_in")) and target.owner_in:
        _owner_list(picture, path, target.owner_in)


def _owner_list(picture: Picture, path: Path, name: str) -> None:
    known = picture.section("lists").get(name)
    if known is None:
        return
    if "owner" not in known.columns:
        place = picture.place(*path, "owner_in")
        picture.say(
            place, "LI002", f"The list `{name}` has no column `owner`.", "Add one with the owners' e-mail addresses."
        )
        return
    for (file, key), place in picture.reader.rows.items():
        row = known.rows.get(key)
        if row and file == picture.reader.tables.get(name) and "@" not in row.get("owner", ""):
            picture.say(place, "LI004", f"`{key}` has no owner.", "Write an e-mail address, or leave the row out.")


def _owner(picture: Picture, path: Path, target: Target) -> None:
    owns = target.owner_of or target.owner_in
    if owns and target.if_inactive is None:
        message = "The owner may be away or gone, and nothing says where the lead goes then."
        picture.say(picture.place(*path), "RT019", message, "Add `if_inactive: {pool: ...}`.")
    if not owns and target.if_inactive is not None:
        message = f"`if_inactive` belongs to an owner, not to a {target.kind}."
        picture.say(picture.key(*path, "if_inactive"), "RT022", message, "Leave it out.")
    if target.offer and path[2] != "to":
        message = "An offer can be declined, so it cannot be the way out."
        picture.say(picture.place(*path), "RT011", message, "Name a pool or a queue.")


def _rule(picture: Picture, n: int, rule: Rule) -> None:
    here = ("routing", n)
    if rule.to.offer:
        if rule.otherwise is None:
            message = f"When no partner accepts, nothing says where `{rule.name}` sends the lead."
            picture.say(picture.place(*here), "RT011", message, "Add `otherwise: {pool: ...}`.")
        if picture.partners.consent is None and picture.reader.keys.get(("partners", "consent")) is None:
            message = "Leads are offered to partners, and no consent is named."
            picture.say(
                picture.place(*here, "to", "offer"),
                "RT013",
                message,
                "Add `consent: user.partner_consent` under `partners:`.",
            )
    if rule.to.owner_in and (rule.when is None or rule.to.owner_in not in rule.when.lists):
        message = f"Nothing says which row of `{rule.to.owner_in}` is meant."
        try_ = f"Let the rule's condition say it: `account.domain in {rule.to.owner_in}`."
        picture.say(picture.place(*here, "to", "owner_in"), "RT023", message, try_)


def _circles(picture: Picture) -> None:
    """Pools that hand on to each other in a circle."""
    onward = {name: pool.when_nobody.pool for name, pool in picture.section("pools").items()}
    said: set[str] = set()
    for start in onward:
        path = [start]
        while (following := onward.get(path[-1])) and following not in path:
            path.append(following)
        if following == start and not said & set(path):
            said |= set(path)
            round_ = " -> ".join([*path, start])
            picture.say(
                picture.place("pools", start, "when_nobody"),
                "RT011",
                f"Fallbacks go round: {round_}.",
                "Let one end in a queue.",
            )
