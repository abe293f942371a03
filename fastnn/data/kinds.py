"""What a file is that was expected to be another: so that its refusal can tell what to do."""

from __future__ import annotations

import os
import re

__all__ = ["DAMAGED", "FASTNN", "kind_of", "kind_of_text"]

#: What ``kind_of`` says of a model's file.
FASTNN = "it is a fastnn model"

#: What it says of a zip that cannot be read, which may have been a model's file.
DAMAGED = "it is a damaged zip, as Excel's files are: save it as CSV"

_PICTURE = "it is a picture; a model of pictures is trained on a folder of them"
_HEAD = 100  # characters, to see how a text begins
_ZIP = b"PK\3\4"

#: How files begin.
_BEGINNINGS = {
    b"\x1f\x8b": "it is compressed by gzip: unpack it",
    b"\x89HDF": "it is an HDF5 file",
    b"PAR1": "it is a Parquet file: save it as CSV",
    b"\xd0\xcf\x11\xe0": "it is an old file of Excel: save it as CSV",
    b"\x93NUMPY": "it is an .npy file, which has one array; numpy.savez('a.npz', x=..., y=...)",
    b"%PDF": "it is a PDF",
    b"\x89PNG": _PICTURE,
    b"\xff\xd8\xff": _PICTURE,
    b"GIF8": _PICTURE,
}


def kind_of(path: str | os.PathLike[str]) -> str:
    """Return what a path leads to; nothing where it is text, or unknown."""
    if os.path.isdir(path):
        return "it is a folder"
    if not os.path.isfile(path):
        return ""  # a pipe can be read once, which others will do
    with open(path, "rb") as file:
        head = file.read(8)
    if head.startswith(_ZIP):
        return _kind_of_zip(path)
    return next((what for each, what in _BEGINNINGS.items() if head.startswith(each)), "")


def kind_of_text(text: str) -> str:
    """Return what a text is that is no table; else nothing.

    Example:
        >>> kind_of_text('[{"a": 1}]')[:10], kind_of_text('{"a": 1}\\n{"a": 2}')[:10]
        ('it is JSON', 'it is JSON')
        >>> kind_of_text("<!DOCTYPE html>")[:10], kind_of_text("[a],b\\n1,2")
        ('it is HTML', '')
    """
    begin = text[:_HEAD].lstrip()
    if re.match(r"<(!doctype html|html|head|body)\b", begin, re.I):
        return "it is HTML, a page; download the file itself"
    if begin.startswith("<?xml"):
        return "it is XML: save it as CSV"
    first = text.lstrip().partition("\n")[0]
    if begin[:1] in ("[", "{") and (_is_json(text) or (begin[0] == "{" and _is_json(first))):
        return "it is JSON: save it as CSV, as pandas.read_json and to_csv do"
    return ""


def _is_json(text: str) -> bool:
    import json  # slow to import

    try:
        return isinstance(json.loads(text), dict | list)
    except (ValueError, RecursionError):
        return False


def _kind_of_zip(path: str | os.PathLike[str]) -> str:
    import zipfile  # slow to import

    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError):
        return DAMAGED
    if "config.npy" in names:
        return FASTNN
    if names and all(name.endswith(".npy") for name in names):
        return "it is an npz file, of arrays"
    return "it is a zip, as Excel's files are: save it as CSV"
