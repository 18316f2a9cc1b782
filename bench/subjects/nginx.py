"""nginx serving the same bytes as plain files: what the machine can do, not a registry.

It checks nobody and nothing; it writes an access line, as it does by default.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import tools
from bench import processes
from bench.content import Blob, Image
from bench.subjects.subject import ImageStore

_CONFIGURATION = """\
{user}daemon off;
worker_processes {workers};
pid {home}/nginx.pid;
error_log {home}/error.log;
events {{ worker_connections 1024; }}
http {{
    access_log {home}/access.log;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 1000000000;
    default_type application/octet-stream;
    client_max_body_size 0;
    client_body_temp_path {home}/body;
    proxy_temp_path {home}/proxy;
    fastcgi_temp_path {home}/fastcgi;
    uwsgi_temp_path {home}/uwsgi;
    scgi_temp_path {home}/scgi;
    server {{
        listen 127.0.0.1:{port};
        root {data};
        location /files/ {{ dav_methods PUT; create_full_put_path on; }}
        location /npm/ {{ default_type application/json; }}
    }}
}}
"""


class Nginx(ImageStore):
    """Static files by sendfile, from as many worker processes as it is given."""

    name = "nginx"

    def __init__(self, home: Path, workers: int) -> None:
        super().__init__(home)
        self._workers = workers
        self._binary = tools.path("nginx")

    def version(self) -> str:
        done = subprocess.run([self._binary, "-v"], capture_output=True, text=True, check=True)
        return f"{done.stderr.rpartition('/')[2].strip()}, {self._workers} worker(s), static, no authentication"

    def command(self) -> list[str]:
        self.address = ("127.0.0.1", processes.free_port())
        # Started by root, its workers would be another user, who may not enter a temporary directory.
        user = "user root;\n" if os.geteuid() == 0 else ""
        path = self.home / "nginx.conf"
        path.write_text(
            _CONFIGURATION.format(
                user=user, workers=self._workers, home=self.home, data=self.data, port=self.address[1]
            )
        )
        return [str(self._binary), "-p", str(self.home), "-c", str(path), "-e", str(self.home / "error.log")]

    def store_blob(self, repository: str, blob: Blob) -> None:
        self._store(f"v2/{repository}/blobs/{blob.digest}", blob)

    def store_image(self, repository: str, tag: str, image: Image) -> None:
        for name in (tag, image.digest):
            self._store(f"v2/{repository}/manifests/{name}", Blob.of(image.manifest))

    def store_file(self, path: str, content: bytes) -> None:
        """Make *content* readable at *path*."""
        self._store(path.lstrip("/"), Blob.of(content))

    def _store(self, path: str, blob: Blob) -> None:
        place = self.data / path
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.open("wb") as file:
            if blob.head is not None:
                with blob.head.open("rb") as head:
                    shutil.copyfileobj(head, file, 1 << 20)
            file.write(blob.tail)
