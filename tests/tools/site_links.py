"""Follow every link of a built site; print those that lead nowhere, and end with 1 if any do.

python tests/tools/site_links.py build/site
"""

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """What a page refers to, and the names in it that others may refer to."""

    def __init__(self, path):
        super().__init__()
        self.links, self.names = [], set()
        self.feed(path.read_text())

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.names |= {attributes[key] for key in ("id", "name") if attributes.get(key)}
        self.links += [attributes[key] for key in ("href", "src") if attributes.get(key)]


def broken(site):
    """Yield (page, link) of links within the site to files or names that are not there."""
    pages = {path: Page(path) for path in sorted(site.resolve().rglob("*.html"))}
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            known = pages[target].names if target in pages else {parts.fragment}
            if not target.exists() or unquote(parts.fragment) not in {*known, ""}:
                yield path.relative_to(site.resolve()), link


def main():
    found = list(broken(Path(sys.argv[1])))
    for page, link in found:
        print(f"{page}: {link}")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
