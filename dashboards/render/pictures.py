"""`make pictures`: take pictures of dashboards with the data of a lab's own monitor, into docs/pictures.

Grafana's own components draw them in a browser without a window; a Grafana server is not needed and not proved by it.
"""

import argparse
import functools
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlencode

from dashboards.generate import FOLDER
from dashboards.render.bundle import WORK, built
from dashboards.render.monitor import Monitor

PICTURES = Path(__file__).parents[2] / "docs/pictures"
# Width and height of each in pixels, and what is chosen in it.
SIZES = {
    "fleet": (1500, 1180),
    "node": (1500, 1290),
    "mesh": (1500, 1100),
    "consensus": (1500, 1150),
    "service": (1500, 900),
    "usage": (1500, 850),
    "security": (1500, 1150),
    "monitoring": (1500, 1050),
}
_PALETTE = ("pngquant", "--force", "--skip-if-larger", "--ext", ".png")


class _Page(SimpleHTTPRequestHandler):
    """The built page, the dashboards, and what the monitor answers; on loopback, for as long as pictures are taken."""

    def __init__(self, *given: object, monitor: Monitor, **more: object):
        self._monitor = monitor
        super().__init__(*given, **more)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        if self.path.startswith("/api/v1/"):
            self._send(self._monitor.asked(self.path).encode())
        elif self.path.startswith("/dashboards/"):
            self._send((FOLDER / Path(self.path).name).read_bytes())
        else:
            super().do_GET()

    def _send(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, *words: object) -> None:
        """Say nothing of each request."""


@contextmanager
def served(monitor: Monitor) -> Iterator[str]:
    """Serve the page while the block runs; give its address."""
    page = functools.partial(_Page, monitor=monitor, directory=str(built()))
    with ThreadingHTTPServer(("127.0.0.1", 0), page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def taken(name: str, address: str, minutes: int, node: str) -> list[str]:
    """Take one picture; return what went wrong."""
    now = int(time.time() * 1000)
    chosen = {"dashboard": f"dashboards/nodeops-{name}.json", "from": _iso(now - minutes * 60000), "to": _iso(now)}
    chosen |= {"var-node": node} if name == "node" else {}
    picture = PICTURES / f"{name}.png"
    words = ["node", "shoot.mjs", f"{address}/index.html?{urlencode(chosen)}", str(picture), *map(str, SIZES[name])]
    environment = {**os.environ, "CHROMIUM": shutil.which("chromium") or "chromium"}
    done = subprocess.run(words, cwd=WORK, env=environment, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode:
        return [done.stderr[-2000:]]
    if shutil.which("pngquant"):
        subprocess.run([*_PALETTE, str(picture)], check=False, timeout=60)
    said = json.loads(done.stdout)
    print(f"{picture.name}: {picture.stat().st_size // 1000} kB; without data: {', '.join(said['empty']) or 'none'}")  # noqa: T201
    return [f"{name}: {fault}" for fault in said["faults"]]


def _iso(milliseconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(milliseconds / 1000))


def main() -> int:
    """Take the pictures that are asked for; return 1 when a panel failed."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--inventory", type=Path, required=True, help="lab that is up and has a monitor")
    asked.add_argument("--minutes", type=int, default=15, help="how far to look back")
    asked.add_argument("--node", required=True, help="node of the dashboard of one node")
    asked.add_argument("--only", action="append", choices=list(SIZES), help="one of them; again for more (default: all)")
    given = asked.parse_args()
    PICTURES.mkdir(parents=True, exist_ok=True)
    monitor = Monitor(given.inventory.resolve())
    try:
        with served(monitor) as address:
            faults = [fault for name in given.only or SIZES for fault in taken(name, address, given.minutes, given.node)]
    finally:
        monitor.close()
    sys.stderr.writelines(f"FAILED {fault}\n" for fault in faults)
    return 1 if faults else 0


if __name__ == "__main__":
    raise SystemExit(main())
