"""How people write numbers: which mark is before the fraction, which between thousands, and which
sign is beside them: of a currency, of percent, or of a unit.

Most can be read in one way only, as ``2274,11`` or ``0.5``.  What can be read in two ways, as
``1,250``, is read as most of the others are.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
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
    "one_gap",
    "other_sign",
    "padded",
    "plain",
    "quantity",
    "sign_of",
    "strange",
    "unit_of",
    "unsigned",
]

#: A column of numbers may have other things in the rest of its rows.
ALMOST = 0.9

#: What stands for a number that is not known, in small letters.
MISSING = frozenset(("", "-", ".", "?", "#n/a", "<na>", "n/a", "na", "nan", "none", "null"))

#: What stands for a word that is not known; a word may well be "none", or "-".
NO_WORD = MISSING - {"none", "-", "."}

#: Months as they are called in English and in German, or as both are shortened.
_MONTH = (
    r"(?:jan(?:uary?|uar)?|feb(?:ruary?|ruar)?|mar(?:ch)?|märz?|apr(?:il)?|ma[iy]|jun[ei]?|jul[yi]?"
    r"|aug(?:ust)?|sept?(?:ember)?|o[ck]t(?:ober)?|nov(?:ember)?|de[cz](?:ember)?)\b"
)
_DATE = re.compile(
    r"\d{4}([-./])\d\d?\1\d\d?(?:\b|(?=T\d))|\d\d?([-./])\d\d?\2(\d{4}|\d\d)\b"
    rf"|\d\d?\.?[-\s/]?{_MONTH}\.?(?:[-\s/,]{{1,2}}\d{{4}}|-\d\d)\b"
    rf"|{_MONTH}\.?\s\d\d?,?\s\d{{4}}\b",
    re.I,
)

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

#: Units behind numbers, such as ``kg``, ``km/h``, ``°C``.  Of two words one is such as there are
#: with units, as in ``sq ft`` and ``months old``: ``12 oak street`` is no number.
_AFTER = (
    r"°[CFK]?|(?i:(?:sq|cu|fl|square|cubic|fluid|light|nautical|metric)\.?\s)?[^\W\d_]{1,12}[²³]?"
    r"(?i:\s(?:old|ago|away|long|wide|high|tall|deep))?(?:/[^\W\d_]{1,4}[²³]?)?"
)

#: Units before numbers.  Other words there count or name things: ``Room 12``, ``Type 2``.
_BEFORE = r"(?:[kmµ]g|[kcm]m[²³]?|[cm]l|lbs?|oz|ft)(?=\s)"

#: A number with anything beside it that numbers have: a currency, a multiplier, a unit, brackets.
_BESIDE = re.compile(
    rf"(?P<open>\()?[+-]?\s?(?P<before>{_SIGN.pattern}|{_BEFORE})?\s?[+-]?"
    rf"(?P<number>[.,]?\d[\d.,{_BETWEEN}]*?(?:[eE][+-]?\d+)?)"
    rf"\s?(?P<after>{_SIGN.pattern}|{_AFTER})?(?(open)\))"
)
_SHORT = 2  # letters of a sign that may be another unit, unlike a longer word that is none
_MOST_SIGNS = 5  # beside the numbers of a column; more of them are parts of names

#: The power of a length, as it is typed: ``77.6 m2``, ``800 ft^2``, ``25 kg/m2``.
_POWER = re.compile(r"(?<=[\d.\s/])((?:[kcmd\u00b5]?m|ft|yd|in|mi)(?=\^?[23]$))\^?([23])")

#: A number with any sign, of which some that are known may not be in ``_BESIDE``.
_SIGNED = re.compile(r"([+-]?)([^\d.,+-]*)([+-]?[.,]?\d(?:.*\d)?[.,]?)(\D*)")

_WORD = re.compile(r"[^\W\d_]+")

#: A whole number with a zero before it.
_PADDED = re.compile(r"0\d+")

#: The s of several, as in ``lbs``, but not in ``ms``.
_PLURAL = re.compile(r"(?<=ch)es$|(?<=\w\w)s$", re.I)

#: What is another unit in small letters: ``M``, ``MWh``, ``GB``.
_CAPITALS = re.compile(r"\w|M[A-Z]?[a-z]?|[kKGT]B")

#: Units, as ``unit_of`` gives them, that are no words of another meaning.  ``k`` and ``M`` are
#: none: there may be other numbers without them, of a thousandth of the size.
_UNIT = re.compile(
    "[\u03bcmk]?g|lb|oz|gram|kilogram|pound|ounce|ton|tonne"
    "|[\u03bcmck]?m|in|ft|yd|mi|inch|foot|feet|yard|mile|(kilo)?met(er|re)|ha|acre"
    "|[\u03bcmcd]?l|gal|lit(er|re)|gallon|pint"
    "|[\u03bcm]?s|sec|second|min|minute|h|hr|hour|day|wk|week|mo|month|yr|year"
    "|[kKMGT]B|[kmgt]b|byte|A|V|W|[km]wh?|MWh?|celsius|fahrenheit|kelvin"
)


def as_number(text: str) -> float | None:
    """Return the number that a text is, if it is one as Python writes them."""
    try:
        return None if "_" in text else float(text)  # float("1_0") is 10
    except ValueError:
        return None


def given(values: Sequence[str]) -> list[str]:
    """Return the values that are there."""
    return [value for value in values if value.lower() not in MISSING]


def one_gap(words: Sequence[str]) -> Sequence[str]:
    """Return words with all signs that there is none as ``""``, if one of them is that: beside an
    empty cell ``NA`` is one too, and else it may well be a word.  Where there is nothing but such
    signs, they stay what they are.

    Example:
        >>> one_gap(["a", "NA", "", "none"]), one_gap(["EU", "NA"])
        (['a', '', '', 'none'], ['EU', 'NA'])
    """
    if "" not in words or not given(words):
        return words
    return ["" if word.lower() in NO_WORD else word for word in words]


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
        >>> [dates([each])[:5] for each in ("2024-01-31T12:00", "31 Jan 2024", "Jan 31, 2024")]
        ['dates', 'dates', 'dates']
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
        units: whether only signs of units and currencies count: where values are few, they may be
            names that begin with a number, as ``1B`` and ``1st class``.

    Example:
        >>> beside(["10.3k", "0.1M", "7", "12k"])[:32], beside(["1.5", "(3.7)"])[:19]
        ('numbers with k and M beside them', 'numbers in brackets')
        >>> beside(["1 kg", "100 g", "5"], units=True)[:33], beside(["1A", "2B"], units=True)
        ('numbers with kg and g beside them', '')
    """
    present = given(values)
    found = [each for each in map(quantity, present) if each]
    if units:
        signed = ((each, _sign_in(each)) for each in found if not each["open"])
        found = [each for each, sign in signed if not sign or _is_unit(sign)]
    signs = Counter(each[side] for each in found for side in ("before", "after") if each[side])
    listed = _listed([sign for sign, _ in signs.most_common()])
    kinds = [f"with {listed} beside them"] if signs else []
    kinds += ["in brackets"] if any(each["open"] for each in found) else []
    if not kinds or len(signs) > _MOST_SIGNS or len(found) < ALMOST * len(present):
        return ""
    mend = "which are read as numbers if they are written plain, in one unit"
    return f"numbers {' and '.join(kinds)}, {mend}"


def other_sign(text: str, usual: str) -> str:
    """Return the unit beside a number, if it is none that the numbers of a column have.

    Example:
        >>> [other_sign(each, "kg") for each in ("11 lb", "11 y", "5 kg", "5", "12 unknown")]
        ['lb', 'y', '', '', '']
    """
    found = quantity(text) if unsigned(text, usual) == text else None
    sign = _sign_in(found) if found else ""
    return sign if len(sign) <= _SHORT or _is_unit(sign) else ""


def quantity(text: str) -> re.Match[str] | None:
    """Return what a text is made of, if it is a number with anything beside it that numbers have.

    Example:
        >>> bool(quantity("5 kg")), bool(quantity("5")), bool(quantity("5 to 0"))
        (True, True, False)
    """
    found = _BESIDE.fullmatch(_raised(text))
    return found if found and is_number(found["number"]) else None


def _raised(text: str) -> str:
    """Return a text with the power of its unit written small, as in ``m²``."""
    if text[-1:] not in ("2", "3"):
        return text
    return _POWER.sub(lambda found: found[1] + ("²" if found[2] == "2" else "³"), text)


def _sign_in(found: re.Match[str]) -> str:
    """Return the sign in what ``_BESIDE`` found, if there is one."""
    return found["before"] or found["after"] or ""


def _is_letter(sign: str) -> bool:
    """Return whether a sign is a letter that is no unit, also of something, as in ``k/s``."""
    first = re.split(r"[\s/²³]", sign)[0]
    return len(first) == 1 and first.isalpha() and not _UNIT.fullmatch(first)


def _is_unit(sign: str) -> bool:
    """Return whether a sign is surely that of a unit or of a currency, and no other word."""
    if _is_letter(sign):
        return False
    marked = _SIGN.fullmatch(sign) or any(mark in sign for mark in "/²³°")
    return bool(marked) or any(map(_UNIT.fullmatch, unit_of(sign).split()))


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


@lru_cache
def unit_of(sign: str) -> str:
    """Return a sign as it is beside 1, in small letters and without dots, whatever its writing.

    Example:
        >>> [unit_of(each) for each in ("Years old", "SQ. FT", "lbs", "inches", "$", "ms", "mAs")]
        ['year old', 'sq ft', 'lb', 'inch', '$', 'ms', 'mas']
        >>> [unit_of(each) for each in ("M", "m", "MW", "mW", "Miles/h")]
        ['M', 'm', 'MW', 'mw', 'mile/h']
    """
    return _WORD.sub(_one_of, " ".join(sign.replace(".", "").split()))


def _one_of(found: re.Match[str]) -> str:
    """Return a word of a sign without the s of several, which symbols, as ``mAs``, have not."""
    word = found[0]
    one = _PLURAL.sub("", word) if word[1:].islower() or word.isupper() else word
    return one if _CAPITALS.fullmatch(one) else one.casefold()


def unsigned(text: str, sign: str) -> str:
    """Return a number without the sign that is beside it, in any way to write that.

    Example:
        >>> [unsigned(each, "$") for each in ("$12", "-$1,200.50", "12 $", "$-5", "a $ b", "3 %")]
        ['12', '-1,200.50', '12', '-5', 'a $ b', '3 %']
        >>> unsigned("1 year old", "years old"), unsigned("5 Lbs", "lb"), unsigned("- $5", "$")
        ('1', '5', '-5')
    """
    found = _SIGNED.fullmatch(_raised(text)) if sign else None
    if found is None:
        return text
    minus, before, bare, after = found.groups()
    number = minus + bare
    return number if is_number(number) and unit_of(f"{before} {after}") == unit_of(sign) else text


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
        >>> sign_of(["77.6 m2", "80 m\u00b2"]), sign_of(["25.1 kg/m^2"]), sign_of(["5 A2", "7 A2"])
        ('m\u00b2', 'kg/m\u00b2', '')
    """
    first = [_raised(value) for value in islice(values, _ENOUGH)]
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
    plain = [unsigned(value, sign) for value in present]
    pairs = zip(plain, present, strict=True)
    signed = (number for number, value in pairs if bare or number != value)
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
            learnt = name in (sizes or {}) and mark == sized[name] == (usual or ".")
            marks[name] = mark if known or learnt else Guess(mark)
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
    """Return whether the numbers among some values are padded with zeros, as quantities are not:
    all are whole, and few are shorter, as one is that has lost its zeros.

    Example:
        >>> are_codes(["01067", "80331", "?"]), are_codes(["07", "7", "12"]), are_codes(["0.5"])
        (True, False, False)
        >>> are_codes([*["01067"] * 9, "1067"])
        True
    """
    padded = [len(each) for each in values if _PADDED.fullmatch(each)]
    if not padded:
        return False
    numbers = [value for value in values if as_number(value) is not None]
    whole = sum(len(each) >= min(padded) for each in numbers)
    return all(map(str.isdecimal, numbers)) and whole >= ALMOST * len(numbers)


def padded(values: Iterable[str]) -> str:
    """Return that numbers have zeros before them that tell nothing, by the first; else nothing.

    Example:
        >>> padded(["7", "07", "12"]), padded(["0", "0.5", "12"])
        ("'07' is taken as the number 7", '')
    """
    found = next(filter(_PADDED.fullmatch, values), "")
    return found and f"{found!r:.40} is taken as the number {found.lstrip('0') or '0'}"
