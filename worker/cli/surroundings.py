"""
What `pql doctor` looks at around the product: Python and packages, zones, disks, the broker.

Decided here: which disks do not survive a restart, and what a broker must be like. Nothing is changed but a probe file that
is written to the lake and removed.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from tempfile import NamedTemporaryFile

from settings.root import Settings
from worker.steps.upkeep.doctor import Finding, Level
from worker.wiring.places import Places

LEAST_DISK = 1 << 30
VOLATILE = frozenset({"tmpfs", "ramfs", "devtmpfs"})
PLATFORMS: Mapping[str, str] = {
    "DYNO": "Heroku",
    "K_SERVICE": "Cloud Run",
    "AWS_LAMBDA_FUNCTION_NAME": "AWS Lambda",
    "RENDER": "Render",
    "FLY_APP_NAME": "Fly.io",
    "RAILWAY_ENVIRONMENT": "Railway",
}


def python() -> Iterator[Finding]:
    """The interpreter, and every package that this version asks for."""
    from importlib import metadata

    from packaging.requirements import Requirement
    from packaging.specifiers import SpecifierSet

    own = metadata.metadata("pqlsync")
    version = ".".join(map(str, sys.version_info[:3]))
    good = version in SpecifierSet(own["Requires-Python"] or "")
    says = f"{version}." if good else f"{version} is not among {own['Requires-Python']}. Install with uv sync --locked."
    yield Finding(group="python", name="version", level="pass" if good else "fail", says=says)
    wanted = [Requirement(text) for text in metadata.requires("pqlsync") or ()]
    wrong = [
        said
        for one in wanted
        if (one.marker is None or one.marker.evaluate()) and (said := _wrong(one.name, str(one.specifier)))
    ]
    says = f"{', '.join(wrong)}. Install with uv sync --locked." if wrong else f"{len(wanted)} packages fit."
    yield Finding(group="python", name="packages", level="fail" if wrong else "pass", says=says)


def _wrong(name: str, specifier: str) -> str:
    from importlib import metadata

    from packaging.specifiers import SpecifierSet

    try:
        have = metadata.version(name)
    except metadata.PackageNotFoundError:
        return f"{name} is missing"
    return "" if SpecifierSet(specifier).contains(have, prereleases=True) else f"{name} is {have}, wanted {specifier}"


def zones(settings: Settings) -> Iterator[Finding]:
    """Whether the data of the zones in use are there."""
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    missing = []
    for name in sorted({settings.timezone, *(one.timezone for one in settings.calendars.values())}):
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, OSError):
            missing.append(name)
    says = f"No data for {', '.join(missing)}. Install the package tzdata." if missing else f"{settings.timezone} is known."
    yield Finding(group="python", name="time zones", level="fail" if missing else "pass", says=says)


# --------------------------------------------------------------------------------------------------- disks


def disks(
    places: Places, environment: Mapping[str, str] = os.environ, mounts: Path = Path("/proc/mounts")
) -> Iterator[Finding]:
    """Space, the right to write, and whether what is written will be there after a restart."""
    folders = {"lake": places.lake}
    file = sqlite_file(places.store)
    if file is not None:
        folders["store"] = file.parent
    for name, folder in folders.items():
        here = _existing(folder)
        yield from _writable(name, folder, here)
        yield _lasting(name, here, environment, mounts)
    yield _space(_existing(places.lake))


def sqlite_file(url: str) -> Path | None:
    """The file of an SQLite store."""
    path = url.removeprefix("sqlite:///")
    return Path(path) if path != url else None


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there."""
    folder = folder.resolve()
    return next(one for one in (folder, *folder.parents) if one.exists())


def _writable(name: str, folder: Path, here: Path) -> Iterator[Finding]:
    try:
        with NamedTemporaryFile(dir=here, prefix=".pql-doctor-"):
            pass
    except OSError as error:
        says = (
            f"{folder} cannot be written to: {error.strerror}. Change its owner, or name another with PQL_LAKE or PQL_STORE."
        )
        yield Finding(group="disk", name=f"{name} writable", level="fail", says=says)
        return
    yield Finding(group="disk", name=f"{name} writable", level="pass", says=f"{folder}.")


def _lasting(name: str, here: Path, environment: Mapping[str, str], mounts: Path) -> Finding:
    place, kind = _mount(here, mounts)
    platform = next((told for variable, told in PLATFORMS.items() if environment.get(variable)), None)
    inside = kind == "overlay" or place == "/"
    mend = "Put it on a volume, or use Postgres and a shared folder."
    level: Level = "pass"
    says = f"On {kind or 'a disk'} at {place}."
    if kind in VOLATILE:
        level, says = "fail", f"{here} is {kind}, which is empty after a restart. {mend}"
    elif platform and inside:
        level, says = "fail", f"{platform} gives each start a fresh disk, and {here} is on it. {mend}"
    elif kind == "overlay":
        level, says = "warn", f"{here} lies inside a container and goes with it. {mend}"
    return Finding(group="disk", name=f"{name} survives a restart", level=level, says=says)


def _mount(here: Path, mounts: Path) -> tuple[str, str]:
    """Mount point and kind of the file system that holds a folder; blank where the system does not tell."""
    try:
        lines = [line.split() for line in mounts.read_text().splitlines()]
    except OSError:
        return "", ""
    above = {str(one) for one in (here, *here.parents)}
    fits = [(line[1], line[2]) for line in lines if len(line) > 2 and line[1] in above]
    return max(fits, key=lambda one: len(one[0]), default=("", ""))


def _space(here: Path) -> Finding:
    free = shutil.disk_usage(here).free
    says = f"{free / (1 << 30):.1f} GB free."
    low = free < LEAST_DISK
    return Finding(group="disk", name="space", level="warn" if low else "pass", says=f"{says} Make room." if low else says)


# ------------------------------------------------------------------------------------------------- periods


def periods(environment: Mapping[str, str] = os.environ) -> Iterator[Finding]:
    """How long things are held and waited for; each has a floor."""
    from worker.steps.pacing.periods import BadPeriod, Periods, visibility

    try:
        here = Periods.from_environment(environment)
        says = f"Lease {here.lease:g} s, sweep {here.sweep:g} s, wait after an unproved write {here.unknown_wait:g} s."
        yield Finding(group="periods", name="claims", level="pass", says=says)
    except BadPeriod as bad:
        yield Finding(group="periods", name="claims", level="fail", says=str(bad))
    try:
        yield Finding(group="periods", name="visibility", level="pass", says=f"{visibility(environment)} s.")
    except BadPeriod as bad:
        yield Finding(group="periods", name="visibility", level="fail", says=str(bad))


# -------------------------------------------------------------------------------------------------- broker


def broker(places: Places) -> Iterator[Finding]:
    """The broker, where one is configured."""
    from worker.wiring.broker import BadBroker, broker

    if places.broker is None:
        yield Finding(group="broker", name="redis", level="pass", says="None configured; pql run and pql up need none.")
        return
    try:
        found = broker(places.broker)
    except BadBroker as bad:
        yield Finding(group="broker", name="address", level="fail", says=str(bad))
        return
    if found.warning:
        yield Finding(group="broker", name="tls", level="warn", says=found.warning)
    yield from _redis(found.url, found.tls or {})


def _redis(url: str, tls: Mapping[str, object]) -> Iterator[Finding]:
    import redis

    try:
        with closing(redis.Redis.from_url(url, socket_timeout=5, socket_connect_timeout=5, **tls)) as server:
            memory = server.info("memory")
            persistence = server.info("persistence")
    except redis.RedisError as problem:
        says = f"Redis does not answer: {type(problem).__name__}. Check PQL_BROKER, its password and that the server runs."
        yield Finding(group="broker", name="redis", level="fail", says=says)
        return
    yield Finding(group="broker", name="redis", level="pass", says="It answers.")
    policy = str(memory.get("maxmemory_policy", "unknown"))
    says = "noeviction." if policy == "noeviction" else f"{policy}: bells may be dropped. Set maxmemory-policy noeviction."
    yield Finding(group="broker", name="eviction", level="pass" if policy == "noeviction" else "warn", says=says)
    loading = bool(persistence.get("loading"))
    if loading:
        yield Finding(group="broker", name="loading", level="warn", says="Redis is still loading its data. Wait a moment.")


def is_elsewhere(places: Places) -> bool:
    """Whether the broker is on another host, so that workers may be too."""
    from urllib.parse import urlsplit

    host = urlsplit(places.broker or "").hostname
    return host is not None and host not in ("localhost", "127.0.0.1", "::1")
