"""nginx: before the server, so that a host's root is one view's npm registry; or with a folder of its own.

Some clients know no other address than a host's root; and many repositories are folders of files.
"""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.clients.programs import program

_CONFIGURATION = """\
{user}daemon off;
worker_processes 1;
pid {home}/nginx.pid;
error_log {home}/error.log;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {home}/body;
    proxy_temp_path {home}/proxy;
    fastcgi_temp_path {home}/fastcgi;
    uwsgi_temp_path {home}/uwsgi;
    scgi_temp_path {home}/scgi;
    server {{
        listen 127.0.0.1:{port};
        {server}
    }}
}}
"""
_PROXY = """\
        client_max_body_size 0;
        proxy_http_version 1.1;
        proxy_request_buffering off;
        proxy_set_header Host $http_host;
        location / {{ proxy_pass http://127.0.0.1:{target}/npm/{view}$request_uri; }}
        location /npm/ {{ proxy_pass http://127.0.0.1:{target}; }}
"""


@contextmanager
def virtual_host(home: Path, *, target: int, view: str) -> Iterator[str]:
    """The address of a host whose root is ``/npm/<view>`` of the server on port *target*, until the block ends."""
    with _nginx(home, _PROXY.format(target=target, view=view)) as address:
        yield address


@contextmanager
def file_host(home: Path, folder: Path) -> Iterator[str]:
    """The address of a host whose root is *folder*, until the block ends."""
    with _nginx(home, f"root {folder};") as address:
        yield address


@contextmanager
def _nginx(home: Path, server: str) -> Iterator[str]:
    home.mkdir()
    # Started by root, its workers would be another user, who may not enter a temporary directory.
    user = "user root;\n" if os.geteuid() == 0 else ""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        path = home / "nginx.conf"
        path.write_text(_CONFIGURATION.format(user=user, home=home, port=port, server=server))
        # It takes over the socket that we listen on, as it does when it is upgraded: nobody else can have the port,
        # and whoever connects before it is ready waits.
        with subprocess.Popen(
            [program("nginx"), "-p", str(home), "-c", str(path), "-e", str(home / "error.log")],
            env={"NGINX": f"{listening.fileno()};", "PATH": os.defpath},
            pass_fds=[listening.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        ) as process:
            try:
                yield f"http://localhost:{port}"
            finally:
                process.terminate()
