"""How calls go out and come back: sessions, headers, addresses, deadlines, secrets."""

import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import jwt
import pytest
from answering import Answering
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from connectors.contract import Change, Outcome
from connectors.crms.salesforce import Options, Salesforce
from connectors.crms.salesforce.client import Client
from connectors.crms.salesforce.login import Login
from connectors.errors import Refused, TryLater, Unknown
from connectors.http import Session
from connectors.reach import Timeouts
from connectors.sandbox.wire import Reply
from settings.terms import Secret

TOKEN = Secret("SALESFORCE_TOKEN", "00DCANARY!token")


def client(url, **options):
    return Client(Options(url, **({"token": TOKEN} | options)), Timeouts(1.0, 1.0))


def logins(org):
    return sum(1 for call in org.sandbox.requests() if call["path"].startswith("/services/oauth2/token"))


# ------------------------------------------------------------------ ways in


@pytest.mark.parametrize(
    "ways",
    [
        {},
        {"token": TOKEN, "client_id": "app", "client_secret": TOKEN},
        {"client_secret": TOKEN},
        {"client_id": "app", "jwt_key": TOKEN},
        {"username": "u@x.example", "jwt_key": TOKEN},
    ],
    ids=["none", "two", "no client_id", "no username", "jwt without client_id"],
)
def test_exactly_one_complete_way_in_is_asked_for(ways):
    with pytest.raises(Refused, match="client_id"):
        Options("https://acme.my.salesforce.com", **ways)


def test_client_credentials_open_a_session(org):
    crm = org.logged_in()

    assert all(good for _, good, _ in crm.check())
    assert logins(org) == 1
    crm.close()


def test_a_signed_jwt_opens_a_session_for_its_user(org):
    key = rsa.generate_private_key(65537, 2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    options = Options(
        org.sandbox.url, client_id="app", username="sync@acme.example", jwt_key=Secret("KEY", pem.replace("\n", "\\n"))
    )

    form = Login(options, Session(options.reach))._form()
    claims = jwt.decode(form["assertion"], key.public_key(), ["RS256"], audience=org.sandbox.url)
    crm = Salesforce(options)

    assert (claims["iss"], claims["sub"]) == ("app", "sync@acme.example")
    assert 0 < claims["exp"] - time.time() <= 180
    assert crm.mirror.owners()
    crm.close()


def test_a_key_that_is_none_is_refused_without_showing_it(org):
    crm = org.connect(client_id="app", username="u@x.example", jwt_key=Secret("KEY", "no-such-key"))

    with pytest.raises(Refused, match="PEM") as caught:
        crm.mirror.owners()

    assert "no-such-key" not in str(caught.value)
    crm.close()


@pytest.mark.parametrize(
    ("fault", "args", "raised"),
    [
        ("status", {"status": 503}, TryLater),
        ("html", {"status": 502}, TryLater),
        ("html", {"status": 200}, TryLater),
        ("empty_2xx", {"body": "object"}, TryLater),
        ("reset_after", {}, TryLater),
        ("status", {"status": 401}, Refused),
    ],
)
def test_a_login_that_fails_wrote_nothing(org, fault, args, raised):
    org.sandbox.weather({"match": {"path": "/services/oauth2/token"}, "nth": 1, "fault": fault, "args": args})
    crm = org.logged_in()

    with pytest.raises(raised) as caught:
        crm.records.write("contact", [Change("L1", "contact", None, {"email": "a@x.example"})], "t")

    assert "a-secret-nobody-sees" not in str(caught.value)
    crm.close()


def test_a_login_that_is_refused_says_what_to_check(org):
    org.sandbox.switch(login_refused="invalid_grant")
    crm = org.logged_in()

    with pytest.raises(Refused, match="invalid_grant"):
        crm.mirror.owners()
    assert crm.check()[0][:2] == ("login", False)
    crm.close()


@pytest.mark.parametrize(
    "instance",
    [
        "https://evil.example",
        "http://acme.my.salesforce.com",
        "https://127.0.0.1",
        "http://localhost:8080",
        "https://169.254.169.254",
        "x",
    ],
)
def test_a_session_is_not_taken_to_an_address_that_the_login_names_and_we_do_not_know(instance):
    options = Options("https://acme.my.salesforce.com", client_id="app", client_secret=TOKEN)

    with pytest.raises(Refused):
        Login(options, Session(options.reach))._grant({"access_token": "t", "instance_url": instance})


def test_behind_a_proxy_of_ones_own_the_session_stays_behind_it():
    options = Options("https://crm.acme.example", client_id="app", client_secret=TOKEN, allow_host="crm.acme.example")
    said = {"access_token": "t", "instance_url": "https://acme.my.salesforce.com"}

    assert Login(options, Session(options.reach))._grant(said).base_url == "https://crm.acme.example"


# ------------------------------------------------------------------ sessions that are over


@pytest.mark.fault("F13")
def test_a_session_that_is_over_is_followed_by_one_new_one_and_the_call_is_sent_again_by_the_caller(org):
    id = org.add_person("ana@nordwerk.example")
    crm = org.logged_in()
    change = [Change("L1", "contact", id, {"pql_score": 5})]
    crm.records.write("contact", change, "t1")
    org.revoke()

    with pytest.raises(TryLater):
        crm.records.write("contact", change, "t2")
    again = crm.records.write("contact", change, "t3")

    assert again[0].outcome is Outcome.APPLIED
    assert logins(org) == 2
    crm.close()


def test_a_session_that_was_over_is_no_fault_that_doctor_tells(org):
    crm = org.logged_in()
    crm.mirror.owners()
    org.revoke()

    assert [line for line in crm.check() if not line[1]] == []
    crm.close()


@pytest.mark.fault("F13")
def test_many_threads_whose_session_ends_log_in_once_together(org):
    """In an org where a login ends the older session, one login for each thread would never come to rest."""
    org.sandbox.switch(login_kills_older=True)
    crm = org.logged_in()
    crm.mirror.owners()
    org.revoke()
    ready = threading.Barrier(8)

    def ask(_):
        ready.wait()
        for _ in range(3):
            try:
                return len(crm.mirror.owners())
            except TryLater:
                continue
        return 0

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(ask, range(8)))

    assert set(found) == {1}
    assert logins(org) == 2
    crm.close()


@pytest.mark.fault("F13", "F14")
def test_a_session_refused_at_its_first_use_ends_the_connection(org):
    crm = org.logged_in()
    crm.mirror.owners()
    org.sandbox.weather({"match": {"path": "/services/data"}, "rate": 1.0, "fault": "unauthorized"})

    with pytest.raises(TryLater):
        crm.mirror.owners()
    with pytest.raises(Refused):
        crm.mirror.owners()
    assert logins(org) == 2
    crm.close()


@pytest.mark.fault("F14")
@pytest.mark.parametrize(
    "fault", [{"fault": "unauthorized"}, {"fault": "html", "args": {"status": 401}}], ids=["json", "html"]
)
def test_a_given_token_that_is_over_is_one_call_and_needs_a_person(org, fault):
    org.crm.mirror.owners()
    before = org.crm.calls
    org.sandbox.weather({"match": {}, "rate": 1.0, **fault})

    with pytest.raises(Refused, match="token"):
        org.crm.mirror.owners()
    assert org.crm.calls == before + 1


# ------------------------------------------------------------------ what every call carries


def test_no_assignment_rule_runs_on_what_we_write_nor_after_a_new_session(org):
    other = org.add_owner("default@acme.example")
    org.sandbox.switch(auto_assign={"Lead": other})
    crm = org.logged_in()
    lead = org.add("lead", Email="a@x.example", LastName="Huber", Company="Nordwerk")
    owner = org.row("lead", lead)["OwnerId"]
    crm.records.write("lead", [Change("L1", "lead", lead, {"pql_score": 1})], "t")
    org.revoke()
    with pytest.raises(TryLater):
        crm.records.write("lead", [Change("L1", "lead", lead, {"pql_score": 2})], "t")

    crm.records.write("lead", [Change("L1", "lead", lead, {"pql_score": 2})], "t")
    made = crm.records.write("lead", [Change("L2", "lead", None, {"email": "b@x.example"})], "t")[0].crm_id

    assert org.row("lead", lead)["OwnerId"] == owner != other
    assert org.row("lead", made)["OwnerId"] != other
    crm.close()


def test_requests_carry_our_name_no_cookies_and_ask_for_compact_answers():
    seen = []

    def answer(request):
        seen.append(dict(request.headers))
        return Reply(200, {"ok": 1}, {"Set-Cookie": "BrowserId=1; path=/"})

    with Answering(answer) as url:
        asked = client(url)
        asked.limits()
        asked.limits()
        asked.close()

    headers = {name.lower(): value for name, value in seen[-1].items()}
    assert headers["user-agent"].startswith("pqlsync/")
    assert headers["sforce-auto-assign"] == "FALSE"
    assert "gzip" in headers["accept-encoding"]
    assert not {"cookie", "x-prettyprint"} & set(headers)


@pytest.mark.fault("F58")
def test_a_key_in_a_path_stays_one_segment():
    seen = []

    def answer(request):
        seen.append(request.path)
        return Reply(204, b"")

    with Answering(answer) as url:
        asked = client(url)
        asked.update("Task", "../../../x?y#z/00T", {})
        asked.close()

    assert seen[0].startswith("/services/data/v67.0/sobjects/Task/")
    assert seen[0].count("/") == 6


# ------------------------------------------------------------------ where calls may go, and how long they may take


@pytest.mark.parametrize(
    "url",
    [
        *("http://acme.my.salesforce.com", "https://salesforce.com.evil.example", "https://evilsalesforce.com"),
        *("https://10.0.0.1", "http://169.254.169.254", "https://user:pw@acme.my.salesforce.com", "ftp://127.0.0.1", ""),
    ],
)
def test_a_token_goes_to_salesforce_or_this_machine_and_nowhere_else(url):
    with pytest.raises(Refused):
        client(url)


@pytest.mark.parametrize(
    ("url", "allow"),
    [
        ("https://acme.my.salesforce.com", None),
        ("https://acme--uat.sandbox.my.salesforce.com/", None),
        ("http://127.0.0.1:9", None),
        ("https://crm-proxy.acme.example", "crm-proxy.acme.example"),
    ],
)
def test_salesforces_hosts_loopback_and_a_named_host_are_allowed(url, allow):
    assert client(url, allow_host=allow).base_url == url.rstrip("/")


@pytest.mark.fault("F1")
def test_nobody_listening_means_nothing_was_written():
    asked = client("http://127.0.0.1:9")

    with pytest.raises(TryLater):
        asked.collection("POST", [{"attributes": {"type": "Lead"}}])
    asked.close()


@pytest.mark.fault("F12")
def test_an_answer_that_drips_is_cut_off_at_the_deadline(org):
    id = org.add_person("ana@nordwerk.example")
    org.crm.mirror.read("contact", [id], [])
    org.strike("drip", seconds=20)
    began = time.monotonic()

    with pytest.raises(Unknown):
        org.crm.records.write("contact", [Change("L1", "contact", id, {"pql_score": 5})], "t")
    assert time.monotonic() - began < 10


def test_a_redirect_is_not_followed_with_the_token():
    with Answering(lambda _: Reply(302, b"", {"Location": "http://127.0.0.1:9/elsewhere"})) as url:
        asked = client(url)
        with pytest.raises(Refused, match="redirect"):
            asked.limits().good()
        assert asked.calls == 1
        asked.close()


@pytest.mark.fault("F9")
@pytest.mark.parametrize("body", [b"<html>ok</html>", b"", b"5", b"\xff\xfe"])
@pytest.mark.parametrize(("method", "raised"), [("POST", Unknown), ("GET", TryLater)])
def test_a_success_that_is_no_json_is_unknown_for_a_write(body, method, raised):
    with Answering(lambda _: Reply(200, body, {"Content-Type": "application/json"})) as url:
        asked = client(url)
        with pytest.raises(raised):
            asked.send(method, "composite/sobjects").record(writes=method == "POST")
        asked.close()


def test_a_next_page_leads_nowhere_but_to_the_query():
    asked = client("http://127.0.0.1:9")

    for url in ("https://evil.example/x", "/services/data/v67.0/sobjects/Lead", "/services/data/v67.0/query/a/b", ""):
        with pytest.raises(TryLater, match="next page"):
            asked.next_page(url)
    asked.close()


def test_secrets_never_show_in_logs_output_errors_or_names(org, caplog, capsys):
    caplog.set_level(logging.DEBUG)
    secrets = {org.secret, "a-secret-nobody-sees"}
    for crm in (org.connect(), org.logged_in()):
        said = [repr(crm), repr(crm._client)]
        for fault in ("unauthorized", "forbidden", "reset_after", "html", "truncate"):
            crm.mirror.owners()
            org.sandbox.weather(
                {"match": {"path": "/query"}, "nth": 1, "fault": fault, "args": {"message": f"bad {org.secret}"}}
            )
            with pytest.raises((TryLater, Refused)) as caught:
                crm.mirror.owners()
            said += [str(caught.value), repr(caught.value)]
        org.sandbox.weather()
        said += [f"{one}" for one in crm.check()]
        grant = crm._client._line.grant
        assert grant.token not in "\n".join([*said, repr(grant), repr(crm._client._line)])
        crm.close()
        out = capsys.readouterr()
        shown = "\n".join([*said, caplog.text, out.out, out.err])
        assert not [secret for secret in secrets if secret in shown]
