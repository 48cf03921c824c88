"""A server on loopback that answers every call by one function."""

import threading
from collections.abc import Callable
from typing import Self

from connectors.sandbox.wire import Reply, Request, Server


class Answering:
    """`with Answering(lambda request: Reply(200, {})) as url: ...`"""

    def __init__(self, answer: Callable[[Request], Reply]) -> None:
        self._server = Server(answer)
        self.url = self._server.url

    def start(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def stop(self) -> None:
        self._server.stop()

    def __enter__(self) -> str:
        return self.start().url

    def __exit__(self, *_: object) -> None:
        self.stop()
