"""
`pql doctor`: everything this installation needs, in groups of pass, warn and fail, with one line each that says what to do.

Decided here: the order, that one thing that cannot be looked at never hides the others, and that an error becomes a finding.
Not decided here: what is asked (`worker.steps.upkeep.doctor`, `surroundings`).
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from worker.cli import output
from worker.cli.asked import DONE, REFUSED, Asked
from worker.cli.refusals import refusal
from worker.wiring.masking import masked

if TYPE_CHECKING:
    from settings.root import Settings
    from worker.steps.upkeep.doctor import Diagnosis, Finding
    from worker.store.database import Store
    from worker.wiring.places import Places

MARKS = {"pass": "ok  ", "warn": "WARN", "fail": "FAIL"}
CLOSED = ("token", "login", "portal", "org")
"""Questions of a CRM after which nothing else can be asked."""
COLOURS = {"pass": "green", "warn": "yellow", "fail": "bold red"}


def doctor(asked: Asked, *, test_alerts: bool = False) -> int:
    """Look at everything and show it; with `test_alerts` send a test message to each channel too."""
    from worker.steps.upkeep.doctor import diagnosis

    found = diagnosis([_masked(one) for one in _everything(asked, test_alerts=test_alerts)])
    if asked.json:
        output.print_json(found)
    else:
        _show(found)
    return REFUSED if found.failed else DONE


def _masked(one: Finding) -> Finding:
    return one.model_copy(update={"says": masked(one.says)})


def _everything(asked: Asked, *, test_alerts: bool) -> Iterator[Finding]:
    from worker.cli import alerting, surroundings

    places = asked.places()
    yield from _looked("python", "python", surroundings.python)
    settings, complete = yield from _settings(places)
    if settings is not None:
        yield from _looked("python", "time zones", lambda: surroundings.zones(settings))
    yield from _looked("disk", "disk", lambda: surroundings.disks(places))
    yield from _looked("broker", "redis", lambda: surroundings.broker(places))
    yield from _looked("periods", "periods", surroundings.periods)
    if settings is not None:
        if complete:
            yield from alerting.channels(settings, test=test_alerts)
        yield from _with_store(places, settings, complete=complete)


def _looked(group: str, name: str, look: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    """What a look finds; what goes wrong in it is a finding, too."""
    from worker.steps.upkeep.doctor import Finding

    try:
        yield from look()
    except Exception as error:  # noqa: BLE001 (the doctor reports, whatever it is)
        says = (
            refusal(error) or f"Something unforeseen went wrong: {type(error).__name__}. Run another command with --debug."
        )
        yield Finding(group=group, name=name, level="fail", says=" ".join(says.split()))


def _settings(places: Places) -> Generator[Finding, None, tuple[Settings | None, bool]]:
    """Findings; returns the settings as far as they can be used, and whether all their secrets are there."""
    from settings.check import check
    from settings.load import load
    from settings.problem import Problems
    from worker.steps.upkeep.doctor import Finding
    from worker.wiring.opening import option_tables
    from worker.wiring.places import NoSettings, existing

    try:
        checked = check(existing(places).settings, option_tables())
    except NoSettings as missing:
        yield Finding(group="settings", name="settings", level="fail", says=str(missing))
        return None, False
    if checked.settings is None:
        says = f"{len(checked.problems)} problems in {places.settings}; first {checked.problems[0]} Run pql check."
        yield Finding(group="settings", name="settings", level="fail", says=says)
        return None, False
    says = f"{places.settings} is valid." + (
        f" {len(checked.warnings)} warnings; see pql check." if checked.warnings else ""
    )
    yield Finding(group="settings", name="settings", level="warn" if checked.warnings else "pass", says=says)
    try:
        settings = load(places.settings, options=option_tables())
    except Problems as problems:
        for one in problems.problems:
            yield Finding(group="settings", name="secrets", level="fail", says=f"{one.message} {one.try_}")
        return checked.settings, False
    yield Finding(group="settings", name="secrets", level="pass", says="Every variable is set.")
    return settings, True


def _with_store(places: Places, settings: Settings, *, complete: bool) -> Iterator[Finding]:
    from worker.steps.upkeep import doctor as asks

    with ExitStack() as things:
        kept = yield from _store(places, settings, things)
        if kept is not None:
            rung = places.broker is not None
            yield from _looked("settings", "active version", lambda: asks.active(kept, settings, needed=rung))
            yield from _looked("lake", "files", lambda: _lake(places, settings, kept))
            yield from _looked("work", "work", lambda: asks.work(kept, settings, workers=rung))
        if complete:
            yield from _outside(places, settings, kept)


def _store(places: Places, settings: Settings, things: ExitStack) -> Generator[Finding, None, Store | None]:
    """Findings; returns the store where it can be used."""
    from worker.cli.surroundings import is_elsewhere, sqlite_file
    from worker.steps.upkeep import doctor as asks
    from worker.store.database import open_store

    file = sqlite_file(places.store)
    if file is not None and not file.exists():
        says = f"{file} is not there yet; the first run makes it."
        yield asks.Finding(group="store", name="store", level="pass", says=says)
        return None
    opened: list[Store] = []

    def look() -> Iterator[Finding]:
        opened.append(things.enter_context(closing(open_store(places.store, settings.workspace))))
        yield from asks.store(opened[0], datetime.now(UTC), shared=is_elsewhere(places))

    findings = list(_looked("store", "store", look))
    yield from findings
    unusable = any((one.level != "pass" and "migrate" in one.says) or one.name == "store" for one in findings)
    return opened[0] if opened and not unusable else None


def _lake(places: Places, settings: Settings, kept: Store) -> Iterator[Finding]:
    """Whether every file that the store lists is in the lake as this host sees it."""
    from worker.lake import Lake
    from worker.steps.listing import as_lake_files
    from worker.steps.upkeep.doctor import Finding
    from worker.store import landing

    with kept.read() as tx:
        files = as_lake_files(landing.files(tx))
    if files:
        Lake(places.lake, settings.workspace).paths(files)  # raises with the path of a damaged one
    says = f"{len(files)} files, all there." if files else "Nothing has landed yet."
    yield Finding(group="lake", name="files", level="pass", says=says)


def _outside(places: Places, settings: Settings, kept: Store | None) -> Iterator[Finding]:
    """Sources and CRMs."""
    from connectors import registry
    from worker.steps.upkeep import doctor as asks

    root = places.settings if places.settings.is_dir() else places.settings.parent
    for name, spec in settings.sources.items():
        more = {"root": root} if spec.kind == "files" else {}

        def source(name: str = name, spec: object = spec, more: Mapping[str, object] = more) -> Iterator[Finding]:
            opened = registry.source(spec, **more)  # type: ignore[arg-type]  # the spec of this turn
            yield from asks.source(name, opened, settings, kept, datetime.now(UTC))

        yield from _looked(f"source {name}", "source", source)
    for name in settings.destinations:
        yield from _crm(name, settings)


def _crm(name: str, settings: Settings) -> Iterator[Finding]:
    from connectors import registry
    from worker.steps.upkeep import doctor as asks

    with ExitStack() as things:

        def look() -> Iterator[Finding]:
            crm = registry.crm(settings.destinations[name])
            things.callback(getattr(crm, "close", lambda: None))
            found = list(asks.crm(name, crm))
            yield from found
            closed = any(one.level == "fail" and one.name in CLOSED for one in found)
            if not closed:
                yield from asks.fields(name, crm, settings.destinations[name].also)
            if name == settings.handoff.work_in and not closed:
                yield from asks.people(settings, crm.mirror.owners())

        yield from _looked(f"crm {name}", "crm", look)


def _show(found: Diagnosis) -> None:
    from rich.text import Text

    screen = output.screen()
    group = ""
    for one in found.findings:
        if one.group != group:
            group = one.group
            screen.print(Text(f"\n{group}", style="bold"))
        line = Text(f"  {MARKS[one.level]}  ", style=COLOURS[one.level])
        screen.print(line + Text(f"{one.name}: {one.says}", style="default"))
    screen.print(Text(f"\n{found.passed} fine, {found.warned} warnings, {found.failed} to mend."))
