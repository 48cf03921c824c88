"""The HTTP layer and the faults of delivery, seen by an ordinary client."""

import gzip
import http.client
import socket
import threading
import time
from collections.abc import Iterator
from types import MappingProxyType

import orjson
import pytest
import urllib3

from connectors.sandbox.front import Front
from connectors.sandbox.state import Change, Doc, Row, State
from connectors.sandbox.wire import Actor, Reply, Request, Server


class Echo:
    """The smallest app: it stores what it is sent and says it back."""

    name = "echo"
    switches = MappingProxyType({"loud": False})

    def __init__(self, state: State) -> None:
        self.state = state

    def install(self) -> None:
        self.state.keep(Doc("account", "installed", body=True))

    def answer(self, request: Request, actor: Actor) -> Reply:
        if request.method == "GET":
            return Reply(200, {"path": request.path, "query": dict(request.query), "pad": "x" * 2000})
        record = str(self.state.next("record"))
        properties = {"body": request.body.decode()}
        row = Row("thing", record, properties, created=1, modified=1)
        self.state.apply([Change("create", "thing", record, after=properties, row=row)], actor)
        return Reply(201, {"id": record, "results": [1, 2, 3], **properties})

    def refuse(self, status: int, args: dict[str, object]) -> Reply:
        return Reply(status, {"refused": status})

    def seed(self, doc: dict[str, object]) -> dict[str, object]:
        return {}

    def act(self, doc: dict[str, object]) -> dict[str, object]:
        raise ValueError("Nobody acts here.")

    def page(self, path: str, query: object) -> str | None:
        return "<h1>page</h1>" if path == "/" else None


@pytest.fixture
def server() -> Iterator[Server]:
    state = State()
    server = Server(Front(Echo(state), state).answer)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server
    server.stop()
    state.close()


@pytest.fixture
def http_pool() -> Iterator[urllib3.PoolManager]:
    with urllib3.PoolManager(retries=False, timeout=5) as pool:
        yield pool


def call(pool: urllib3.PoolManager, server: Server, method: str, path: str, body: object = None) -> urllib3.BaseHTTPResponse:
    data = None if body is None else orjson.dumps(body)
    return pool.request(method, server.url + path, body=data)


def weather(pool: urllib3.PoolManager, server: Server, *rules: dict[str, object]) -> None:
    assert call(pool, server, "POST", "/_sandbox/weather", list(rules)).status == 200


def ledger(pool: urllib3.PoolManager, server: Server) -> list[dict[str, object]]:
    return call(pool, server, "GET", "/_sandbox/ledger").json()


def test_a_path_reaches_the_app_undecoded_and_a_query_decoded(server, http_pool):
    answer = call(http_pool, server, "GET", "/a%2Fb?q=x%20y&q=z").json()

    assert (answer["path"], answer["query"]) == ("/a%2Fb", {"q": ["x y", "z"]})


def test_a_connection_is_kept_alive_and_answers_without_the_delay_of_two_writes(server, http_pool):
    call(http_pool, server, "GET", "/warm")
    waits = []
    for _ in range(20):
        started = time.perf_counter()
        call(http_pool, server, "GET", "/again")
        waits.append(time.perf_counter() - started)

    assert min(waits) < 0.035  # two writes cost 40 ms each time, a busy machine only now and then
    assert http_pool.connection_from_url(server.url).num_connections == 1


def test_chunked_and_gzipped_bodies_are_read(server):
    connection = http.client.HTTPConnection("127.0.0.1", server.server_address[1])
    packed = gzip.compress(b"hello there")
    headers = {"Content-Encoding": "gzip", "Transfer-Encoding": "chunked"}
    connection.request("POST", "/", iter([packed[:5], packed[5:]]), headers, encode_chunked=True)

    assert orjson.loads(connection.getresponse().read())["body"] == "hello there"
    connection.close()


def test_an_answer_is_packed_only_for_those_who_ask(server, http_pool):
    plain = call(http_pool, server, "GET", "/")
    packed = http_pool.request("GET", server.url + "/x", headers={"Accept-Encoding": "gzip"}, decode_content=False)

    assert plain.headers["Content-Type"].startswith("text/html")
    assert packed.headers["Content-Encoding"] == "gzip"
    assert orjson.loads(gzip.decompress(packed.data))["path"] == "/x"


def test_a_reset_before_leaves_nothing_and_a_reset_after_leaves_the_change(server, http_pool):
    weather(http_pool, server, {"fault": "reset_before", "nth": 1}, {"fault": "reset_after", "nth": 2})
    for _ in range(2):
        with pytest.raises(urllib3.exceptions.ProtocolError):
            call(http_pool, server, "POST", "/things", {})

    assert [entry["request"] for entry in ledger(http_pool, server)] == [2]
    assert [(c["status"], c["writes"]) for c in call(http_pool, server, "GET", "/_sandbox/requests").json()] == [
        (0, 0),
        (0, 1),
    ]


def test_a_truncated_answer_breaks_off_after_the_change(server, http_pool):
    weather(http_pool, server, {"fault": "truncate"})
    with pytest.raises(urllib3.exceptions.ProtocolError):
        call(http_pool, server, "POST", "/things", {})

    assert len(ledger(http_pool, server)) == 1


def test_a_dripping_answer_takes_its_time_and_is_whole(server, http_pool):
    weather(http_pool, server, {"fault": "drip", "args": {"seconds": 0.3}})
    started = time.perf_counter()

    assert call(http_pool, server, "POST", "/things", {}).status == 201
    assert time.perf_counter() - started >= 0.25


def test_a_proxy_page_means_nothing_was_applied_unless_the_rule_says_so(server, http_pool):
    rules = [{"fault": "html", "nth": 1}, {"fault": "html", "nth": 2, "args": {"status": 200, "applied": True}}]
    weather(http_pool, server, *rules)

    assert [call(http_pool, server, "POST", "/things", {}).status for _ in range(2)] == [502, 200]
    assert [entry["request"] for entry in ledger(http_pool, server)] == [2]


def test_an_empty_success_and_a_lost_item_keep_the_change(server, http_pool):
    rules = [{"fault": "empty_2xx", "nth": 1}, {"fault": "drop_item", "nth": 2, "args": {"index": 1}}]
    weather(http_pool, server, *rules)
    empty, lossy = (call(http_pool, server, "POST", "/things", {}) for _ in range(2))

    assert (empty.status, empty.data) == (201, b"")
    assert lossy.json()["results"] == [1, 3]
    assert len(ledger(http_pool, server)) == 2


def test_the_same_seed_strikes_the_same_calls(server, http_pool):
    def statuses() -> list[int]:
        weather(http_pool, server, {"fault": "status", "rate": 0.5, "seed": 7, "args": {"status": 503}})
        return [call(http_pool, server, "GET", "/x").status for _ in range(20)]

    assert statuses() == statuses()
    assert set(statuses()) == {200, 503}


def test_a_fault_matches_by_method_and_by_prefix_or_pattern(server, http_pool):
    rules = [
        {"match": {"method": "GET", "path": "/a"}, "fault": "locked"},
        {"match": {"path": r"/\d+$"}, "fault": "unauthorized"},
    ]
    weather(http_pool, server, *rules)

    assert [call(http_pool, server, "GET", path).status for path in ("/a/b", "/c/12", "/c/x")] == [423, 401, 200]


def test_an_unknown_fault_is_refused_with_the_list_of_known_ones(server, http_pool):
    answer = call(http_pool, server, "POST", "/_sandbox/weather", [{"fault": "hail"}])

    assert answer.status == 400
    assert "reset_after" in answer.json()["message"]


def test_an_unknown_control_call_or_switch_is_refused_in_words(server, http_pool):
    assert call(http_pool, server, "GET", "/_sandbox/lodger").status == 404
    assert "loud" in call(http_pool, server, "POST", "/_sandbox/switches", {"lout": True}).json()["message"]
    assert call(http_pool, server, "POST", "/_sandbox/switches", {"loud": True}).json() == {"loud": True}


def test_control_calls_meet_no_faults_and_are_not_logged(server, http_pool):
    weather(http_pool, server, {"fault": "status", "args": {"status": 500}})

    assert call(http_pool, server, "GET", "/_sandbox/requests").json() == []


def test_the_clock_moves_forward_only(server, http_pool):
    first = call(http_pool, server, "POST", "/_sandbox/clock", {"advance_s": 0}).json()["now"]
    later = call(http_pool, server, "POST", "/_sandbox/clock", {"advance_s": 86400}).json()["now"]

    assert later > first
    assert call(http_pool, server, "POST", "/_sandbox/clock", {"advance_s": -1}).status == 400


def test_state_ledger_and_calls_survive_a_restart(tmp_path):
    state = State(tmp_path / "crm.sqlite")
    actor = Actor("integration", state.begin_request())
    row = Row("thing", str(state.next("record")), {"name": "Zoë"}, created=5, modified=7)
    state.apply([Change("create", "thing", row.id, after=row.properties, row=row, lookups=[("name", "zoë")])], actor)
    state.log_request(actor, "POST", "/things", 201)
    state.advance(60_000)
    state.close()

    again = State(tmp_path / "crm.sqlite")
    assert again.row("thing", "1").properties == {"name": "Zoë"}
    assert again.find("thing", "name", ["zoë"]) == {"zoë": ["1"]}
    assert (again.next("record"), again.begin_request()) == (2, 2)
    assert again.ledger()[0]["after"] == {"name": "Zoë"}
    assert again.now() - time.time() * 1000 > 59_000
    again.close()


def test_a_stopped_server_leaves_no_connection_open(http_pool):
    state = State()
    server = Server(Front(Echo(state), state).answer)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    call(http_pool, server, "GET", "/x")
    port = server.server_address[1]
    server.stop()
    state.close()

    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=1)
