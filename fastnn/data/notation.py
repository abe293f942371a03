"""How people write numbers: which mark is before the fraction, which between thousands, and which
sign is beside them: of a currency, of percent, or of a unit.

Most can be read in one way only, as ``2274,11`` or ``0.5``.  What can be read in two ways, as
``1,250``, is read as most of the others are.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import chain, islice
from statistics import median

__all__ = [
    "ALMOST",
    "MISSING",
    "NO_WORD",
    "Guess",
    "alike",
    "are_codes",
    "are_numbers",
    "as_number",
    "beside",
    "dates",
    "decimal_marks",
    "given",
    "guess",
    "is_number",
    "other_sign",
    "plain",
    "sign_of",
    "singular",
    "strange",
    "unsigned",
]

#: A column of numbers may have other things in the rest of its rows.
ALMOST = 0.9

#: What stands for a number that is not known, in small letters.
MISSING = frozenset(("", "-", ".", "?", "#n/a", "<na>", "n/a", "na", "nan", "none", "null"))

#: What stands for a word that is not known; a word may well be "none", or "-".
NO_WORD = MISSING - {"none", "-", "."}

_DATE = re.compile(r"\d{4}([-./])\d\d?\1\d\d?\b|\d\d?([-./])\d\d?\2(\d{4}|\d\d)\b")

#: What else is between thousands: spaces, which may be narrow and keep a line together, and an
#: apostrophe.
_BETWEEN = " \u00a0\u2009\u202f'\u2019"


def _written(thousands: str, decimal: str) -> re.Pattern[str]:
    between = rf"(?:{thousands}\d{{3}})+|(?:[{_BETWEEN}]\d{{3}})+"
    grouped = rf"[1-9]\d{{0,2}}({between})({decimal}\d*)?"
    ungrouped = rf"(?={decimal}?\d)\d*({decimal}\d*)?(e[+-]?\d+)?"
    return re.compile(rf"[+-]?({grouped}|{ungrouped})", re.I)


#: Numbers, by the mark before their fraction; the other one is between thousands.
_WRITTEN = {".": _written(",", r"\."), ",": _written(r"\.", ",")}
_OTHER = {".": ",", ",": "."}

_ENOUGH = 1000  # numbers that can be read in one way only, to know how a column is written

#: What can be read in two ways, with the mark that is before a fraction or between thousands.
_EITHER = re.compile(r"[+-]?[1-9]\d{0,2}([.,])\d{3}")

_SEVERAL = 5  # different numbers, to tell by their sizes how others are written
_LARGER = 10  # times, of numbers without marks, that tell that the others are thousands
_WELL = 5  # times as large as usual a number may well be
_HARDLY = 50  # times as large as usual it hardly is

#: What Python would not read, or not surely as it was meant.
_MARKED = re.compile(rf"[+-]?[1-9]\d{{0,2}}([.{_BETWEEN}]\d{{3}})+.*|[^,]*\d,.*|,\d+")
_GROUPS = str.maketrans("", "", _BETWEEN)

_SIGN = re.compile("[$£¥₩₹€₽%]|AUD|CAD|CHF|CNY|CZK|DKK|EUR|GBP|INR|JPY|NOK|PLN|SEK|USD")

#: Units behind numbers, such as ``kg``, ``km/h``, ``°C``.  Of several words the last is in small
#: letters, as in ``months old``, or the first shortened: ``12 Main St`` is no number.
_AFTER = (
    r"°[CFK]?|(?:(?i:sq|cu|fl)\.?\s)?[^\W\d_]{1,12}[²³]?(?:\s[a-z]{2,12})?"
    r"(?:/[^\W\d_]{1,4}[²³]?)?"
)

#: Units before numbers.  Other words there count or name things: ``Room 12``, ``Type 2``.
_BEFORE = r"(?:[kmµ]g|[kcm]m[²³]?|[cm]l|lbs?|oz|ft)(?=\s)"

#: A number with anything beside it that numbers have: a currency, a multiplier, a unit, brackets.
_BESIDE = re.compile(
    rf"(?P<open>\()?[+-]?\s?(?P<before>{_SIGN.pattern}|{_BEFORE})?\s?[+-]?"
    rf"(?P<number>[.,]?\d[\d.,{_BETWEEN}]*?(?:[eE][+-]?\d+)?)"
    rf"\s?(?P<after>{_SIGN.pattern}|{_AFTER})?(?(open)\))"
)
_MOST_SIGNS = 5  # beside the numbers of a column; more of them are parts of names

#: Letters that are units alone.  ``k`` and ``M`` are none: there may be other numbers without them,
#: of a thousandth of the size.
_LETTERS = frozenset("hglmsAVW")


def as_number(text: str) -> float | None:
    """Return the number that a text is, if it is one as Python writes them."""
    try:
        return None if "_" in text else float(text)  # float("1_0") is 10
    except ValueError:
        return None


def given(values: Sequence[str]) -> list[str]:
    """Return the values that are there."""
    return [value for value in values if value.lower() not in MISSING]


def are_numbers(values: Sequence[str]) -> bool:
    """Return whether plain values are those of a column of numbers, but for a few.

    Example:
        >>> are_numbers([*"123456789", "tbd"]), are_numbers(["1", "tbd"]), are_numbers(["", "?"])
        (True, False, False)
    """
    present = given(values)
    numbers = sum(as_number(value) is not None for value in present)
    return bool(present) and numbers >= ALMOST * len(present)


def alike(words: Iterable[str]) -> str:
    """Return two of some words that differ in capital letters only, as text; else nothing.

    Example:
        >>> alike(["female", "Male", "male"]), alike(["a", "b"])
        ("'Male' and 'male' differ in capitals only, and are two", '')
    """
    seen: dict[str, str] = {}
    pairs = ((seen.setdefault(word.casefold(), word), word) for word in words)
    found = next((pair for pair in pairs if pair[0] != pair[1]), None)
    if found is None:
        return ""
    return f"{found[0]!r:.40} and {found[1]!r:.40} differ in capitals only, and are two"


def strange(values: Sequence[str]) -> str:
    """Return what keeps plain values from being numbers, where most of them are; else nothing.

    Example:
        >>> strange(["1", "", "tbd", "2.5"]), strange(["1", "2"]), strange(["a", "1"])
        ("2 of 3 are numbers, 'tbd' is not", '', '')
    """
    present = given(values)
    words = [value for value in present if as_number(value) is None]
    numbers = len(present) - len(words)
    if not words or len(words) >= numbers:
        return ""
    return f"{numbers:,} of {len(present):,} are numbers, {words[0]!r:.40} is not"


def dates(values: Sequence[str]) -> str:
    """Return that values are dates, but for a few, and what to make of them; else nothing.

    Example:
        >>> dates(["2024-01-31", "?", "2024-02-01"])[:23], dates(["1.5", "a"])
        ("dates, such as '2024-01", '')
    """
    present = given(values)
    if not present or sum(map(bool, map(_DATE.match, present))) < ALMOST * len(present):
        return ""
    return (
        f"dates, such as {present[0]!r:.40}, which are not read; put what matters of them, such as "
        "year, month or age, into columns of numbers"
    )


def beside(values: Sequence[str], units: bool = False) -> str:
    """Return what is beside the numbers that values are, but for a few, and what mends it.

    Args:
        values: those of a column.
        units: whether only signs of units and currencies count: where values are few, letters and
            brackets may make codes of numbers, as in ``1B``.

    Example:
        >>> beside(["10.3k", "0.1M", "7", "12k"])[:32], beside(["1.5", "(3.7)"])[:19]
        ('numbers with k and M beside them', 'numbers in brackets')
        >>> beside(["1 kg", "100 g", "5"], units=True)[:33], beside(["1A", "2B"], units=True)
        ('numbers with kg and g beside them', '')
    """
    present = given(values)
    found = [each for each in map(_BESIDE.fullmatch, present) if each]
    found = [each for each in found if is_number(each["number"])]
    if units:
        found = [each for each in found if not each["open"] and not _is_letter(_sign_in(each))]
    signs = Counter(each[side] for each in found for side in ("before", "after") if each[side])
    listed = _listed([sign for sign, _ in signs.most_common()])
    kinds = [f"with {listed} beside them"] if signs else []
    kinds += ["in brackets"] if any(each["open"] for each in found) else []
    if not kinds or len(signs) > _MOST_SIGNS or len(found) < ALMOST * len(present):
        return ""
    mend = "which are read as numbers if they are written plain, in one unit"
    return f"numbers {' and '.join(kinds)}, {mend}"


def other_sign(text: str, usual: str) -> str:
    """Return the sign beside a number, if it is none that the numbers of a column have.

    Example:
        >>> other_sign("11 lb", "kg"), other_sign("5 kg", "kg"), other_sign("5", "kg")
        ('lb', '', '')
    """
    found = _BESIDE.fullmatch(text) if unsigned(text, usual) == text else None
    return _sign_in(found) if found and is_number(found["number"]) else ""


def _sign_in(found: re.Match[str]) -> str:
    """Return the sign in what ``_BESIDE`` found, if there is one."""
    return found["before"] or found["after"] or ""


def _is_letter(sign: str) -> bool:
    """Return whether a sign is a letter that is no unit."""
    return len(sign) == 1 and sign.isalpha() and sign not in _LETTERS


def _listed(words: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def plain(text: str, decimal: str) -> str:
    """Return a number as Python writes it, and anything else as it is.

    Args:
        text: what may be a number.
        decimal: the mark before the fraction, for what can be read in two ways.

    Example:
        >>> plain("1.234", ","), plain("1.234", "."), plain("1.234,5", "."), plain("tbd", ",")
        ('1234', '1.234', '1234.5', 'tbd')
    """
    for mark in (decimal, _OTHER[decimal]):
        if _WRITTEN[mark].fullmatch(text):
            return text.replace(_OTHER[mark], "").replace(mark, ".").translate(_GROUPS)
    return text


def singular(sign: str) -> str:
    """Return the sign of a unit as it is beside 1.

    Example:
        >>> singular("years"), singular("lbs"), singular("ms"), singular("mAs"), singular("$")
        ('year', 'lb', 'ms', 'mAs', '$')
    """
    return sign[:-1] if sign[-1:] == "s" and len(sign) > 2 and _has_plural(sign) else sign


def _has_plural(sign: str) -> bool:
    """Return whether a sign may have an s for several, as small letters and no symbols may."""
    return len(sign) > 1 and sign.islower() and sign.replace(" ", "").isalpha()


def unsigned(text: str, sign: str) -> str:
    """Return a number without the sign that is beside it, of one unit or of several.

    Example:
        >>> [unsigned(each, "$") for each in ("$12", "-$1,200.50", "12 $", "$-5", "a $ b", "3 %")]
        ['12', '-1,200.50', '12', '-5', 'a $ b', '3 %']
        >>> unsigned("1 year", "years"), unsigned("5 years", "year"), unsigned("- $5", "$")
        ('1', '5', '-5')
    """
    before, found, after = text.partition(singular(sign)) if sign else (text, "", "")
    before, after = before.strip(), after.removeprefix("s") if _has_plural(sign) else after
    first = before in ("", "+", "-")
    number = before + after.lstrip() if first else before
    beside = found and (first or not after)
    return number if beside and is_number(number) else text


def sign_of(values: Sequence[str], units: bool = True) -> str:
    """Return the sign beside the numbers of a column.

    Nine of ten values are numbers, with it or without it; with the sign of a unit, if that is one.

    Args:
        values: those of the column.
        units: whether signs are also those of units, and not of currencies and of percent alone.

    Example:
        >>> sign_of(["5 %", "", "12.5%", "7"]), sign_of(["€ 1.200", "-"]), sign_of(["5 %", "a"])
        ('%', '€', '')
        >>> sign_of(["51 kg", "?", "60.5kg"]), sign_of(["51 kg", "60"]), sign_of(["12 Main St"])
        ('kg', '', '')
        >>> sign_of(["1 year", "3 years", "20 years"]), sign_of(["1e3 kg", "2.5e+02 kg"])
        ('years', 'kg')
        >>> sign_of(["120 sq ft", "90 sq ft"]), sign_of(["kg 13", "kg 1"]), sign_of(["Room 12"])
        ('sq ft', 'kg', '')
    """
    first = list(islice(values, _ENOUGH))
    found = next(filter(None, map(_SIGN.search, first)), None)
    if found:
        return found[0] if _are_signed(values, found[0], bare=True) else ""
    signs = Counter(_sign_in(each) for each in map(_BESIDE.fullmatch, first) if each)
    counts = {sign: times for sign, times in signs.items() if units and not _is_letter(sign)}
    unit = max(counts, key=counts.__getitem__, default="")
    return unit if unit and _are_signed(values, unit, bare=False) else ""


def _are_signed(values: Sequence[str], sign: str, bare: bool) -> bool:
    """Return whether values are numbers, but for a few, with a sign, or ``bare`` ones too."""
    present = given(values)
    stem = singular(sign)
    signed = (unsigned(value, sign) for value in present if bare or stem in value)
    return sum(map(is_number, signed)) >= ALMOST * len(present)


def is_number(text: str) -> bool:
    """Return whether a text is a number, whatever the mark before its fraction."""
    return any(written.fullmatch(text) for written in _WRITTEN.values())


class Guess(str):
    """A mark before the fraction that had to be guessed."""

    __slots__ = ()


def decimal_marks(
    columns: Mapping[str, Sequence[str]],
    separator: str,
    usual: str,
    sizes: Mapping[str, float] | None = None,
) -> dict[str, str]:
    """Return the mark before the fraction in those columns where it may be a comma.

    It is that of most numbers of the column that can be read in one way only; where there are none,
    that of the table's; else that by which they are as large as usual, or as others; else a point
    where commas separate numbers that have none; else the usual one; else a comma where no comma
    separates values.  A ``Guess`` is what nothing else confirms.

    Args:
        columns: a table's, by name.
        separator: what is between two values.
        usual: the mark in other tables of the kind; ``""`` if that is not known.
        sizes: how large the numbers of columns are in other tables of the kind, as far as known.
    """
    marked = {name: each for name, each in columns.items() if any(map(_MARKED.fullmatch, each))}
    marks = {name: _most(_votes(each)) for name, each in marked.items()}
    unsure = {name: marked[name] for name, mark in marks.items() if not mark}
    if unsure:
        pointed = "." if _has_no_commas(columns, separator) else ""
        sure = _most(sum(map(_votes, columns.values()), Counter()))
        table = sure or (pointed if pointed == usual else "")
        sized = {name: _by_size(each, (sizes or {}).get(name)) for name, each in unsure.items()}
        others = _most(Counter(sized.values())) or pointed or usual
        for name, values in unsure.items():
            mark = table or sized[name] or others or _by_separator(values, separator)
            known = mark in (table, pointed) and sized[name] in ("", mark)
            marks[name] = mark if known or mark == usual == sized[name] else Guess(mark)
    return marks


def _has_no_commas(columns: Mapping[str, Sequence[str]], separator: str) -> bool:
    """Return whether commas separate values, and no number has one, as fractions would."""
    if separator != "," or len(columns) < 2:  # a single column is separated by nothing
        return False
    return not any("," in each and is_number(each) for each in chain(*columns.values()))


def _by_separator(values: Sequence[str], separator: str) -> str:
    return "," if separator != "," and any("," in value for value in values) else "."


def _by_size(values: Sequence[str], usual: float | None) -> str:
    """Return the mark before the fraction by which numbers that can be read in two ways are as
    large as usual, or as those of the column that have no mark; ``""`` if both may be."""
    either = [each for each in map(_EITHER.fullmatch, values) if each]
    if len({each[1] for each in either}) != 1:
        return ""
    mark = either[0][1]
    sizes = {abs(float(each[0].replace(mark, "."))) for each in either}  # with a fraction
    size = median(sizes)
    if usual is not None and 1000 * size > _HARDLY * usual:
        return mark
    thousands = usual is not None and 1000 * size < _WELL * usual
    return _OTHER[mark] if thousands or _are_thousands(values, sizes) else ""


def _are_thousands(values: Sequence[str], sizes: Collection[float]) -> bool:
    """Return whether numbers without a mark end below 1000, and are far larger than the marked ones
    if those have fractions of three digits: then they are no fractions."""
    bare = {abs(float(value)) for value in values if re.fullmatch(r"[+-]?\d+", value)}
    several = min(len(bare), len(sizes)) >= _SEVERAL
    return several and max(bare) < 1000 and median(bare) > _LARGER * median(sizes)


def guess(values: Sequence[str], decimal: str) -> str:
    """Return how numbers that can be read in two ways are, if there are some, and how to write them
    if that is wrong.

    Example:
        >>> guess(["7", "1.485"], ","), guess(["0.5"], ".")
        ("'1.485' is read as 1485, which is a guess; write 1.4850 if it has a fraction", '')
        >>> guess(["1,485"], ",")
        "'1,485' is read as 1.485, which is a guess; write 1485 if it has no fraction"
    """
    text = next(filter(_EITHER.fullmatch, values), "")
    if decimal in text:
        mend = f"write {text.replace(decimal, '')} if it has no fraction"
    else:
        mend = f"write {text}0 if it has a fraction"
    return text and f"{text!r} is read as {plain(text, decimal)}, which is a guess; {mend}"


def _votes(values: Sequence[str]) -> Counter[str]:
    """Return how many of the first numbers have to be read with each mark before the fraction."""
    ways = ([mark for mark in _WRITTEN if _WRITTEN[mark].fullmatch(value)] for value in values)
    return Counter(islice((way[0] for way in ways if len(way) == 1), _ENOUGH))


def _most(votes: Counter[str]) -> str:
    difference = votes["."] - votes[","]
    return "." if difference > 0 else "," if difference else ""


def are_codes(values: Sequence[str]) -> bool:
    """Return whether the numbers among some values are padded with zeros, as quantities are not.

    Example:
        >>> are_codes(["01067", "80331", "?"]), are_codes(["07", "7", "12"]), are_codes(["0.5"])
        (True, False, False)
    """
    padded = [len(each) for each in values if re.fullmatch(r"0\d+", each)]
    if not padded:
        return False
    numbers = [value for value in values if as_number(value) is not None]
    return all(map(str.isdecimal, numbers)) and min(map(len, numbers)) >= min(padded)
