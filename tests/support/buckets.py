"""An S3 server on loopback that counts what it is asked for."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

ENVIRONMENT = {"AWS_ACCESS_KEY_ID": "nobody", "AWS_SECRET_ACCESS_KEY": "none", "AWS_DEFAULT_REGION": "us-east-1"}


class Buckets:
    """The server's address, and each request since it was last emptied."""

    def __init__(self):
        self.requests: list[tuple[str, str]] = []
        self._answer: Any = DomainDispatcherApplication(create_backend_app)
        self._server = make_server("127.0.0.1", 0, self._ask, threaded=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def _ask(self, environ, start):
        self.requests.append((environ["REQUEST_METHOD"], environ["PATH_INFO"]))
        return self._answer(environ, start)

    def sound_traffic(self, *methods: str) -> list[str]:
        """Objects that are sound and were fetched or put."""
        return sorted(path for method, path in self.requests if method in methods and path.endswith(".wav"))

    @contextmanager
    def serving(self) -> Iterator["Buckets"]:
        """The server for a while."""
        thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            thread.join()
