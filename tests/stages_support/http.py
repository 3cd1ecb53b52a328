"""A real HTTP server on 127.0.0.1 that misbehaves as told."""

from __future__ import annotations

import base64
import hashlib
import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Behaviour:
    """What the server serves at ``/m.onnx``, and how it fails: each list is used up from the front."""

    body: bytes
    cut_after: list[int] = field(default_factory=list)  # send only so many bytes, then close the connection
    statuses: list[int] = field(default_factory=list)  # answer with these first
    ranges: bool = True
    md5: bool = False
    wrong_md5: int = 0  # so many answers carry a Content-MD5 that is not the body's
    requests: list[str] = field(default_factory=list)  # the Range header of each request, "" without one


@contextmanager
def serving(behaviour: Behaviour) -> Iterator[str]:
    """Serve until the block ends; gives the URL of ``/m.onnx``."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range", "")
            behaviour.requests.append(wanted)
            if self.path != "/m.onnx":
                self.send_error(404)
            elif behaviour.statuses:
                self.send_error(behaviour.statuses.pop(0))
            else:
                self._send(wanted)

        def _send(self, wanted: str) -> None:
            start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and behaviour.ranges else 0
            if start >= len(behaviour.body) > 0:
                self.send_error(416)
                return
            body = behaviour.body[start:]
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(body)))
            if behaviour.md5:
                wrong = behaviour.wrong_md5 > 0
                behaviour.wrong_md5 -= wrong
                digest = hashlib.md5(b"other" if wrong else body, usedforsecurity=False).digest()
                self.send_header("Content-MD5", base64.b64encode(digest).decode())
            self.end_headers()
            if behaviour.cut_after:
                body = body[: behaviour.cut_after.pop(0)]
                self.close_connection = True
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/m.onnx"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
