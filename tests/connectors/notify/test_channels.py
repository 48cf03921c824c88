"""What each channel sends over a real connection, and what it makes of each answer."""

import base64
import hashlib
import hmac
import time

import pytest
from fixtures_channels import HANG_UP

from connectors import registry
from connectors.errors import Refused, TryLater, Unknown
from connectors.notices import Heartbeat, MailServer, Notice, Notifier
from settings.alerts import Channel
from settings.terms import Secret

NOTICE = Notice("pql_1", "pqlsync acme: FAILED held", "2 <things> & more", {"schema": "pqlsync/alert/1", "id": "pql_1"})


def channel(kind: str, address: str, **options: object) -> Notifier:
    shown = address if kind == "email" else Secret("HOOK", address)
    return registry.notifier(Channel(kind=kind, options={kind: shown, **options}), lambda: pytest.fail("no mail is sent"))


def mail(server: MailServer, to: str = "ops@acme.com") -> Notifier:
    return registry.notifier(Channel(kind="email", options={"email": to}), lambda: server)


def test_slack_gets_text_in_which_nothing_is_a_link_or_a_mention(hook):
    channel("slack", hook.url).notify(NOTICE)

    assert hook.texts == ["*pqlsync acme: FAILED held*\n2 &lt;things&gt; &amp; more"]
    assert hook.taken[0].path.endswith("/verysecretpath")


def test_a_webhook_gets_the_document_signed_as_standard_webhooks_describes(hook):
    key = b"a key of some length, really"
    secret = Secret("SIGNING", "whsec_" + base64.b64encode(key).decode())
    channel("webhook", hook.url, secret=secret).notify(NOTICE)

    taken = hook.taken[0]
    told = b".".join((b"pql_1", taken.headers["webhook-timestamp"].encode(), taken.body))
    expected = base64.b64encode(hmac.new(key, told, hashlib.sha256).digest()).decode()
    assert taken.headers["webhook-signature"] == f"v1,{expected}"
    assert abs(int(taken.headers["webhook-timestamp"]) - time.time()) < 60
    assert taken.document == NOTICE.facts


@pytest.mark.parametrize(
    ("status", "body", "error", "says"),
    [
        (404, "no_service", Refused, "the webhook was removed"),
        (403, "<html>a proxy says verysecretpath", Refused, "HTTP 403. Check"),
        (302, "", Refused, "leads to another address"),
        (429, "", TryLater, "sent again later"),
        (500, "rollup_error", Unknown, "It may have been taken"),
        (HANG_UP, "", Unknown, "may have been"),
    ],
)
def test_an_answer_says_whether_it_was_sent_and_never_shows_the_address(hook, status, body, error, says):
    hook.answer(status, body, Retry_After="7", Location="http://127.0.0.1:1/")
    with pytest.raises(error) as raised:
        channel("slack", hook.url).notify(NOTICE)

    assert says in str(raised.value)
    assert "verysecretpath" not in repr(raised.value)
    assert len(hook.taken) == 1
    if error is TryLater:
        assert raised.value.after == 7


def test_nobody_listening_is_a_reason_to_try_later():
    with pytest.raises(TryLater):
        channel("slack", "http://127.0.0.1:9/services/x").notify(NOTICE)


@pytest.mark.parametrize(
    ("kind", "url"),
    [
        ("slack", "http://hooks.slack.com/services/verysecretpath"),
        ("slack", "https://example.com/services/verysecretpath"),
        ("webhook", "http://example.com/verysecretpath"),
        ("webhook", "https://10.0.0.7/verysecretpath"),
        ("webhook", "https://169.254.169.254/verysecretpath"),
        ("webhook", "file:///etc/verysecretpath"),
    ],
)
def test_only_https_to_public_hosts_is_opened_and_the_refusal_holds_no_secret(kind, url):
    with pytest.raises(Refused) as raised:
        channel(kind, url)

    assert "verysecretpath" not in str(raised.value)


def test_a_host_of_ones_own_is_opened_where_the_settings_name_it():
    assert channel("slack", "https://chat.internal/hooks/1", allow_host="chat.internal").where == "chat.internal"


def test_a_secret_that_is_no_base64_after_its_prefix_is_refused():
    with pytest.raises(Refused, match="base64"):
        channel("webhook", "https://example.com/x", secret=Secret("S", "whsec_???"))


# ------------------------------------------------------------------------------------------ e-mail


def plain(box, **more: object) -> MailServer:
    return MailServer("127.0.0.1", "pql@acme.com", box.port, tls="off", **more)


def test_an_email_has_one_message_id_however_often_it_is_sent(mailbox):
    for _ in range(2):
        mail(plain(mailbox)).notify(NOTICE)

    first, second = mailbox.messages
    assert first["Message-ID"] == second["Message-ID"] == "<pql_1@pqlsync.invalid>"
    assert (first["Subject"], first["From"], mailbox.recipients[0]) == (NOTICE.subject, "pql@acme.com", "ops@acme.com")
    assert first["Auto-Submitted"] == "auto-generated"
    assert first.get_payload().strip() == NOTICE.text


def test_a_subject_with_a_line_break_becomes_one_line_and_no_header(mailbox):
    mail(plain(mailbox)).notify(Notice("pql_2", "one\r\nBcc: eve@evil.example", "text"))

    assert mailbox.messages[0]["Bcc"] is None
    assert mailbox.messages[0]["Subject"] == "one Bcc: eve@evil.example"


@pytest.mark.parametrize(
    ("command", "says", "error"),
    [
        ("RCPT", "550 no such user", Refused),
        ("RCPT", "450 greylisted", TryLater),
        ("MAIL", "553 not your address", Refused),
        (".", "451 try again", TryLater),
        (".", "554 spam", Refused),
        ("EHLO", "421 too busy", TryLater),
    ],
)
def test_what_the_mail_server_says_decides_whether_it_is_tried_again(mailbox, command, says, error):
    mailbox.answers[command] = says
    if command == "EHLO":
        mailbox.answers["HELO"] = says
    with pytest.raises(error):
        mail(plain(mailbox)).notify(NOTICE)


def test_a_connection_that_breaks_after_the_text_leaves_it_open_whether_it_was_sent(mailbox):
    mailbox.hang_up_at = "."
    with pytest.raises(Unknown):
        mail(plain(mailbox)).notify(NOTICE)


def test_tls_is_asked_for_before_the_login_and_a_certificate_that_nobody_signed_is_refused(tls_mailbox):
    server = MailServer("localhost", "pql@acme.com", tls_mailbox.port, user="pql", password="hunter2-secret")
    with pytest.raises(Refused, match="certificate"):
        mail(server).notify(NOTICE)

    assert tls_mailbox.logins == []
    assert tls_mailbox.messages == []


def test_with_a_trusted_certificate_the_login_and_the_text_go_encrypted(tls_mailbox, certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    server = MailServer("localhost", "pql@acme.com", tls_mailbox.port, user="pql", password="hunter2-secret")
    mail(server).notify(NOTICE)

    assert tls_mailbox.commands[:4] == ["EHLO", "STARTTLS", "EHLO", "AUTH"]
    assert len(tls_mailbox.messages) == 1


def test_a_server_without_starttls_gets_neither_login_nor_text(mailbox):
    server = MailServer("127.0.0.1", "pql@acme.com", mailbox.port, user="pql", password="hunter2-secret")
    with pytest.raises(Refused, match="no STARTTLS"):
        mail(server).notify(NOTICE)

    assert mailbox.commands == ["EHLO"]


def test_email_without_tls_is_for_this_machine_only():
    with pytest.raises(Refused, match="PQL_SMTP_TLS"):
        mail(MailServer("smtp.example.com", "pql@acme.com", tls="off"))
    assert "hunter2" not in repr(MailServer("x", "y", password="hunter2"))


# --------------------------------------------------------------------------------------- heartbeat


def heartbeat(url: str) -> Heartbeat:
    return registry.heartbeat(Secret("HEARTBEAT_URL", url))


def test_a_heartbeat_is_the_url_with_start_and_fail_below_it(hook):
    one = heartbeat(f"{hook.url}?create=1")
    one.start()
    one.success()
    one.fail("held by changed_leads")

    ends = [taken.path.rpartition("verysecretpath")[2] for taken in hook.taken]
    assert ends == ["/start?create=1", "?create=1", "/fail?create=1"]
    assert hook.taken[2].body == b"held by changed_leads"


def test_a_service_that_knows_no_start_or_fail_is_left_alone_with_them_but_not_with_success(hook):
    for _ in range(3):
        hook.answer(404)
    one = heartbeat(hook.url)
    one.start()
    one.fail("x")
    with pytest.raises(Refused):
        one.success()


def test_a_heartbeat_over_plain_http_is_refused_without_showing_it():
    with pytest.raises(Refused) as raised:
        heartbeat("http://hc-ping.com/verysecretpath")
    assert "verysecretpath" not in str(raised.value)
