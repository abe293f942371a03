"""Markdown files and what is in them: fenced blocks, what their code prints, commands."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import fastnn

ROOT = Path(__file__).parents[1]

FENCE = re.compile(r"^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.M | re.S)
EDIT = re.compile(
    r"^(?:In|New file|At the end of) `(?P<file>[^`]+)`"
    r"(?:, (?P<where>above|below|instead of) the line `(?P<anchor>.+)`)?:$"
)
MARK = "\N{END OF TRANSMISSION}"


class Block(NamedTuple):
    """A fenced block, and the last line of text above it."""

    language: str
    text: str
    caption: str
    begin: int  # characters from the start of the document
    end: int

    @property
    def edit(self):
        return EDIT.match(self.caption)


def blocks(text):
    def caption(at):
        return text[:at].rstrip().rpartition("\n")[2]

    return [
        Block(m["language"], m["text"], caption(m.start()), *m.span()) for m in FENCE.finditer(text)
    ]


def python_blocks(text):
    return [b for b in blocks(text) if b.language == "python" and not b.edit]


def script(text):
    """The document with everything but its Python blanked out: errors name its own lines."""
    lines = [""] * (text.count("\n") + 1)
    for block in python_blocks(text):
        first = text[: block.begin].count("\n")
        code = [f"print({MARK!r})", *block.text.splitlines()]
        lines[first : first + len(code)] = code
    return "\n".join(lines)


def run(command, folder, *, variables=(), **options):
    path = os.pathsep.join([str(folder), str(Path(fastnn.__file__).parents[1])])
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONWARNINGS": "error"}
    environment |= dict(variables)
    environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    result = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, **options
    )
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    return result.stdout


def outputs(text, folder):
    """What each Python block prints."""
    printed = run([sys.executable, "-"], folder, input=script(text))
    return [part.strip("\n") for part in printed.split(f"{MARK}\n")[1:]]
