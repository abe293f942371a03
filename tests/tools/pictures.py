"""Makes the pictures of docs/pictures.md, by the page's code, and those of README.md, by examples.

    python tests/tools/pictures.py

They are kept with 128 colours, which makes them small.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
README = re.findall(r"\(docs/pictures/(\w+)\.png\)", (ROOT / "README.md").read_text())


def code(page):
    """The Python of a page, in order."""
    return "\n".join(re.findall(r"^```python\n(.*?)^```$", page, re.M | re.S))


def shown():
    """The names of the pictures that the page makes and shows."""
    return re.findall(r"\(pictures/(\w+\.png)\)", (DOCS / "pictures.md").read_text())


def make(folder):
    """Runs the page's code in a folder."""
    before = os.getcwd()
    os.chdir(folder)
    try:
        exec(compile(code((DOCS / "pictures.md").read_text()), "docs/pictures.md", "exec"), {})
    finally:
        os.chdir(before)


def draw_examples(folder):
    """Runs the examples that draw the pictures of README.md."""
    for name in README:
        script = ROOT / "examples" / f"{name}.py"
        subprocess.run([sys.executable, script, "--plot", folder / f"{name}.png"], check=True)


def shrink(path):
    """Leaves a picture 128 colours."""
    with Image.open(path) as picture:
        small = picture.convert("RGB").quantize(128, dither=Image.Dither.NONE)
    small.save(path, optimize=True)


if __name__ == "__main__":
    pictures = DOCS / "pictures" if len(sys.argv) == 1 else Path(sys.argv[1])
    make(pictures)
    draw_examples(pictures)
    for name in [*shown(), *(f"{name}.png" for name in README)]:
        shrink(pictures / name)
