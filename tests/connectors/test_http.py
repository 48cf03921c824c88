"""Where calls may go, how long they last, and what an answer means."""

import socket
import threading
import time
from datetime import UTC, datetime

import pytest
import requests
import responses
from hypothesis import given
from hypothesis import strategies as st

from connectors.errors import ConnectorError, Moved, Refused, Rejected, TryLater, Unknown
from connectors.http import Session, broken, classified, redacted, retry_after
from connectors.reach import Reach, Timeouts, is_public

VENDOR = Reach(("api.vendor.example", "*.my.vendor.example"))
ANY = Reach()


@pytest.fixture
def session():
    with Session(VENDOR, Timeouts(1.0, 1.0)) as opened:
        yield opened


@pytest.fixture
def server():
    """Start a server that says these bytes to every request, with a pause before each of the pieces."""
    listening = []

    def start(*pieces: bytes, pause: float = 0.0) -> str:
        wire = socket.create_server(("127.0.0.1", 0))
        listening.append(wire)
        threading.Thread(target=serve, args=(wire, pieces, pause), daemon=True).start()
        return f"http://127.0.0.1:{wire.getsockname()[1]}/x"

    yield start
    for wire in listening:
        wire.close()


def serve(wire, pieces, pause):
    while True:
        try:
            connection, _ = wire.accept()
        except OSError:
            return
        with connection:
            connection.recv(65536)
            try:
                for piece in pieces:
                    time.sleep(pause)
                    connection.sendall(piece)
            except OSError:
                continue


def answer(body: bytes = b"{}", status: str = "200 OK", **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body


# ---------------------------------------------------------------------------------------------------- where


@pytest.mark.parametrize(
    "url",
    [
        "https://api.vendor.example",
        "https://eu5.my.vendor.example/services",
        "http://127.0.0.1:8080",
        "http://localhost:1",
        "http://[::1]:9",
        "https://127.0.0.1:8443",
    ],
)
def test_the_vendors_hosts_and_this_machine_are_in_reach(url):
    assert VENDOR.checked(url + "/") == url


METADATA = (
    *(
        "169.254.169.254",
        "[::ffff:169.254.169.254]",
        "2852039166",
        "0xA9FEA9FE",
        "0251.0376.0251.0376",
        "0xa9.0xfe.0xa9.0xfe",
    ),
    *("[fe80::1]", "[fd00:ec2::254]", "10.0.0.1", "192.168.1.1", "172.16.0.1", "100.64.0.1", "0.0.0.0", "224.0.0.1"),
    *("[::ffff:10.0.0.1]", "[2002:a00:1::]", "metadata.google.internal", "intranet", "printer.local", "127.1"),
)


@pytest.mark.parametrize("host", METADATA)
@pytest.mark.parametrize("reach", [VENDOR, ANY], ids=["vendor", "any"])
def test_no_spelling_of_a_private_address_is_in_reach(host, reach):
    for scheme in ("http", "https"):
        with pytest.raises(Refused):
            reach.checked(f"{scheme}://{host}/latest/meta-data")


@pytest.mark.parametrize(
    "url",
    [
        "http://api.vendor.example",
        "https://api.vendor.example.evil.example",
        "https://evil.example#api.vendor.example",
        "https://api.vendor.example@evil.example",
        "https://user:pw@api.vendor.example",
        "https://evil.example\\@api.vendor.example",
        "https://my.vendor.example.evil.example",
        "file:///etc/passwd",
        "ftp://127.0.0.1",
        "https://",
        "https://api.vendor.example:99999",
        "",
    ],
)
def test_no_other_address_is_in_reach_of_a_connector_with_hosts(url):
    with pytest.raises(Refused):
        VENDOR.checked(url)


def test_one_more_host_can_be_allowed_by_name_and_only_with_https():
    reach = Reach(("api.vendor.example",), "crm-proxy.internal")

    assert reach.checked("https://crm-proxy.internal")
    with pytest.raises(Refused):
        reach.checked("http://crm-proxy.internal")


def test_a_public_name_that_leads_to_a_private_address_is_refused_at_connecting(monkeypatch):
    """Also when the name led elsewhere while it was checked."""
    inside = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 443))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: inside)
    with Session(ANY) as session, pytest.raises(Refused):
        session.get("https://hooks.partner.example/x")


def test_a_session_checks_every_address_not_only_its_first(session):
    with pytest.raises(Refused):
        session.get("https://evil.example")


def test_a_redirect_is_an_answer_and_not_followed(session, server):
    url = server(answer(status="302 Found", Location="https://evil.example/"))

    assert session.get(url).status_code == 302
    with pytest.raises(Refused):
        session.ask("GET", url)


def test_a_netrc_file_does_not_replace_our_authorization(session, server, tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login other password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))

    sent = session.get(server(answer()), headers={"Authorization": "Bearer ours"}).request

    assert sent.headers["Authorization"] == "Bearer ours"


@given(host=st.ip_addresses())
def test_an_address_is_public_only_if_the_registry_says_so(host):
    if is_public(str(host)):
        assert host.is_global


# ---------------------------------------------------------------------------------------------------- how long


@pytest.mark.fault("F12")
@pytest.mark.parametrize(("method", "kind"), [("GET", TryLater), ("POST", Unknown)])
def test_an_answer_that_drips_ends_at_the_deadline(session, server, method, kind):
    slow = [bytes([one]) for one in answer(b"x" * 200)]
    began = time.monotonic()

    with pytest.raises(kind):
        session.request(method, server(*slow, pause=0.1))

    assert time.monotonic() - began < 2.0


@pytest.mark.fault("F2")
@pytest.mark.parametrize(
    "pieces", [(), (answer(b"x" * 100)[:60],), (b"nonsense\r\n\r\n",)], ids=["closed", "cut off", "nonsense"]
)
def test_a_connection_that_breaks_after_sending_may_have_written(session, server, pieces):
    with pytest.raises(Unknown):
        session.post(server(*pieces), json={})
    with pytest.raises(TryLater):
        session.get(server(*pieces))
    with pytest.raises(TryLater):
        session.post(server(*pieces), json={}, writes=False)


@pytest.mark.fault("F1")
def test_what_was_never_sent_cannot_have_written(session):
    with pytest.raises(TryLater) as caught:
        session.post("http://127.0.0.1:9", json={})
    assert caught.value.code == "NewConnectionError"


def test_a_session_repeats_nothing(session, server):
    with pytest.raises(Unknown):
        session.post(server(), json={})
    assert session.sent == 1


# ---------------------------------------------------------------------------------------------------- what it means


@pytest.mark.fault("F9")
@pytest.mark.parametrize(
    ("status", "writing", "reading"),
    [
        (400, Rejected, Rejected),
        (401, Refused, Refused),
        (403, Refused, Refused),
        (404, Moved, Moved),
        (408, Unknown, TryLater),
        (409, Rejected, Rejected),
        (410, Moved, Moved),
        (422, Rejected, Rejected),
        (423, TryLater, TryLater),
        (429, TryLater, TryLater),
        (477, TryLater, TryLater),
        (500, Unknown, TryLater),
        (503, Unknown, TryLater),
        (504, Unknown, TryLater),
        (524, Unknown, TryLater),
    ],
)
@responses.activate
def test_each_status_says_what_the_caller_should_do(status, writing, reading):
    responses.add("POST", "https://api.vendor.example/x", status=status, json={"token": "pat-eu1-canary"})
    responses.add("GET", "https://api.vendor.example/x", status=status, body="<html>pat-eu1-canary</html>")
    with Session(VENDOR) as session:
        for method, kind in (("POST", writing), ("GET", reading)):
            with pytest.raises(ConnectorError) as caught:
                session.ask(method, "https://api.vendor.example/x")
            assert type(caught.value) is kind
            assert "canary" not in str(caught.value)
            assert str(caught.value).count(". ") >= 1  # what happened, what to try


@responses.activate
def test_a_limit_carries_its_wait():
    responses.add("POST", "https://api.vendor.example/x", status=429, headers={"Retry-After": "12"})
    with Session(VENDOR) as session, pytest.raises(TryLater) as caught:
        session.ask("POST", "https://api.vendor.example/x")

    assert (caught.value.after, caught.value.limited) == (12.0, True)


@pytest.mark.fault("F9")
@responses.activate
def test_a_success_that_is_not_json_is_unknown_for_a_write():
    for method in ("POST", "GET"):
        responses.add(method, "https://api.vendor.example/x", body="<html>Welcome</html>")
    with Session(VENDOR) as session:
        with pytest.raises(Unknown):
            session.ask("POST", "https://api.vendor.example/x")
        with pytest.raises(TryLater):
            session.ask("GET", "https://api.vendor.example/x")


@responses.activate
def test_an_empty_204_is_nothing_and_json_is_itself():
    responses.add("DELETE", "https://api.vendor.example/x", status=204)
    responses.add("GET", "https://api.vendor.example/x", json={"a": [1]})
    with Session(VENDOR) as session:
        assert session.ask("DELETE", "https://api.vendor.example/x") is None
        assert session.ask("GET", "https://api.vendor.example/x") == {"a": [1]}


def test_a_lock_is_waited_for_two_seconds_at_least():
    assert classified(423, writes=True).after == 2.0
    assert classified(423, writes=True, after=9.0).after == 9.0


@pytest.mark.fault("F5")
@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7.0),
        (" 0 ", 0.0),
        ("1.5", 1.5),
        ("Sun, 22 Nov 2026 10:00:30 GMT", 30.0),
        ("Sun, 22 Nov 2026 09:00:00 GMT", 0.0),
        ("soon", None),
        ("-3", None),
        ("", None),
        ("9" * 40, None),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(text, seconds):
    assert retry_after({"retry-AFTER": text}, datetime(2026, 11, 22, 10, 0, tzinfo=UTC)) == seconds
    assert retry_after({}) is None


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer SECRET.abc-9",
        "authorization: basic SECRETabc=",
        "token pat-na1-SECRET-0000 was used",
        "sid=00DSANDBOX!SECRET.x",
        "https://x.example/?access_token=SECRET&b=1",
        '{"refresh_token": "SECRET", "a": 1}',
        "client_secret='SECRET'",
        "code=SECRET&state=1",
        "assertion=SECRET",
        "password: SECRET",
    ],
)
def test_what_looks_like_a_secret_is_not_shown(text):
    assert "SECRET" not in redacted(text)


def test_known_secrets_are_not_shown_whatever_they_look_like():
    assert redacted("it says hunter2 twice: hunter2", ("hunter2", "")) == "it says *** twice: ***"


def test_causes_are_found_however_they_are_wrapped():
    inner = Moved("gone")
    outer = requests.ConnectionError(inner)

    assert broken(outer, writes=True) is inner
    assert isinstance(broken(OSError("odd"), writes=True), Unknown)
    assert isinstance(broken(OSError("odd"), writes=False), TryLater)
