"""
Real servers on loopback that take what alerts send: HTTP, and SMTP with and without TLS.

Decided here: each keeps every request it got, answers as a test tells it, and may hang up in the middle.
"""

import socket
import socketserver
import ssl
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import orjson
import pytest

HANG_UP = -1
"""In place of a status: the request is taken and the connection closed without an answer."""


@dataclass
class Taken:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> dict[str, Any]:
        return dict(orjson.loads(self.body))


@dataclass
class Hook:
    """An HTTP address that takes posts; `answers` come first, then 200."""

    url: str = ""
    taken: list[Taken] = field(default_factory=list)
    answers: deque[tuple[int, str, dict[str, str]]] = field(default_factory=deque)
    slow: float = 0.0

    def answer(self, status: int, body: str = "", **headers: str) -> None:
        self.answers.append((status, body, headers))

    @property
    def texts(self) -> list[str]:
        """What a person reads in a Slack channel."""
        return [one.document["text"] for one in self.taken]


class _Http(BaseHTTPRequestHandler):
    hook: Hook

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        status, text, more = self.hook.answers.popleft() if self.hook.answers else (200, "ok", {})
        self.hook.taken.append(Taken(self.path, headers, body))
        time.sleep(self.hook.slow)
        if status == HANG_UP:
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self.send_response(status)
        for name, value in more.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """Whoever asked did not wait for the answer."""


@contextmanager
def http_hook() -> Iterator[Hook]:
    hook = Hook()
    server = _Server(("127.0.0.1", 0), type("_Bound", (_Http,), {"hook": hook}))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    hook.url = f"http://127.0.0.1:{server.server_address[1]}/services/T000/B000/verysecretpath"
    try:
        yield hook
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def hook() -> Iterator[Hook]:
    with http_hook() as one:
        yield one


# -------------------------------------------------------------------------------------------- SMTP


@dataclass
class Mailbox:
    """A mail server; `answers` gives for a command what it says instead of yes, once each."""

    port: int = 0
    messages: list[Message] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)
    tls: ssl.SSLContext | None = None
    hang_up_at: str = ""


class _Smtp(socketserver.StreamRequestHandler):
    box: Mailbox

    def handle(self) -> None:
        self._say("220 mail.test")
        while line := self.rfile.readline().decode().strip():
            word = line.split()[0].upper()
            self.box.commands.append(word)
            if word == self.box.hang_up_at:
                return
            if word in self.box.answers:
                self._say(self.box.answers.pop(word))
            elif not self._carried_out(word, line):
                return

    def finish(self) -> None:
        for one in (self.rfile, self.wfile, self.connection):  # a socket that became an encrypted one is ours to close
            one.close()

    def _carried_out(self, word: str, line: str) -> bool:
        if word == "EHLO":
            more = ["250-STARTTLS"] if self.box.tls and not isinstance(self.connection, ssl.SSLSocket) else []
            self._say("\r\n".join(["250-mail.test", *more, "250 AUTH PLAIN"]))
        elif word == "STARTTLS":
            self._say("220 go")
            return self._encrypted()
        elif word == "AUTH":
            self.box.logins.append(line)
            self._say("235 yes")
        elif word == "DATA":
            return self._taken()
        elif word == "QUIT":
            self._say("221 bye")
            return False
        else:
            if word == "RCPT":
                self.box.recipients.append(line.partition("<")[2].partition(">")[0])
            self._say("250 yes")
        return True

    def _taken(self) -> bool:
        self._say("354 go on")
        lines = []
        while (line := self.rfile.readline()) != b".\r\n":
            lines.append(line)
        self.box.messages.append(message_from_bytes(b"".join(lines)))
        if self.box.hang_up_at == ".":
            return False
        self._say(self.box.answers.pop(".", "250 taken"))
        return True

    def _encrypted(self) -> bool:
        assert self.box.tls
        try:
            self.connection = self.box.tls.wrap_socket(self.connection, server_side=True)
        except OSError:
            return False
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", buffering=0)
        return True

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


@contextmanager
def mail_server(tls: ssl.SSLContext | None = None) -> Iterator[Mailbox]:
    box = Mailbox(tls=tls)
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), type("_Bound", (_Smtp,), {"box": box}))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    box.port = int(server.server_address[1])
    try:
        yield box
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with mail_server() as box:
        yield box


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a certificate for localhost, in one file, that nobody signed."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
    plain = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = tmp_path_factory.mktemp("tls") / "localhost.pem"
    signed = made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    path.write_bytes(key.private_bytes(*plain) + signed)
    return path


@pytest.fixture
def tls_mailbox(certificate: Path) -> Iterator[Mailbox]:
    """A mail server with STARTTLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with mail_server(context) as box:
        yield box
