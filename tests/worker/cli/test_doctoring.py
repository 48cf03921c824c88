"""What `pql doctor` finds, and that nothing it looks at can hide the rest."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from connectors.contract import Owner
from settings import starter
from settings.destinations import Also
from settings.load import load
from worker.cli import surroundings
from worker.steps.upkeep import doctor
from worker.store import beats, pauses, records
from worker.store.database import open_store
from worker.wiring.opening import option_tables
from worker.wiring.places import Places


def levels(findings) -> dict[str, str]:
    return {one.name: one.level for one in findings}


@pytest.fixture
def acme(tmp_path):
    """The starter settings."""
    starter.write(tmp_path / "settings.d")
    return load(tmp_path / "settings.d", options=option_tables(), secrets=False)


@pytest.fixture
def kept(store_url):
    """A store with all tables, on SQLite and on Postgres."""
    store = open_store(store_url, "acme")
    yield store
    store.close()


def places(tmp_path, **more) -> Places:
    return replace(Places(tmp_path / "settings.d", f"sqlite:///{tmp_path}/pql.db", tmp_path / "lake"), **more)


# ------------------------------------------------------------------------------------------ surroundings


def test_the_installed_packages_fit_what_this_version_asks_for():
    assert levels(surroundings.python()) == {"version": "pass", "packages": "pass"}


@pytest.mark.parametrize(
    ("mount", "environment", "level"),
    [
        ("/dev/vda / ext4", {}, "pass"),
        ("tmpfs / tmpfs", {}, "fail"),
        ("overlay / overlay", {}, "warn"),
        ("overlay / overlay", {"DYNO": "web.1"}, "fail"),
        ("/dev/vda / ext4", {"DYNO": "web.1"}, "fail"),
        ("/dev/vdb {here} ext4", {"FLY_APP_NAME": "x"}, "pass"),
    ],
)
def test_a_disk_that_is_empty_after_a_restart_is_no_place_for_the_lake(tmp_path, mount, environment, level):
    mounts = tmp_path / "mounts"
    mounts.write_text(f"{mount.format(here=tmp_path)} rw 0 0\n")

    found = levels(surroundings.disks(places(tmp_path), environment, mounts))

    assert found["lake survives a restart"] == level
    assert found["store survives a restart"] == level


def test_the_doctor_leaves_nothing_behind_in_the_lake(tmp_path):
    list(surroundings.disks(places(tmp_path)))

    assert list(tmp_path.iterdir()) == []


def test_without_a_broker_none_is_asked_for(tmp_path):
    assert levels(surroundings.broker(places(tmp_path))) == {"redis": "pass"}


@pytest.mark.fault("F43")
@pytest.mark.parametrize(
    ("url", "name"),
    [("redis://redis.example:6379", "address"), ("redis://:sekret@127.0.0.1:9/0", "redis"), ("http://x", "address")],
)
def test_a_broker_that_is_open_to_all_or_does_not_answer_is_to_be_mended(tmp_path, url, name):
    findings = list(surroundings.broker(places(tmp_path, broker=url)))

    assert levels(findings)[name] == "fail"
    assert "sekret" not in str(findings)


@pytest.mark.fault("F42")
def test_a_redis_that_drops_keys_is_warned_of(tmp_path, redis_url):
    import redis

    with redis.Redis.from_url(redis_url) as server:
        server.config_set("maxmemory-policy", "allkeys-lru")
        assert levels(surroundings.broker(places(tmp_path, broker=redis_url)))["eviction"] == "warn"
        server.config_set("maxmemory-policy", "noeviction")
    found = levels(surroundings.broker(places(tmp_path, broker=redis_url)))
    assert found == {"redis": "pass", "eviction": "pass"}


@pytest.mark.parametrize(
    ("variables", "claims", "visibility"),
    [
        ({}, "pass", "pass"),
        ({"PQL_LEASE": "240", "PQL_VISIBILITY": "3600"}, "pass", "pass"),
        ({"PQL_SWEEP": "29"}, "fail", "pass"),
        ({"PQL_UNKNOWN_WAIT": "soon", "PQL_VISIBILITY": "60"}, "fail", "fail"),
    ],
)
def test_periods_are_shown_and_one_below_its_floor_is_to_be_mended(monkeypatch, variables, claims, visibility):
    monkeypatch.delenv("PQL_TESTING", raising=False)

    assert levels(surroundings.periods(variables)) == {"claims": claims, "visibility": visibility}


# ------------------------------------------------------------------------------------------------- store


def test_one_sqlite_file_does_not_serve_two_hosts(kept):
    with kept.write() as tx:
        now = tx.now()
        beats.beat(tx, "north:1", "push")
        beats.beat(tx, "south:1", "push")

    found = levels(doctor.store(kept, now, shared=False))

    assert found.get("one host") == (None if kept.on_postgres else "fail")


@pytest.mark.fault("F29")
@pytest.mark.parametrize(("skew", "level"), [(0, "pass"), (20, "warn"), (-90, "fail")])
def test_a_clock_that_differs_from_the_databases_is_said(kept, skew, level):
    with kept.read() as tx:
        now = tx.now() + timedelta(seconds=skew)

    assert levels(doctor.store(kept, now, shared=False))["clock"] == level


def test_an_empty_database_asks_for_the_migration(empty_postgres_url):
    store = open_store(empty_postgres_url, "acme")
    [finding] = doctor.store(store, None, shared=False)
    store.close()

    assert (finding.level, "Run pql migrate." in finding.says) == ("fail", True)


def test_what_is_paused_left_out_or_without_workers_is_warned_of(kept, acme):
    with kept.write() as tx:
        pauses.pause(tx, "hubspot", "eva", "migration")
        records.park(tx, "hubspot", "contact", {"usage_segment": "does not exist"})

    found = {one.name: one for one in doctor.work(kept, acme, workers=True)}

    assert {name for name, one in found.items() if one.level == "warn"} == {"paused hubspot", "left out hubspot", "workers"}
    assert "by eva: migration. pql resume hubspot goes on." in found["paused hubspot"].says
    assert "contact.usage_segment. Run pql provision, then pql retry." in found["left out hubspot"].says


# ------------------------------------------------------------------------------------- sources and people


def test_a_signal_that_names_an_event_nobody_ever_sent_is_warned_of_with_the_name_it_may_mean(acme):
    seen = [SimpleNamespace(name=name) for name in ("project_create", "report_viewed", "plan_compared")]
    source = SimpleNamespace(frequent_events=lambda _most: seen)

    finding = doctor._names("source product", source, acme)

    assert finding.level == "warn"
    assert "Never received: contact_sales_clicked, integration_connected" in finding.says


def test_whoever_may_get_leads_must_be_there_and_active_in_the_crm(acme):
    everybody = ("ana@acme.com", "tom@acme.com", "revops@acme.com", "lead-desk@acme.com")
    managers = {one.manager for one in acme.partners.directory}
    owners = {email: Owner(email, email, email) for email in (*everybody, *managers)}
    assert {one.level for one in doctor.people(acme, list(owners.values()))} == {"pass"}

    owners["tom@acme.com"] = replace(owners["tom@acme.com"], active=False)
    del owners["lead-desk@acme.com"]
    found = {one.name: one for one in doctor.people(acme, list(owners.values()))}
    assert found["pool smb"].level == "warn"
    assert "tom@acme.com is inactive in the CRM" in found["pool smb"].says
    assert found["queue sales_desk"].level == "fail"
    assert {one.level for one in doctor.people(acme, []) if one.name.startswith("pool")} == {"fail"}


@pytest.mark.parametrize(
    ("field", "mode", "level", "says"),
    [
        ("jobtitle", "append", "pass", "All 1 are there"),
        ("segments", "append", "pass", "All 1 are there"),
        ("segment", "own", "warn", "contact.segment is missing, or hidden from us"),
        ("hs_object_id", "own", "warn", "contact.hs_object_id is read-only for us"),
        ("pql_score", "append", "fail", "contact.pql_score holds one number, so nothing can be added to it"),
    ],
)
def test_a_mapped_field_that_cannot_take_what_is_written_is_told_before_a_record_is_refused(
    portal, field, mode, level, says
):
    segments = {
        "object": "contact",
        "name": "segments",
        "type": "enumeration",
        "fieldType": "checkbox",
        "options": ["hot", "warm"],
    }
    portal.endpoint.seed(properties=[segments])
    portal.crm.check()  # which reads the definitions anew
    also = [Also(object="contact", field=field, value="tier", mode=mode)]

    [finding] = doctor.fields("hubspot", portal.crm, also)

    assert (finding.level, finding.says.startswith(says)) == (level, True), finding


def test_mapped_fields_that_cannot_be_looked_at_are_a_finding_among_the_others(portal):
    portal.endpoint.weather({"match": {"path": ".*properties"}, "rate": 1.0, "fault": "forbidden"})
    portal.crm.check()  # which reads the definitions anew
    also = [Also(object="contact", field="jobtitle", value="tier", mode="own")]

    [finding] = doctor.fields("hubspot", portal.crm, also)

    assert finding.level == "warn"
    assert finding.says.startswith("contact.jobtitle cannot be looked at: HTTP 403")


# ------------------------------------------------------------------------------------------- the command


def test_everything_at_once_being_wrong_is_told_line_by_line_and_never_with_a_traceback(tmp_path, pql):
    starter.write(tmp_path / "settings.d")
    (tmp_path / "pql.db").write_text("this is no database")

    answer = pql(
        "doctor",
        "--output",
        "json",
        PQL_STORE=f"sqlite:///{tmp_path}/pql.db",
        PQL_LAKE="/proc/nope",
        PQL_BROKER="redis://:sekret@127.0.0.1:9/0",
        HUBSPOT_TOKEN="hidden-token-1",
        HUBSPOT_BASE_URL="http://127.0.0.1:9",
        SALESFORCE_TOKEN="hidden-token-2",
        SALESFORCE_BASE_URL="http://127.0.0.1:9",
    )

    assert answer.code == 2, answer.said
    failed = {one["group"] for one in answer.document["findings"] if one["level"] == "fail"}
    assert {"disk", "broker", "store", "crm hubspot", "crm salesforce"} <= failed
    assert {one["level"] for one in answer.document["findings"] if one["group"] == "source product"} >= {"warn"}
    assert not any(secret in answer.said for secret in ("sekret", "hidden-token-1", "hidden-token-2"))
    assert Path(tmp_path / "pql.db").read_text() == "this is no database"


def test_without_settings_the_machine_is_looked_at_all_the_same(pql):
    answer = pql("doctor")

    assert answer.code == 2
    assert "ok    packages" in answer.out
    assert "FAIL  settings: There are no settings at settings.d." in answer.out
