"""The web process over real HTTP semantics: alive, ready or not and why, and a page that shows counts and no secrets."""

import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests
import uvicorn
from urllib3.util.retry import Retry

from worker.console.app import create
from worker.store import beats, pauses, runs, versions
from worker.store.database import open_store

SECRET = "hunter2-very-secret"


class Browser(requests.Session):
    """Asks paths of one address."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url

    def request(self, method: str, path: str, **how: Any) -> requests.Response:  # type: ignore[override]  # a path, not a url
        return super().request(method, self._url + path, timeout=30, **how)


@contextmanager
def served() -> Iterator[str]:
    """The console on a free port, as `pql console` serves it."""
    server = uvicorn.Server(uvicorn.Config(create, factory=True, port=0, log_level="warning", server_header=False))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture
def browser(monkeypatch: pytest.MonkeyPatch, sqlite_url: str, tmp_path: Path) -> Iterator[Browser]:
    monkeypatch.setenv("PQL_STORE", sqlite_url)
    monkeypatch.setenv("PQL_WORKSPACE", "acme")
    monkeypatch.setenv("PQL_SETTINGS", str(tmp_path / "none"))
    monkeypatch.setenv("HUBSPOT_TOKEN", SECRET)
    with served() as url, Browser(url) as client:
        yield client


def test_alive_means_that_the_process_answers(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PQL_STORE", "postgresql://nobody@127.0.0.1:1/none")

    assert browser.get("/livez").json() == {"alive": True}


def test_ready_means_that_the_store_can_be_read(browser: Browser) -> None:
    answer = browser.get("/readyz")

    assert (answer.status_code, answer.json()) == (200, {"ready": True, "problem": None})


@pytest.mark.parametrize("path", ["/readyz", "/"])
def test_an_unreachable_store_is_503_without_its_password(
    browser: Browser, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setenv("PQL_STORE", f"postgresql://pql:{SECRET}@127.0.0.1:1/none")
    answer = browser.get(path)

    assert answer.status_code == 503
    assert "cannot be read" in answer.text
    assert SECRET not in answer.text


def test_a_store_with_old_tables_is_503_and_says_what_to_do(
    browser: Browser, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "empty.db").touch()
    monkeypatch.setenv("PQL_STORE", f"sqlite:///{tmp_path}/empty.db")
    answer = browser.get("/readyz")

    assert answer.status_code == 503
    assert "pql migrate" in answer.json()["problem"]


def test_asking_makes_no_store(browser: Browser, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PQL_STORE", f"sqlite:///{tmp_path}/absent/pql.db")

    assert browser.get("/").status_code == 503
    assert not (tmp_path / "absent").exists()


@pytest.mark.parametrize("path", ["/", "/livez", "/readyz", "/style.css", "/absent"])
def test_every_answer_forbids_scripts_frames_and_foreign_origins(browser: Browser, path: str) -> None:
    policy = browser.get(path).headers["content-security-policy"]

    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy


def test_the_page_loads_nothing_but_its_own_style(browser: Browser) -> None:
    page = browser.get("/").text

    assert re.findall(r'(?:src|href)="([^"]*)"', page) == ["/style.css"]
    assert "<script" not in page
    assert "style=" not in page


def test_the_page_shows_a_held_run_with_its_reason_and_what_is_paused(browser: Browser, sqlite_url: str) -> None:
    with closing(open_store(sqlite_url, "acme")) as store, store.write() as tx:
        run = runs.begin(tx, tx.now(), "sha")
        guards = [{"name": "tasks_per_run", "says": "900 tasks would be made, more than 200.", "holds": True}]
        runs.finish(tx, run, "held", {"guards": guards, "states": {"entered": 900}})
        pauses.pause(tx, "hubspot", "eva", "moving portals")
    page = browser.get("/").text

    assert "900 tasks would be made" in page
    assert "moving portals" in page
    assert 'class="status bad">held' in page


@pytest.mark.fault("F59")
def test_what_comes_from_outside_is_escaped(browser: Browser, sqlite_url: str) -> None:
    with closing(open_store(sqlite_url, "acme")) as store, store.write() as tx:
        beats.beat(tx, "<script>alert(1)</script>", "{{7*7}}")
        pauses.pause(tx, "hubspot", "eva", '"><img src=x onerror=alert(1)>')
    page = browser.get("/").text

    assert "<script" not in page
    assert "<img" not in page
    assert "&lt;script&gt;" in page
    assert "{{7*7}}" in page


def test_settings_are_read_without_their_secrets(browser: Browser, sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from worker.wiring import opening
    from worker.wiring.places import find

    starter = Path(opening.__file__).parents[2] / "settings/starter"
    text = opening.read_settings(find(str(starter)), secrets=False).text
    with closing(open_store(sqlite_url, "acme")) as store, store.write() as tx:
        versions.activate(tx, text, "eva")
    monkeypatch.delenv("HUBSPOT_TOKEN")
    page = browser.get("/")

    assert page.status_code == 200
    assert "salesforce" in page.text
    assert SECRET not in page.text


def test_only_reading_is_possible(browser: Browser) -> None:
    assert {browser.request(method, "/").status_code for method in ("POST", "PUT", "DELETE", "PATCH")} == {405}


def test_the_command_serves_the_store_that_was_asked_for_on_loopback_alone(sqlite_url: str, tmp_path: Path) -> None:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    program = [str(Path(sys.executable).parent / "pql"), "--store", sqlite_url, "console", "--port", port]
    environment = {**os.environ, "PQL_STORE": "sqlite:////nowhere/pql.db", "PQL_WORKSPACE": "acme"}
    process = subprocess.Popen(program, env=environment, cwd=tmp_path)
    try:
        with requests.Session() as session:
            session.mount("http://", requests.adapters.HTTPAdapter(max_retries=Retry(connect=100, backoff_factor=0.02)))
            answer = session.get(f"http://127.0.0.1:{port}/readyz", timeout=30)
        listening = {one.laddr.ip for one in psutil.Process(process.pid).net_connections() if one.status == "LISTEN"}
    finally:
        process.terminate()
        process.wait(30)

    assert answer.json() == {"ready": True, "problem": None}
    assert listening == {"127.0.0.1"}
