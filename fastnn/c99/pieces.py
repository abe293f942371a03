"""C source as pieces: definitions by name, so that a file holds what it uses and no more."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

__all__ = ["Piece", "macros", "needed", "parse"]

_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_WORD = re.compile(r"[A-Za-z_]\w*")
_DEFINED = re.compile(r"(\w+)\s*[(\[=]")


@dataclass(frozen=True)
class Piece:
    """A definition, or what is always there if ``names`` is empty.

    Attributes:
        names: what it defines.
        text: it, with the comment before it.
    """

    names: frozenset[str]
    text: str

    @cached_property
    def words(self) -> frozenset[str]:
        """What its code mentions."""
        return frozenset(_WORD.findall(_COMMENT.sub(" ", self.text)))


def needed(pieces: Sequence[Piece], wanted: Iterable[str]) -> list[Piece]:
    """Return the pieces that define what is wanted, and what those mention, in their order."""
    home = {name: piece for piece in pieces for name in piece.names}
    kept = {piece for piece in pieces if not piece.names}
    open_words = {*wanted, *(word for piece in kept for word in piece.words)}
    while open_words:
        piece = home.get(open_words.pop())
        if piece is not None and piece not in kept:
            kept.add(piece)
            open_words |= piece.words
    return [piece for piece in pieces if piece in kept]


def parse(text: str, double: bool) -> list[Piece]:
    """Return the pieces of a C source.

    Args:
        text: the source; what it includes and undefines is not looked at.
        double: what ``FNN_F64`` is.
    """
    lines = list(_decided(_marked(text), double))
    return list(_pieces(lines))


def macros(text: str, name: str) -> list[tuple[str, ...]]:
    """Return the arguments of each call of the macro ``name`` that begins a line."""
    code = _COMMENT.sub("", text)
    calls = re.finditer(rf"^{name}\(", code, re.MULTILINE)
    return [tuple(_arguments(code, call.end())) for call in calls]


def _arguments(code: str, begin: int) -> Iterator[str]:
    depth, start = 1, begin
    for at in range(begin, len(code)):
        depth += {"(": 1, ")": -1}.get(code[at], 0)
        if depth == 0 or (depth == 1 and code[at] == ","):
            yield " ".join(code[start:at].split())
            start = at + 1
        if depth == 0:
            return


@dataclass(frozen=True)
class _Line:
    """A line as it stands, and without comments."""

    text: str
    code: str


def _marked(text: str) -> Iterator[_Line]:
    code = _COMMENT.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)
    for line, bare in zip(text.split("\n"), code.split("\n"), strict=True):
        yield _Line(line, bare.strip())


def _decided(lines: Iterable[_Line], double: bool) -> Iterator[_Line]:
    """Yield the lines that ``FNN_F64`` leaves; other conditions stay, but for include guards."""
    stack: list[bool | None] = []  # of the conditions around a line: None where it is not decided
    for line in lines:
        word = line.code.split()[:1]
        if word in (["#if"], ["#ifndef"]):
            decided = _condition(line.code, double)
            stack.append(decided)
        elif word == ["#else"] and stack[-1] is not None:
            stack[-1] = not stack[-1]
        elif word == ["#endif"]:
            decided = stack.pop()
        else:
            decided = None
        if word in (["#if"], ["#ifndef"], ["#endif"]) and decided is not None:
            continue
        if word == ["#else"] and stack[-1] is not None:
            continue
        if False not in stack and not line.code.startswith(("#undef", "#pragma GCC unroll")):
            yield line


def _condition(code: str, double: bool) -> bool | None:
    if code == "#if FNN_F64":
        return double
    return True if code.startswith("#ifndef FNN_") else None


def _pieces(lines: Sequence[_Line]) -> Iterator[Piece]:
    held: list[_Line] = []
    for line in lines:
        if not held and line.code.startswith("#include"):
            continue
        if not line.text.strip() and not any(each.code for each in held):
            held = []  # a comment on no definition
            continue
        held.append(line)
        if line.code and _is_whole([each.code for each in held]):
            yield Piece(frozenset(_names([each for each in held if each.code])), _joined(held))
            held = []


def _joined(lines: Iterable[_Line]) -> str:
    return "\n".join(line.text for line in lines)


def _is_whole(code: list[str]) -> bool:
    """Whether lines of code are a definition from its beginning to its end."""
    first = next(each for each in code if each)
    if first.startswith("#if"):
        return _depth(code, "#if", "#endif") == 0
    if first.startswith("#"):
        return not code[-1].endswith("\\")
    return code[-1].endswith((";", "}")) and sum(x.count("{") - x.count("}") for x in code) == 0


def _depth(code: list[str], opening: str, closing: str) -> int:
    return sum(each.startswith(opening) - each.startswith(closing) for each in code)


def _names(lines: list[_Line]) -> Iterator[str]:
    code = " ".join(line.code for line in lines)
    if code.startswith("#if"):
        directive = re.compile(r"#(if|el|endif|error|pragma|include)")
        for piece in _pieces([line for line in lines if not directive.match(line.code)]):
            yield from piece.names
    elif code.startswith("#define"):
        yield _WORD.findall(code)[1]
    elif code.startswith("typedef"):
        function = re.match(r"typedef \w+ (\w+)\(", code)
        yield function[1] if function else _WORD.findall(code)[-1]
    elif code.startswith("enum"):
        yield from re.findall(r"(\w+)\s*=", code)
    else:
        found = _DEFINED.search(code)
        if found is not None:
            yield found[1]
