"""Open every page of a built site in Chromium as wide as a phone; print what does not fit or load.

    python tests/tools/site_browser.py build/site

Ends with 1 if a page is wider than the screen, lacks a picture, or has no heading.
"""

import functools
import http.server
import json
import re
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

WIDTH = 390
CHROMIUM = "chromium --headless --no-sandbox --disable-gpu --virtual-time-budget=600000 --dump-dom"
# One page that has all others in a frame, one after the other, and writes down what it sees.
CHECK = """<!doctype html><iframe id="frame" style="border:0;width:%dpx;height:844px"></iframe>
<script id="found" type="application/json"></script><script>
const pages = %s, found = [], frame = document.getElementById("frame");
frame.onload = () => {
    const page = frame.contentDocument;
    found.push({
        page: pages[found.length],
        width: page.documentElement.scrollWidth,
        missing: [...page.images].filter(i => i.complete && !i.naturalWidth).map(i => i.src),
        heading: page.querySelector("h1") !== null,
    });
    if (found.length < pages.length) frame.src = pages[found.length];
    else document.getElementById("found").textContent = JSON.stringify(found);
};
frame.src = pages[0];
</script>"""


class Handler(http.server.SimpleHTTPRequestHandler):
    """The site, and the page that looks at it."""

    check = b""

    def do_GET(self):
        if self.path != "/check":
            super().do_GET()
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(self.check)

    def log_message(self, *arguments):
        """Say nothing."""


def looked_at(site, pages):
    """Return what the browser saw of each page."""
    Handler.check = (CHECK % (WIDTH, json.dumps(pages))).encode()
    handler = functools.partial(Handler, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/check"
        with tempfile.TemporaryDirectory() as profile:
            command = [*CHROMIUM.split(), f"--user-data-dir={profile}", address]
            done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=600)
        server.shutdown()
    text = re.search(r'<script id="found"[^>]*>(.*?)</script>', done.stdout, re.S)[1]
    return json.loads(text)


def main():
    site = Path(sys.argv[1])
    pages = sorted(str(page.relative_to(site)) for page in site.rglob("*.html"))
    pages = [page for page in pages if page not in ("index.html", "search.html")]
    seen = looked_at(site, pages)
    bad = [p for p in seen if p["width"] > WIDTH or p["missing"] or not p["heading"]]
    for page in bad:
        print(page)
    print(f"{len(seen)} pages, {len(bad)} of them not fit to be read")
    return int(bool(bad) or len(seen) != len(pages))


if __name__ == "__main__":
    sys.exit(main())
