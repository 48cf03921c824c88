"""
HTTP/1.1 on loopback, and the records every sandbox speaks.

Decided here: how a request is read and how an answer leaves the socket, faults of delivery included. Not decided here:
what any path means. An answer leaves in one write with TCP_NODELAY: head and body apart cost 40 ms on a reused connection.
"""

import contextlib
import gzip
import logging
import socket
import struct
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol

import orjson

log = logging.getLogger(__name__)

WORTH_GZIP = 512  # bytes; below this the packed body is hardly smaller


class Headers(Mapping[str, str]):
    """Header names compare without case, as HTTP wants."""

    def __init__(self, pairs: Mapping[str, str] | None = None) -> None:
        self._values = {name.lower(): value for name, value in (pairs or {}).items()}

    def __getitem__(self, name: str) -> str:
        return self._values[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


@dataclass(frozen=True, slots=True)
class Request:
    """One call as it came: the path is still percent-encoded, the body is already unpacked."""

    method: str
    path: str
    query: Mapping[str, list[str]] = field(default_factory=dict)
    headers: Headers = field(default_factory=Headers)
    body: bytes = b""
    at: float = field(default_factory=time.monotonic, compare=False)
    """When it arrived, on the machine's steady clock."""

    def json(self) -> Any:
        """Return the parsed body; an empty one is None, a broken one raises ValueError."""
        return orjson.loads(self.body) if self.body else None

    def one(self, name: str, default: str = "") -> str:
        """Return the first query value of that name."""
        return (self.query.get(name) or [default])[0]


@dataclass(frozen=True, slots=True)
class Reply:
    """
    What goes back: bytes as they are, None as an empty body, anything else as JSON.

    `delivery` is how the socket treats it: whole, reset (nothing is sent), truncate (half, then closed) or drip (over `pace`
    seconds).
    """

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    delivery: str = "whole"
    pace: float = 0.0


@dataclass(slots=True)
class Actor:
    """Who changes something, during which call, under which fault; counts what the call asked for and what it wrote."""

    name: str
    request: int | None = None
    fault: str | None = None
    args: Mapping[str, Any] = field(default_factory=dict)
    inputs: int = 0
    writes: int = 0


class App(Protocol):
    """A CRM at the wire. Everything under `/_sandbox/`, faults and logging are done around it."""

    name: str
    switches: Mapping[str, Any]  # vendor behaviours that may be turned, with their defaults

    def answer(self, request: Request, actor: Actor) -> Reply:
        """Answer a call of the vendor's interface; `actor.fault` may ask for a missing item or a failing row."""

    def refuse(self, status: int, args: Mapping[str, Any]) -> Reply:
        """Return an error of that status in the vendor's shape; `args` are those of the fault."""

    def install(self) -> None:
        """Fill empty state with what a new account has; called at start and after a reset."""

    def seed(self, doc: Mapping[str, Any]) -> dict[str, Any]:
        """Store records and owners as if they had always been there."""

    def act(self, doc: Mapping[str, Any]) -> dict[str, Any]:
        """Do what a person or the vendor does: edit, close, merge, deactivate an owner."""

    def page(self, path: str, query: Mapping[str, list[str]]) -> str | None:
        """Return the HTML of a page to look at, or None where there is none."""


class Server(ThreadingHTTPServer):
    """Serves one answering function on 127.0.0.1 until it is stopped."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, answer: Callable[[Request], Reply], port: int = 0) -> None:
        self.reply_to = answer
        self._open: set[socket.socket] = set()
        self._change = threading.Condition()
        super().__init__(("127.0.0.1", port), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        with self._change:
            self._open.add(request)
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._change:
                self._open.discard(request)
                self._change.notify_all()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002  the signature is socketserver's
        log.debug("a caller went away: %s", client_address)

    def stop(self) -> None:
        """Stop listening and end the connections kept alive, so that nothing is left open."""
        self.shutdown()
        self.server_close()
        with self._change:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            self._change.wait_for(lambda: not self._open, timeout=5)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def log_message(self, format: str, *args: Any) -> None:
        log.debug(format, *args)

    def _serve(self) -> None:
        path, _, query = self.path.partition("?")
        headers = Headers(dict(self.headers.items()))
        try:
            body = self._body(headers)
        except (ValueError, OSError, EOFError):
            self.close_connection = True
            return self._send(Reply(400, {"message": "The request body could not be read."}), headers)
        request = Request(self.command, path, urllib.parse.parse_qs(query, keep_blank_values=True), headers, body)
        try:
            reply = self.server.reply_to(request)
        except Exception:
            log.exception("the sandbox failed on %s %s", request.method, path)
            reply = Reply(500, {"message": "The sandbox itself failed on this call, see its log."})
        return self._send(reply, headers)

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = do_HEAD = _serve  # noqa: N815  http.server looks these names up

    def _body(self, headers: Headers) -> bytes:
        if "chunked" in headers.get("transfer-encoding", "").lower():
            raw = b"".join(self._chunks())
        else:
            raw = self.rfile.read(int(headers.get("content-length") or 0))
        return gzip.decompress(raw) if headers.get("content-encoding", "").lower() == "gzip" else raw

    def _chunks(self) -> Iterator[bytes]:
        while size := int(self.rfile.readline().split(b";")[0], 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass  # trailers carry nothing we use

    def _send(self, reply: Reply, asked: Headers) -> None:
        if reply.delivery == "reset":
            return self._reset()
        head, body = _encode(reply, asked)
        if self.command == "HEAD":
            body = b""
        self._deliver(head, body, reply)
        if reply.headers.get("Connection") == "close":
            self.close_connection = True
        return None

    def _deliver(self, head: bytes, body: bytes, reply: Reply) -> None:
        try:
            if reply.delivery == "truncate":
                self.connection.sendall(head + body[: len(body) // 2])
                self.close_connection = True
            elif reply.delivery == "drip":
                self._drip(head + body, reply.pace)
            else:
                self.connection.sendall(head + body)
        except OSError:
            self.close_connection = True  # the caller gave up; what was applied stays applied

    def _drip(self, data: bytes, pace: float) -> None:
        pieces = 20
        size = -(-len(data) // pieces)
        for start in range(0, len(data), size):
            time.sleep(pace / pieces)
            self.connection.sendall(data[start : start + size])

    def _reset(self) -> None:
        # Linger 0 turns the close into a reset, which is what a caller sees when a host dies in mid-call.
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.rfile.close()
        self.wfile.close()
        self.connection.close()


def _encode(reply: Reply, asked: Headers) -> tuple[bytes, bytes]:
    headers = dict(reply.headers)
    if reply.body is None:
        body = b""
    elif isinstance(reply.body, bytes):
        body = reply.body
    else:
        body = orjson.dumps(reply.body)
        headers.setdefault("Content-Type", "application/json;charset=utf-8")
    if len(body) >= WORTH_GZIP and "gzip" in asked.get("accept-encoding", ""):
        body = gzip.compress(body, compresslevel=1)
        headers["Content-Encoding"] = "gzip"
    if reply.status != HTTPStatus.NO_CONTENT:
        headers["Content-Length"] = str(len(body))
    phrase = HTTPStatus(reply.status).phrase if reply.status in set(HTTPStatus) else "Unknown"
    lines = [f"HTTP/1.1 {reply.status} {phrase}", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    return "\r\n".join(lines).encode("latin-1", "replace"), body
