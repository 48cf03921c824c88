"""How the official client is made to speak: versions, deadlines, one connection, no secret anywhere."""

import logging
from concurrent.futures import ThreadPoolExecutor

import pytest
from answering import Answering

from connectors.contract import Change
from connectors.crms.hubspot import HubSpot, Options
from connectors.errors import Refused, TryLater, Unknown
from connectors.reach import Timeouts
from connectors.sandbox.wire import Reply, Request
from settings.terms import Secret


@pytest.mark.parametrize("version", ["v3", "2026-03", "2026-09"])
def test_each_path_is_in_the_version_of_the_settings(portal, version):
    crm = portal.connect(version)
    since = portal.sandbox.requests()[-1]["seq"]
    id = portal.add_person("a@nordwerk.example")
    crm.records.write("contact", [Change("L", "contact", id, {"pql_score": 1})], "t")
    crm.mirror.owners()
    list(crm.mirror.pages("deal", None, []))
    crm.provisioning.differences()
    crm.link("contact", id)
    asked = portal.sandbox.requests(since)
    crm.close()

    assert {line["status"] for line in asked} == {200}
    assert all(f"/{version}/" in f"{line['path']}/" for line in asked)
    words = {word for line in asked for word in line["path"].partition("?")[0].split("/")}
    assert words >= {"objects", "properties", "owners", "account-info"}


@pytest.mark.parametrize(
    "url",
    [
        "http://api.hubapi.com",
        "https://api.hubapi.com.evil.example",
        "https://evil.example/api.hubapi.com",
        "https://user:pw@api.hubapi.com",
        "https://169.254.169.254",
        "http://10.0.0.1",
        "ftp://127.0.0.1",
        "api.hubapi.com",
    ],
)
def test_a_token_goes_to_hubspot_or_this_machine_and_nowhere_else(url):
    with pytest.raises(Refused):
        HubSpot(Options(Secret("T", "pat-x"), url))


@pytest.mark.parametrize(
    ("url", "allow"),
    [
        ("https://api.hubapi.com", None),
        ("https://api-eu1.hubapi.com/", None),
        ("http://localhost:1", None),
        ("https://p.acme.example", "p.acme.example"),
    ],
)
def test_hubspots_hosts_loopback_and_a_named_host_are_allowed(url, allow):
    HubSpot(Options(Secret("T", "pat-x"), url, allow_host=allow)).close()


@pytest.mark.fault("F1")
def test_nobody_listening_means_nothing_was_written():
    crm = HubSpot(Options(Secret("T", "pat-x"), "http://127.0.0.1:9"), Timeouts(0.5, 0.5))

    with pytest.raises(TryLater):
        crm.records.write("contact", [Change("L", "contact", "1", {"pql_score": 1})], "t")
    crm.close()


@pytest.mark.fault("F12")
def test_an_answer_that_drips_is_cut_off_at_the_deadline(portal):
    id = portal.add_person("a@nordwerk.example")
    crm = HubSpot(Options(Secret("T", portal.secret), portal.sandbox.url), Timeouts(0.5, 0.5))
    portal.strike("drip", seconds=5)

    with pytest.raises(Unknown):
        crm.records.write("contact", [Change("L", "contact", id, {"pql_score": 1})], "t")
    crm.close()
    assert portal.held("contact", id, "pql_score") == "1"


def test_a_redirect_is_not_followed_with_the_token():
    visits = []

    def answer(request: Request) -> Reply:
        visits.append(request.path)
        return Reply(302, {}, {"Location": "/elsewhere"})

    with Answering(answer) as url:
        crm = HubSpot(Options(Secret("T", "pat-x"), url))
        with pytest.raises(Refused):
            crm.mirror.owners()
        crm.close()
    assert len(visits) == 1


def test_requests_carry_our_name_and_ask_for_gzip():
    seen = {}

    def answer(request: Request) -> Reply:
        seen.update(request.headers)
        return Reply(200, {"results": []})

    with Answering(answer) as url:
        crm = HubSpot(Options(Secret("T", "pat-x"), url))
        crm.mirror.owners()
        crm.close()
    assert seen["user-agent"].startswith("pqlsync/")
    assert (seen["accept-encoding"], seen["authorization"]) == ("gzip", "Bearer pat-x")


def test_a_success_that_the_clients_models_would_lose_is_read():
    """A create answered 200 instead of 201, which the typed client turns into None."""
    item = {"id": "5", "properties": {}, "objectWriteTraceId": "t.0"}
    with Answering(lambda _: Reply(200, {"status": "COMPLETE", "results": [item]})) as url:
        crm = HubSpot(Options(Secret("T", "pat-x"), url))
        (receipt,) = crm.records.write("contact", [Change("L", "contact", None, {"email": "a@b.example"})], "t")
        crm.close()

    assert (receipt.crm_id, receipt.created) == ("5", True)


def test_a_token_never_shows_in_logs_output_errors_or_names(portal, caplog, capsys):
    caplog.set_level(logging.DEBUG)
    secret = "pat-eu1-canary-0000"
    crm = portal.connect(token=secret)
    said = []
    for fault in ("", "html", "reset_after", "truncate", "unauthorized", "forbidden"):
        portal.sandbox.weather(*([{"fault": fault}] if fault else []))
        try:
            crm.mirror.owners()
        except (Refused, TryLater, Unknown) as problem:
            said += [str(problem), repr(problem), repr(problem.__dict__)]
    said += [repr(crm), repr(crm.mirror), repr(crm.check()), caplog.text, *capsys.readouterr()]
    crm.close()

    assert said
    assert "canary" not in "".join(said)


def test_threads_share_a_client_without_mixing_answers(portal):
    ids = [portal.add_person(f"p{n}@nordwerk.example") for n in range(8)]

    def work(n):
        for score in range(10):
            change = Change(f"L{n}", "contact", ids[n], {"pql_score": 100 * n + score})
            (receipt,) = portal.crm.records.write("contact", [change], f"t{n}.{score}")
            assert receipt.echoed == {"pql_score": 100 * n + score}
        return True

    before = portal.crm.calls
    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(work, range(8)))
    assert portal.crm.calls == before + 80
