"""Text files as people have them: what is found out about each."""

import os

import numpy as np
import pytest

from fastnn.data.notation import are_codes, beside, dates, decimal_marks, plain
from fastnn.data.sheets import read_sheet
from fastnn.errors import DataFileError


def sheet(tmp_path, content, **options):
    path = tmp_path / "a.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_sheet(path, **options)


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_separator_is_found(tmp_path, separator):
    text = 'a,"b;c|d"\n1,2\n"3,5",4\n'
    others = "".join(separator if each == "," else each for each in 'a,b\n1,"2.5"\n3,4\n')
    found = sheet(tmp_path, others)
    assert (found.separator, found.names) == (separator, ["a", "b"])
    assert sheet(tmp_path, text).rows == [["1", "2"], ["3,5", "4"]]
    assert sheet(tmp_path, "a\n1\n2\n").rows == [["1"], ["2"]]


def test_a_fraction_after_a_comma_separates_nothing(tmp_path):
    found = sheet(tmp_path, "a;b\n1,5;2\n2,25;3\n")
    assert found.names == ["a", "b"]
    assert found.plain("a") == ["1.5", "2.25"]


@pytest.mark.parametrize(
    "content",
    [
        "größe,n\nß,1\n".encode(),
        "\ufeffgröße,n\nß,1\n".encode(),
        "größe,n\nß,1\n".encode("cp1252"),
        "größe,n\nß,1\n".encode("utf-16"),
        b"gr\xf6\xdfe,n\r\n\xdf,1\r\n",
    ],
)
def test_the_encoding_is_found(tmp_path, content):
    found = sheet(tmp_path, content)
    assert (found.names, found.rows) == (["größe", "n"], [["ß", "1"]])


def test_another_encoding_can_be_given(tmp_path):
    assert sheet(tmp_path, "a\nж\n".encode("koi8-r"), encoding="koi8-r").rows == [["ж"]]
    with pytest.raises(DataFileError, match=r"no table of text.*; leave --encoding out"):
        sheet(tmp_path, "a\nж\n", encoding="frob")


@pytest.mark.parametrize(
    ("text", "known", "header"),
    [
        ("a,b\n1,2\n", (), True),
        ("1,2\n3,4\n", (), False),
        ("2020,2021\n1,2\n", (), False),
        ("2020,2021\n1,2\n", ("2021",), True),
        ("0,1\n5,6\n", ("0",), False),
        ("0.5,1\n5,6\n", ("1", "0"), False),
        ("a,1\n5,6\n", ("1",), True),
        ("a,2021\n1,2\n", (), False),
        ("a,2021\n1,2\n", ("a",), True),
    ],
)
def test_the_line_of_names_is_found(tmp_path, text, known, header):
    found = sheet(tmp_path, text, known=known)
    assert found.header == header
    assert len(found.rows) == 2 - header
    assert header or found.names == ["0", "1"]


def test_columns_that_pandas_counted_have_names(tmp_path):
    assert sheet(tmp_path, "0,1,2\n3,4,5\n", known=["0"]).rows == [["3", "4", "5"]]
    assert len(sheet(tmp_path, "0,1,2\n3,4,5\n").rows) == 2
    assert sheet(tmp_path, "#y,a,b\n0,3,4\n", known=["0"]).names == ["#y", "a", "b"]


def test_names_are_made_distinct(tmp_path):
    found = sheet(tmp_path, ",a,b,a,a.1,a\n1,2,3,4,5,6\n", header=True)
    assert found.names == ["column 0", "a", "b", "a.1", "a.1.1", "a.2"]
    assert found.repeated == ["a"]
    assert found.column("a.2") == ("6",)


def test_lines_are_counted_as_an_editor_does(tmp_path):
    found = sheet(tmp_path, 'a,b\n1,"x\ny"\n\n,\n  2 ,3\n')
    assert found.rows == [["1", "x\ny"], ["2", "3"]]
    assert found.lines == [3, 6]
    assert found.part([1]).lines == [6]


@pytest.mark.parametrize(
    ("content", "options", "names", "lines"),
    [
        ("sep=;\na;b,c\n1;2\n", {}, ["a", "b,c"], [3]),
        ('"sep=\t"\r\na\tb\r\n1\t2\r\n', {}, ["a", "b"], [3]),
        ("sep=,\na;b\n1;2\n", {"delimiter": ";"}, ["a", "b"], [3]),
        ("# by me\n# on Monday\na,b\n1,2\n", {}, ["a", "b"], [4]),
        ("# by me, on Monday\na,b\n1,2\n", {"known": ["a"]}, ["a", "b"], [3]),
        ("# by me\n1,2\n", {}, ["0", "1"], [2]),
        ("# by me\n#a,b\n1,2\n", {}, ["#a", "b"], [3]),
        ("#a,b\n1,2\n", {}, ["#a", "b"], [2]),
        ("#\n1\n", {}, ["#"], [2]),
        ("a,b\n#x,1\n", {}, ["a", "b"], [2]),
        ("sep,b\n1,2\n", {}, ["sep", "b"], [2]),
    ],
)
def test_what_is_before_the_names(tmp_path, content, options, names, lines):
    found = sheet(tmp_path, content, **options)
    assert (found.names, found.lines) == (names, lines)


def test_a_pipe_is_read_once(tmp_path):
    reader, writer = os.pipe()
    os.write(writer, b"a,b\n1,2\n")
    os.close(writer)
    assert read_sheet(f"/dev/fd/{reader}").rows == [["1", "2"]]
    os.close(reader)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "nothing in it"),
        (b"\n\n,,\n", "nothing in it"),
        (b"a,b\n1,2,3\n", "line 2 has 3 values, the first has 2"),
        (b"\x89PNG\r\n\x1a\n\0\0\0", "no table of text: it is a picture; a model of pictures"),
        (b"\xff\xfe\0", "no table of text"),
        (b"PK\3\4xl/workbook.xml", "as Excel's files are: save it as CSV"),
        (b'[{"a": 1, "b": 2}]', "no table of text: it is JSON: save it as CSV"),
        (b'\n{"a": 1, "b": 2}\n{"a": 3, "b": 4}\n', "it is JSON"),
        (b'{\n "a": [1, 2],\n "b": [3, 4]\n}\n', "it is JSON"),
        (b"<!DOCTYPE html>\n<html>", "it is HTML, a page; download the file itself"),
        (b'<?xml version="1.0"?>\n', "it is XML"),
        (b"PAR1....", "Parquet file: save it as CSV"),
        (b"a\n" + b"x" * 200_000, "no table of text"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path, content, message):
    with pytest.raises(DataFileError, match=message):
        sheet(tmp_path, content)


@pytest.mark.parametrize("first", [b"[a]", b"{a}", b"[1", b"[" * 100_000, b"<b>", b"[1]"])
def test_a_table_may_begin_as_other_texts_do(tmp_path, first):
    assert sheet(tmp_path, first + b",b\n1,2\n").rows[-1] == ["1", "2"]


def test_what_numpy_writes_and_a_folder_are_no_table(tmp_path):
    with pytest.raises(DataFileError, match="no table of text: it is a folder"):
        read_sheet(tmp_path)
    np.save(tmp_path / "a.npy", [1])
    with pytest.raises(DataFileError, match=r"has one array; numpy.savez\('a.npz', x=..., y=...\)"):
        read_sheet(tmp_path / "a.npy")
    np.savez(tmp_path / "a.npz", [1])
    with pytest.raises(DataFileError, match="no table of text: it is an npz file"):
        read_sheet(tmp_path / "a.npz")


@pytest.mark.parametrize(
    ("values", "separator", "expected"),
    [
        (["1,234.5", "1"], ",", ["1234.5", "1"]),
        (["1,234", "-12,345,678"], ",", ["1234", "-12345678"]),
        (["1,5", "2"], ",", ["1.5", "2"]),
        (["2274,11", "1,234"], ",", ["2274.11", "1.234"]),
        (["1,5", "1.234,5", "?"], ";", ["1.5", "1234.5", "?"]),
        (["1.154,91", "170,5", "k.A.", "1.250"], ";", ["1154.91", "170.5", "k.A.", "1250"]),
        (["1,250.50", "tbd", "1,000", "7"], ",", ["1250.50", "tbd", "1000", "7"]),
        (["1.5", "2,5"], ";", ["1.5", "2.5"]),
        (["1,234,567", "1"], "\t", ["1234567", "1"]),
        (["1.234.567", "1.234", "0.5"], ";", ["1234567", "1.234", "0.5"]),
        (["1,250", "0,125"], ",", ["1.250", "0.125"]),
        (["1,5e-3", ",5", "+2."], ";", ["1.5e-3", ".5", "+2."]),
        (["1,250"], ";", ["1.250"]),
        (["1,250"], ",", ["1250"]),
        (["1.250"], ";", ["1.250"]),
        (["a,b", "1", ",", "1,2,3", "1.2.3"], ";", ["a,b", "1", ",", "1,2,3", "1.2.3"]),
        (["1.5"], ";", ["1.5"]),
        (["1 189,55", "1\u00a0189,5", "12\u202f345"], ";", ["1189.55", "1189.5", "12345"]),
        (["1'198.50", "1\u2019198"], ",", ["1198.50", "1198"]),
        (["030 1234", "1 23"], ",", ["030 1234", "1 23"]),
    ],
)
def test_marks_of_numbers(values, separator, expected):
    mark = decimal_marks({"a": values}, separator, "").get("a")
    assert [plain(value, mark) if mark else value for value in values] == expected


def test_what_can_be_read_in_two_ways_is_read_as_the_rest_of_the_table(tmp_path):
    assert sheet(tmp_path, "a;b\n1.250;0,5\n3.000;7\n").plain("a") == ["1250", "3000"]
    assert sheet(tmp_path, "a;b\n1,250;0.5\n").plain("a") == ["1250"]
    assert sheet(tmp_path, "a;b\n1.250;0.5\n", decimal=",").plain("a") == ["1.250"]
    found = sheet(tmp_path, "a;b\n1.250;7\n1,5;8\n", decimal=".")
    assert found.plain("a") == ["1250", "1.5"]
    assert found.part([0]).plain("a") == ["1250"]  # as in the whole
    assert (found.decimal("ab"), found.decimal("b")) == (",", "")
    assert sheet(tmp_path, "a;b\n1.250;7\n", decimal=",").plain("a") == ["1250"]


_BELOW = ["563", "0", "491", "-120", "999", "350"]
_ABOVE = ["1.485", "-1.232", "4.050", "2.000", "3.999"]


@pytest.mark.parametrize("point", [".", ","])
@pytest.mark.parametrize("separator", [";", "\t"])
@pytest.mark.parametrize(
    ("values", "thousands"),
    [
        ([*_BELOW, *_ABOVE], True),
        ([*_BELOW, *_ABOVE[1:]], False),  # too few
        ([*_BELOW[2:], *_ABOVE], False),
        ([*_BELOW, *_ABOVE, "1485"], False),
        (["2", "3", "5", "7", "12", "2.345", "7.125", "1.250", "3.500", "6.000"], False),
        (["12.345", "20.125", "52.595", "7.756", "31.004", "0"], False),
    ],
)
def test_numbers_without_a_mark_tell_that_the_others_are_thousands(
    tmp_path, point, separator, values, thousands
):
    shown = [each.replace(".", point) for each in values]
    found = sheet(tmp_path, "\n".join(f"{each}{separator}x" for each in ["a", *shown]))
    assert [*found.plain("a")] == [each.replace(".", "" if thousands else ".") for each in values]
    assert "which is a guess; write " in found.guess("a")


def test_a_guess_is_told_unless_the_table_confirms_it(tmp_path):
    rows = "\n".join(f"{each};2.750" for each in [*_BELOW, *_ABOVE])
    found = sheet(tmp_path, f"a;b\n{rows}")
    assert found.plain("b")[0] == "2750"  # as the other column
    assert found.guess("b").startswith("'2.750' is read as 2750, which is a guess; write 2.7500")
    assert type(found.decimal("ab")) is str
    assert found.part([0]).guess("a") == ""
    assert sheet(tmp_path, f"a;b;c\n{rows.replace('2.750', '2.750;0,5')}").guess("a") == ""
    assert "1.485" in sheet(tmp_path, f"a;b;c\n{rows.replace('2.750', '2.750;0.5')}").guess("a")
    assert sheet(tmp_path, 'a,b\n12.345,"x, y"\n').guess("a") == ""


def test_a_first_line_of_numbers_with_commas_has_no_names(tmp_path):
    assert not sheet(tmp_path, "1,5;2,5\n3,5;4,5\n").header


@pytest.mark.parametrize(
    ("values", "sign", "expected"),
    [
        (["$1,200.50", "$7", "-$3", "$ -4", ""], "$", ["1200.50", "7", "-3", "-4", ""]),
        (["1.200,50 €", "7€", "?"], "€", ["1200.50", "7", "?"]),
        (["12 %", "7.5%"], "%", ["12", "7.5"]),
        (["12%", "0.5"], "%", ["12", "0.5"]),
        (["CHF 1'219.50", "1'000"], "CHF", ["1219.50", "1000"]),
        (["$5", "€5"], "", ["$5", "€5"]),
        (["a$", "$"], "", ["a$", "$"]),
        (["$5 a month", "$6 a month"], "", ["$5 a month", "$6 a month"]),
        (["51 kg", "60.5kg", "?", "1,200 kg"], "kg", ["51", "60.5", "?", "1200"]),
        (["-3 °C", "21.5 °C"], "°C", ["-3", "21.5"]),
        (["90 km/h", "120 km/h"], "km/h", ["90", "120"]),
        (["80 m²", "100 m²"], "m²", ["80", "100"]),
        ([*["7 h"] * 9, "8"], "h", [*["7"] * 9, "8"]),
        (["51 kg", "60"], "", ["51 kg", "60"]),
        (["5k", "7k"], "", ["5k", "7k"]),
        (["1st", "2nd", "3rd"], "", ["1st", "2nd", "3rd"]),
        (["12 Main St", "9 Main St"], "", ["12 Main St", "9 Main St"]),
        (["120.5 sq ft", "1,200 sq ft"], "sq ft", ["120.5", "1200"]),
        (["90 Sq. Ft", "?"], "Sq. Ft", ["90", "?"]),
        (["3 years old", "12 years old"], "years old", ["3", "12"]),
        (["3 light years", "1 light year"], "light years", ["3", "1"]),
        (["3 m/s", "4.5 m/s"], "m/s", ["3", "4.5"]),
        (["kg 13.5", "kg 1,200", "-kg 2"], "kg", ["13.5", "1200", "-2"]),
        (["lbs 13", "lb 1"], "lbs", ["13", "1"]),
        (["Room 12", "Room 7"], "", ["Room 12", "Room 7"]),
        (["mm9", "mm10"], "", ["mm9", "mm10"]),
        (["1E3 kg", "2.5E-1 kg"], "kg", ["1E3", "2.5E-1"]),
        (["- 5 kg", "\u2212 5 kg", "\u22121 kg"], "kg", ["-5", "-5", "-1"]),
        (["- $5", "$7"], "$", ["-5", "7"]),
        (["- 5", "\u2212 .5", "- x", "-"], "", ["-5", "-.5", "- x", "-"]),
        (["- 5 to 0", "\u22125 to 0", "- 1,5"], "", ["- 5 to 0", "\u22125 to 0", "-1.5"]),
        (["57k/s", "9k/s", "3k/s"], "", ["57k/s", "9k/s", "3k/s"]),
        (["5 k²", "7 k²"], "", ["5 k²", "7 k²"]),
        (["5 M old", "7 M old"], "", ["5 M old", "7 M old"]),
        (["5 B/s", "7 B/s"], "", ["5 B/s", "7 B/s"]),
        (["57k followers", "9k followers"], "", ["57k followers", "9k followers"]),
        (["5 g/dl", "7.5 g/dl"], "g/dl", ["5", "7.5"]),
        (["1 year old", "3 years old"], "year old", ["1", "3"]),
        (["1 min ago", "30 mins ago", "20 mins ago"], "mins ago", ["1", "30", "20"]),
        (["12 oak street", "9 oak street"], "", ["12 oak street", "9 oak street"]),
        (["12 Main st", "9 Main st"], "", ["12 Main st", "9 Main st"]),
        (["2 b floor", "3 b floor"], "", ["2 b floor", "3 b floor"]),
        (["4 A left", "5 A left"], "", ["4 A left", "5 A left"]),
        (["2 of hearts", "3 of hearts"], "", ["2 of hearts", "3 of hearts"]),
        (["4 cubic feet", "5 cubic feet"], "cubic feet", ["4", "5"]),
    ],
)
def test_signs_beside_numbers(tmp_path, values, sign, expected):
    found = sheet(tmp_path, "\n".join(f"{value};x" for value in ["a", *values]))
    assert found.signs.get("a", "") == sign
    assert [*found.plain("a")] == expected


def test_a_first_line_of_prices_has_no_names(tmp_path):
    assert not sheet(tmp_path, "$5,$6\n$7,$8\n").header
    assert sheet(tmp_path, "5 years,10 years\n7,8\n").header
    found = sheet(tmp_path, "a;b\n$1.250;0,5\n$3.000;7\n")
    assert found.plain("a") == ["1250", "3000"]
    assert found.decimal("a") == ","
    assert sheet(tmp_path, "a;b\n$7;0,5\n").decimal("a") == ""


@pytest.mark.parametrize(
    "text",
    [
        *("2024-01-31", "2023-01-05T00:00:00Z", "31.1.24", "1/31/2024 12:30", "11-Jan-2023"),
        *("Jan 11, 2023", "05 Jan 2023", "5. Januar 2023", "12 december 2020", "3-Mar-21"),
    ],
)
def test_dates_are_told(text):
    assert dates([text, "?"]).startswith("dates, such as")


@pytest.mark.parametrize(
    "text",
    [
        *("5 marbles 20", "10 markers 12", "12 Martin 45", "7 novels, 12", "1.2.10beta", "may 5"),
        *("3 deck 2000", "2024", "12-34", "5 mar 20", "marx 11, 2023", "1 Octopus 2020"),
    ],
)
def test_other_words_and_numbers_are_no_dates(text):
    assert dates([text]) == ""


@pytest.mark.parametrize(
    ("values", "codes"),
    [
        (["01067", "80331", ""], True),
        (["030", "0351", "k.A."], True),
        (["07", "12", "7"], False),
        ([*["01067"] * 9, "1067"], True),
        ([*["01067"] * 8, "1067"], False),
        (["0", "1"], False),
        (["0.5", "01"], False),
        (["a"], False),
    ],
)
def test_codes_have_leading_zeros(values, codes):
    assert are_codes(values) == codes


@pytest.mark.parametrize(
    ("values", "what"),
    [
        (["103k", "0.10M", "7k", "9"], "numbers with k and M beside them, which are read"),
        (["10,3 kg", "12.5lb", "1 kg", "?"], "numbers with kg and lb beside them"),
        (["(3.772)", "5", "(1,000)"], "numbers in brackets, which"),
        (["$1.2M", "€ 3k", "($5k)"], "numbers with $, k, M and € beside them and in brackets"),
        (["5 USD", "7 EUR"], "numbers with USD and EUR beside them"),
        (["1E3 kg", "7 sq ft"], "numbers with kg and sq ft beside them"),
        (["1", "2.5", ""], ""),
        (["12 Main St", "7 Hill Rd"], ""),
        (["1A", "2B", "3C", "4D", "5E", "6F"], ""),
        (["(none)", "k", "kg"], ""),
        (["2024-01-05", "1.2.2024", "12:30"], ""),
        ([], ""),
    ],
)
def test_what_is_beside_numbers_is_named(values, what):
    said = beside(values)
    assert said.startswith(what)
    assert bool(said) == bool(what)


@pytest.mark.parametrize(
    ("values", "what"),
    [
        (["1 kg", "100 g"], "numbers with kg and g beside them, which are"),
        (["3 yrs", "4 mo"], "numbers with yrs and mo beside them"),
        (["5 ft", "60 in"], "numbers with ft and in beside them"),
        (["5 feet", "60 inches"], "numbers with feet and inches beside them"),
        (["1 h", "90 min"], "numbers with h and min beside them"),
        (["$5", "5 €"], "numbers with $ and € beside them"),
        (["5 MB", "1 GB"], "numbers with MB and GB beside them"),
        (["5 m²", "7 sq ft"], "numbers with m² and sq ft beside them"),
        (["20 °C", "70 °F"], "numbers with °C and °F beside them"),
        (["5 µg", "7 mg"], "numbers with µg and mg beside them"),
        (["1st class", "2nd class"], ""),
        (["1st", "2nd", "3rd"], ""),
        (["1er", "2ème"], ""),
        (["10115 Berlin", "80331 Munich"], ""),
        (["911 turbo", "718 boxster"], ""),
        (["1 Kings", "2 Samuel"], ""),
        (["34 male", "28 female"], ""),
        (["10 US", "11 UK"], ""),
        (["5 may", "12 june"], ""),
        (["5k/s", "7M/s"], ""),
    ],
)
def test_only_units_make_numbers_of_a_few_words(values, what):
    said = beside(values, units=True)
    assert said.startswith(what)
    assert bool(said) == bool(what)
