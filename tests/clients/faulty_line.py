"""A line to a real server on which things go wrong: it passes on what that says, but for what it is told to spoil."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum, auto
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx

_METADATA = "http://169.254.169.254/latest/meta-data/"
_OF_A_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length"}
_PATIENCE = 60.0


class Fault(Enum):
    """What becomes of an answer that is spoilt."""

    LYING = auto()
    """Its last byte is another one."""
    TRUNCATING = auto()
    """The line is cut in its middle."""
    REDIRECTING = auto()
    """Instead of it comes the address of something that is nobody's business."""
    SLOW = auto()
    """Its second half comes when the test says so."""


class FaultyLine:
    """What stands between a registry and the one behind it."""

    def __init__(self, behind: str, port: int, spoilt: re.Pattern[str]) -> None:
        """Pass on what *behind* says; only answers to paths in which *spoilt* is found go wrong."""
        self.behind = behind
        self.url = f"http://127.0.0.1:{port}"
        self.spoilt = spoilt
        self.fault: Fault | None = None
        self.halves = threading.Semaphore(0)
        """One for each half that went out slowly."""
        self.go_on = threading.Event()


@contextmanager
def faulty_line(behind: str, spoilt: str) -> Iterator[FaultyLine]:
    """A line to the server at *behind*, as long as the context lasts."""
    http = httpx.Client(base_url=behind, timeout=_PATIENCE, trust_env=False)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            # With the name that it was asked by, so that addresses in what it says lead back here.
            headers = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
            with http.stream(self.command, self.path, headers=headers) as answer:
                body = b"".join(answer.iter_raw())
            fault = line.fault if line.spoilt.search(self.path) else None
            if fault is Fault.REDIRECTING:
                self.send_response(302)
                self.send_header("location", _METADATA)
                self.send_header("content-length", "0")
                self.end_headers()
                return
            if fault is Fault.LYING:
                body = body[:-1] + bytes([body[-1] ^ 1])
            self.send_response(answer.status_code)
            for name, value in answer.headers.multi_items():
                if name not in _OF_A_HOP:
                    self.send_header(name, value)
            self.send_header("content-length", answer.headers.get("content-length", str(len(body))))
            self.end_headers()
            half = len(body) // 2
            self.wfile.write(body[:half])
            if fault is Fault.SLOW:
                line.halves.release()
                line.go_on.wait(_PATIENCE)
            if fault is Fault.TRUNCATING:
                self.close_connection = True
            else:
                self.wfile.write(body[half:])

        do_HEAD = do_GET  # noqa: N815 (likewise)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        line = FaultyLine(behind, server.server_port, re.compile(spoilt))
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        serving.start()
        try:
            yield line
        finally:
            line.go_on.set()
            server.shutdown()
            serving.join()
            http.close()
