"""What a model's inputs and outputs are outside of it, in files and as arrays."""

from collections import Counter

import numpy as np
import pandas
import pytest
from PIL import Image

import fastnn
from fastnn import saving
from fastnn.data.schema import Arrays, Columns, Images, Schema, Target, one_way
from fastnn.data.sheets import read_sheet
from fastnn.errors import DataFileError, DTypeError
from fastnn.layers import Dense

COLUMNS = Columns(True, ["n", "kind", "m"], [2.5, None, 0.0], {"kind": ["", "a", "b"]})
NUMBERS = Target("numbers", ["y"], [])
CLASSES = Target("classes", ["y"], [["1", "2", "x"]])
LABELS = Target("labels", ["p", "q"], [["no", "yes"], ["0", "1"]])


def write(tmp_path, text):
    (tmp_path / "a.csv").write_text(text)
    return tmp_path / "a.csv"


def test_columns_become_features_in_their_order_whatever_that_of_the_file(tmp_path):
    path = write(tmp_path, "more,m,kind,n\n?,1,b,3\n?,?,c,inf\n?,-1,,\n")
    notes = []
    x = COLUMNS.read(path, notes.append)
    expected = [[3, 0, 0, 1, 1], [2.5, 0, 0, 0, 0], [2.5, 1, 0, 0, -1]]
    assert np.array_equal(x, expected)
    assert COLUMNS.shape == (5,)
    assert COLUMNS.features == ["n", "kind=(missing)", "kind=a", "kind=b", "m"]
    assert [note.split(":")[0] for note in notes] == ["n", "n", "kind", "m"]
    assert "1 number infinite" in notes[0]
    assert "2 missing, taken as 2.5" in notes[1]
    assert "1 word " in notes[2]
    assert "'c'" in notes[2]


def test_a_word_stands_for_a_missing_one(tmp_path):
    columns = Columns(True, ["kind"], [None], {"kind": ["a", "b"]}, gaps={"kind": "b"})
    assert columns.read(write(tmp_path, "kind;x\n;1\na;2\nc;3\n")).tolist() == [
        [0, 1],
        [1, 0],
        [0, 0],
    ]
    schema = Schema(columns, CLASSES)
    config = schema.get_config()
    assert Schema.from_config(config) == schema
    del config["inputs"]["Columns"]["gaps"]  # as files were before
    assert Schema.from_config(config).inputs.gaps == {}


def test_a_word_among_numbers_is_told_with_its_line(tmp_path):
    notes = []
    path = write(tmp_path, "n,kind,m\n1,a,1\nmany,a,1_0\n")
    x = COLUMNS.read(path, notes.append)
    assert x[1, 0] == 2.5
    assert x[1, 4] == 0
    assert "'many' in line 3" in notes[0]
    assert "'1_0' in line 3" in notes[2]


@pytest.mark.parametrize("words", [["FALSE", "TRUE"], ["False", "True"], ["", "f", "true"]])
def test_truth_may_be_written_otherwise(tmp_path, words):
    columns = Columns(True, ["flag"], [None], {"flag": [w.replace("f", "false") for w in words]})
    expected = np.eye(len(words))[[-1, -2, -1, -2, -1, -2]]
    path = write(tmp_path, "flag;n\nTRUE;1\nfalse;1\nTrue;1\nFALSE;1\n1;1\n0;1\n")
    notes = []
    assert columns.read(path, notes.append).tolist() == expected.tolist()
    assert columns.read(pandas.DataFrame({"flag": [True, False] * 3})).tolist() == expected.tolist()
    assert not notes
    told = Target("binary", ["flag"], [["FALSE", "TRUE"]]).encode(read_sheet(path))
    assert told[:, 0].tolist() == [1, 0] * 3
    numbers = Columns(True, ["flag"], [0.5], {}).read(path)
    assert numbers[:, 0].tolist() == [1, 0] * 3


def test_truth_is_a_word_like_any_other_among_others(tmp_path):
    columns = Columns(True, ["flag"], [None], {"flag": ["TRUE", "maybe"]})
    path = write(tmp_path, "flag;n\ntrue;1\n1;1\nTRUE;1\n")
    assert columns.read(path).tolist() == [[0, 0], [0, 0], [1, 0]]


def test_only_codes_are_written_in_one_way():
    for words in (
        {"1": 9, "1.0": 9, "b": 1},
        {"1": 9, "01": 9, "x": 9},
        {"7": 5, "07": 5, "12": 5},
    ):
        assert one_way(Counter(words)) == Counter(words)
    assert one_way(Counter({"01067": 18, "1067": 1, "80331": 9})) == {"01067": 19, "80331": 9}


def test_codes_are_known_without_their_zeros(tmp_path):
    """As pandas reads them; but those that are words themselves."""
    columns = Columns(True, ["zip"], [None], {"zip": ["01067", "07", "7", "80331"]})
    path = write(tmp_path, "zip;n\n01067;1\n1067;1\n07;1\n7;1\n80331.0;1\n")
    assert columns.read(path).argmax(axis=1).tolist() == [0, 0, 1, 2, 3]
    frame = pandas.read_csv(path, sep=";")
    assert columns.read(frame).argmax(axis=1).tolist() == [0, 0, 2, 2, 3]


def test_the_sign_of_the_training_is_known_in_any_row(tmp_path):
    columns = Columns(True, ["mass", "n"], [0.0, 0.0], {}, signs={"mass": "kg"})
    schema = Schema(columns, NUMBERS)
    assert Schema.from_config(schema.get_config()) == schema
    config = schema.get_config()
    del config["inputs"]["Columns"]["signs"]  # as files were before
    assert Schema.from_config(config).inputs.signs == {}
    path, notes = write(tmp_path, "mass;n\n70 kg;1\n71;1\n72kg;2\n5 lb;2\n"), []
    assert columns.read(path, notes.append)[:, 0].tolist() == [70, 71, 72, 0]
    assert "mass: 1 value not a number, such as '5 lb' in line 5" in notes[1]
    frame = pandas.DataFrame({"mass": ["70 kg", "71"], "n": [1, 2]})
    assert columns.read(frame)[:, 0].tolist() == [70, 71]


def test_signs_of_one_and_of_several_are_one(tmp_path):
    columns = Columns(True, ["age", "w"], [0.0, 0.0], {}, signs={"age": "years", "w": "lb"})
    path = write(tmp_path, "age;w\n1 year;1e1 lb\n30 years;2.5e+02 lbs\n")
    assert columns.read(path, pytest.fail).tolist() == [[1, 10], [30, 250]]
    path = write(tmp_path, "age;w\n1 year;1 lbs\n1 year;2 lbs\n")
    assert columns.read(path, pytest.fail).tolist() == [[1, 1], [1, 2]]


@pytest.mark.parametrize(
    ("usual", "sign", "same"),
    [
        ("sq ft", "SQ FT", True),
        ("sq ft", "sq. ft", True),
        ("lbs", "LB", True),
        ("years old", "year old", True),
        ("inches", "inch", True),
        ("mins ago", "Min ago", True),
        ("MB/s", "Mb/s", False),
        ("mW", "MW", False),
        ("mWh", "MWh", False),
        ("Mb", "MB", False),
        ("mA", "mAs", False),
    ],
)
def test_a_unit_is_one_however_it_is_written(tmp_path, usual, sign, same):
    columns = Columns(True, ["q"], [0.0], {}, signs={"q": usual})
    paths = [tmp_path / name for name in ("all.csv", "some.csv")]
    paths[0].write_text(f"q,n\n1 {sign},1\n2 {sign},1\n")
    paths[1].write_text(f"q,n\n1 {usual},1\n2 {usual},1\n3 {sign},1\n")
    if same:
        assert columns.read(paths[0], pytest.fail).tolist() == [[1], [2]]
        assert columns.read(paths[1], pytest.fail).tolist() == [[1], [2], [3]]
        return
    with pytest.raises(DataFileError, match="trained on numbers with"):
        columns.read(paths[0])
    assert columns.read(paths[1]).tolist() == [[1], [2], [0]]


def test_units_of_one_letter_are_two_in_capitals(tmp_path):
    columns = Columns(True, ["q"], [0.0], {}, signs={"q": "M"})  # as files of others may have it
    with pytest.raises(DataFileError, match=r"q: numbers with m, .* trained on numbers with M;"):
        columns.read(write(tmp_path, "q,n\n1 m,1\n2 m,1\n"))


def test_a_word_behind_a_number_is_no_other_unit(tmp_path):
    columns, notes = Columns(True, ["w"], [9.0], {}, signs={"w": "kg"}), []
    columns.read(write(tmp_path, "w;n\n5 kg;1\n12 unknown;1\n"), notes.append)
    assert notes[0] == "w: 1 value not a number, such as '12 unknown' in line 3: missing"
    with pytest.raises(DataFileError, match="'12 unknown' in line 3; the model takes numbers"):
        columns.read(write(tmp_path, "w;n\n5 kg;1\n12 unknown;1\n7 unsure;1\n"))


def test_numbers_in_two_units_are_named(tmp_path):
    columns = Columns(True, ["w"], [9.0], {}, signs={"w": "kg"})
    path, notes = write(tmp_path, "w;n\n5 kg;1\n11 lb;1\n6;1\n7 kg;2\n"), []
    assert columns.read(path, notes.append).tolist() == [[5], [9], [6], [7]]
    assert notes[:2] == [
        "w: 1 number without the kg of the training, taken as if with it",
        "w: 1 value not a number, such as '11 lb' in line 3, where others are in kg: missing",
    ]
    notes.clear()
    columns.read(write(tmp_path, "w;n\n5 kg;1\n?;1\nk.A.;1\n11 lb;1\n7;2\n8;2\n"), notes.append)
    assert "w: 2 values not a number, such as '11 lb' in line 5, where others are in" in notes[1]
    notes.clear()
    with pytest.raises(DataFileError, match="2 of 2 values are no numbers, such as 'five kg'"):
        columns.read(write(tmp_path, "w;n\nfive kg;1\neleven kg;1\n"), notes.append)
    assert notes == []


@pytest.mark.parametrize("ways", [["TRUE", "true", "True", "1"], ["1", "true"]])
def test_truth_is_one_word_however_it_is_written(tmp_path, ways):
    columns = Columns(True, ["on"], [None], {"on": [ways[0], "false"]})
    path = write(tmp_path, "on;x\n" + "".join(f"{way};1\n" for way in [*ways, "FALSE", "0"]))
    assert columns.read(path, pytest.fail)[:, 0].tolist() == [1] * len(ways) + [0, 0]


def test_what_is_missing_is_no_word(tmp_path):
    notes = []
    path = write(tmp_path, "n,kind,m\n1,c,1\n2,,1\n3,,1\n")
    columns = Columns(True, ["kind"], [None], {"kind": ["a", "b"]})
    columns.read(path, notes.append)
    assert notes == [
        "kind: 1 word that the model does not know, such as 'c'",
        "kind: 2 missing, as none was in the training",
    ]
    notes.clear()
    columns.read(write(tmp_path, "n,kind,m\n1,a,1\n2,NA,1\n3,null,1\n"), notes.append)
    assert notes == ["kind: 2 missing, as none was in the training"]


def test_rows_of_a_frame_are_named_by_their_places_and_empty_columns_are_told():
    schema = Schema(Columns(True, ["a", "b"], [0.0, 7.0], {}), NUMBERS)
    frame = pandas.DataFrame({"a": ["x", "1", "2"], "b": [np.nan] * 3})
    with pytest.warns(UserWarning, match="read: ") as caught:
        assert schema.read(frame).tolist() == [[0, 7], [1, 7], [2, 7]]
    assert [str(each.message) for each in caught] == [
        "read: a: 1 value not a number, such as 'x' in row 0: missing",
        "read: b: 3 missing, taken as 7, usual in the training",
    ]


def test_another_sign_than_that_of_the_training_is_told(tmp_path):
    columns = Columns(True, ["mass", "n"], [0.0, 0.0], {}, signs={"mass": "kg", "y": "$"})
    with pytest.raises(DataFileError, match=r"mass: numbers with lb, .* trained .* with kg; conve"):
        columns.read(write(tmp_path, "mass;n\n70 lb;1\n71 lb;1\n"))
    path, notes = write(tmp_path, "mass;n;y\n70;5 %;3 €\n71;7 %;4\n"), []
    assert columns.read(path, notes.append).tolist() == [[70, 5], [71, 7]]
    assert [note.split(",")[0] for note in notes] == [
        "mass: numbers without the kg of the training",
        "n: numbers are read without their %",
    ]
    with pytest.raises(DataFileError, match=r"y: numbers with €, .* with \$; convert them"):
        columns.check_sign("y", columns.sheet(path))


def test_what_is_no_surprise_is_not_warned_of(tmp_path):
    schema = Schema(COLUMNS, NUMBERS)
    schema.read(write(tmp_path, "n,kind,m\n,a,1\n2,,1\n"))
    path = write(tmp_path, "n,kind,m\n1,c,1\n2,a,tbd\n3,a,1\n")
    with pytest.warns(UserWarning, match="read: ") as caught:
        schema.read(path)
    assert [str(each.message).split(",")[0] for each in caught] == [
        "read: kind: 1 word that the model does not know",
        "read: m: 1 value not a number",
    ]
    assert {each.filename for each in caught} == {__file__}


def test_gaps_where_the_training_had_none_are_warned_of(tmp_path):
    columns = Columns(True, ["n", "m"], [2.5, 0.0], {}, complete=["n"])
    schema = Schema(columns, NUMBERS)
    with pytest.warns(UserWarning, match="read: ") as caught:
        schema.read(write(tmp_path, "n,m\n,1\n2,\n"))
    assert [str(each.message) for each in caught] == [
        "read: n: 1 missing, taken as 2.5, usual in the training, where none was missing"
    ]
    config = schema.get_config()
    assert Schema.from_config(config) == schema
    del config["inputs"]["Columns"]["complete"]  # as files were before
    assert Schema.from_config(config).inputs.complete == []
    with pytest.raises(ValueError, match="without missing numbers is none of numbers"):
        Columns(True, ["kind"], [None], {"kind": ["a"]}, complete=["kind"])


def test_words_that_are_unknown_are_counted_once():
    columns, notes = Columns(True, ["kind"], [None], {"kind": ["a"]}), []
    columns.encode(columns.sheet(pandas.DataFrame({"kind": ["b"] * 3 + ["c", "a"]})), notes.append)
    assert notes == ["kind: 2 words in 4 rows that the model does not know, such as 'b'"]


@pytest.mark.parametrize(
    ("words", "texts", "places"),
    [
        (["", "a"], ["a", "NA", "null", ""], [1, 0, 0, 0]),
        (["NA", "a"], ["a", "NA"], [1, 0]),
        (["EU", "NA", ""], ["", "NA", "n/a", "EU"], [2, 1, 2, 0]),
        (["NA", "a", "none"], ["none", "NA", "a"], [2, 0, 1]),
        (["", "NA", "a"], ["NA", "", "?"], [1, 0, 0]),
    ],
)
def test_what_stands_for_no_word_is_none(words, texts, places):
    columns = Columns(True, ["kind"], [None], {"kind": words})
    found = columns.read(pandas.DataFrame({"kind": texts}), pytest.fail)
    assert found.argmax(axis=1).tolist() == places
    assert found.sum(axis=1).tolist() == [1] * len(texts)


def test_what_stands_for_no_word_is_no_other_word(tmp_path):
    path, notes = write(tmp_path, "kind;n\nNA;1\n;1\n?;1\nn/a;1\n"), []
    columns = Columns(True, ["kind"], [None], {"kind": ["NA", "null", "a"]})
    assert columns.read(path, notes.append).tolist() == [[1, 0, 0], *[[0, 0, 0]] * 3]
    assert notes == ["kind: 3 missing, as none was in the training"]
    columns = Columns(
        True, ["kind"], [None], {"kind": ["NA", "a"]}
    )  # the only one, as pandas reads
    assert columns.read(path, pytest.fail).tolist() == [[1, 0]] * 4
    assert columns.read(pandas.read_csv(path, sep=";"), pytest.fail).tolist() == [[1, 0]] * 4
    columns = Columns(True, ["kind"], [None], {"kind": ["None", "a"]})
    frame = pandas.DataFrame({"kind": [None, "a"]})
    assert columns.read(frame, pytest.fail).tolist() == [[1, 0], [0, 1]]
    assert columns.read(path).tolist() == [[0, 0]] * 4
    columns = Columns(True, ["kind"], [None], {"kind": ["a", "b"]}, gaps={"kind": "b"})
    assert columns.read(path).tolist() == [[0, 0], [0, 1], [0, 0], [0, 0]]  # as of a pipeline


def test_truth_in_place_of_numbers_is_told():
    frame, notes = pandas.DataFrame({"area": [True, False], "on": [True, False]}), []
    found = Columns(True, ["area", "on"], [112.0, 0.25], {}).read(frame, notes.append)
    assert found.tolist() == [[1, 1], [0, 0]]
    assert notes == [
        "area: 2 values true or false, where the model takes numbers: taken as 1 and 0"
    ]


def test_a_word_without_a_feature_is_known(tmp_path):
    words = {"kind": ["a", "b"]}
    columns = Columns(True, ["kind"], [None], words, gaps={"kind": "c"}, dropped={"kind": "c"})
    notes = []
    x = columns.read(write(tmp_path, "kind;x\nc;1\n;1\nb;2\nd;3\n"), notes.append)
    assert x.tolist() == [[0, 0], [0, 0], [0, 1], [0, 0]]
    assert notes == ["kind: 1 word that the model does not know, such as 'd'"]


def test_a_column_that_is_mostly_words_is_refused(tmp_path):
    with pytest.raises(DataFileError, match="n: 2 of 3 values are no numbers, such as 'k' in li"):
        COLUMNS.read(write(tmp_path, "n,kind,m\n1,a,1\nk,a,2\n,a,3\nl,a,4\n"))
    with pytest.raises(DataFileError, match="y: 1 of 1 values are no numbers, such as 'q' in line"):
        NUMBERS.encode(read_sheet(write(tmp_path, "y,z\nq,1\n?,2\n")))


@pytest.mark.parametrize(("decimal", "expected"), [(",", 1250), (".", 1.25), ("", 1.25)])
def test_numbers_that_can_be_read_in_two_ways_are_read_as_in_the_training(
    tmp_path, decimal, expected
):
    columns = Columns(True, ["n"], [0.0], {}, decimal)
    assert columns.read(write(tmp_path, "n;o\n1.250;7\n")) == [[expected]]
    schema = Schema(columns, NUMBERS)
    assert Schema.from_config(schema.get_config()) == schema


@pytest.mark.parametrize(
    ("decimal", "size", "text", "expected", "guessed"),
    [
        (",", 25, "n,o\n12.345,7\n", 12.345, False),
        (",", 25, "n;o\n12.345;7\n", 12.345, True),
        (",", 25, "n;o\n12,345;7\n", 12.345, False),
        (",", 2500, "n,o\n1.485,7\n", 1485, False),
        (",", 2500, "n;o\n1.485;7\n", 1485, False),
        (".", 2500, "n;o\n1.485;7\n", 1485, True),
        (".", 2500, "n,o\n1.485,7\n", 1.485, True),
        (".", 25, 'n,o\n"12,345",7\n', 12.345, True),
        (".", 25, "n;o\n12.345;7\n", 12.345, False),
        ("", 2500, "n;o\n1.485;7\n", 1485, True),
        ("", 25, "n;o\n12.345;7\n", 12.345, False),  # the training had points, or nothing
        (",", 100, "n;o\n1.485;7\n", 1485, True),  # too few for 1485, too many for 1.485
        (",", 100, "n,o\n1.485,7\n", 1.485, False),
        (",", None, "n;o\n1.485;7\n", 1485, True),
        (",", None, "n,o\n1.485,7\n", 1.485, False),
        (",", None, "n\n1.485\n", 1485, True),  # here commas separate nothing
        (",", 25, "n;o\n12.345;7,5\n", 12345, True),
        (".", 25, "n;o\n12.345;7.5\n", 12.345, False),
    ],
)
def test_what_can_be_read_in_two_ways_is_as_large_as_in_the_training_or_told(
    tmp_path, decimal, size, text, expected, guessed
):
    sizes = {} if size is None else {"n": size}
    columns = Columns(True, ["n"], [0.0], {}, decimal, sizes=sizes)
    notes = []
    assert columns.read(write(tmp_path, text), notes.append) == [[expected]]
    assert ["which is a guess; write " in note for note in notes] == [True] * guessed


def test_how_large_numbers_were_is_kept_and_checked():
    schema = Schema(Columns(True, ["n"], [0.0], {}, sizes={"n": 2.5, "y": 3}), NUMBERS)
    config = schema.get_config()
    assert Schema.from_config(config) == schema
    for wrong in ({"n": "2"}, {"n": -1.0}, {"n": float("nan")}, {"n": float("inf")}):
        config["inputs"]["Columns"]["sizes"] = wrong
        with pytest.raises(ValueError, match="schema: "):
            Schema.from_config(config)
    del config["inputs"]["Columns"]["sizes"]  # as files were before
    assert Schema.from_config(config).inputs.sizes == {}


def test_columns_without_names_go_by_their_place(tmp_path):
    columns = Columns(False, ["1", "0"], [0.0, 0.0], {})
    assert columns.read(write(tmp_path, "1,0\n3,4\n")).tolist() == [[0, 1], [4, 3]]
    notes = []
    found = columns.read(write(tmp_path, "a,b\n3,4\n"), notes.append)
    assert found.tolist() == [[4, 3]]
    assert "its first line has names, of which the model knows none" in notes[0]
    for first in ("?,b", "a,a", "a,7"):  # no names
        assert len(columns.read(write(tmp_path, f"{first}\n3,4\n"))) == 2
    columns = Columns(False, ["0", "1"], [0.0, None], {"1": ["red", "blue"]})
    for first, rows in (("size,colour", 1), ("k.A.,red", 2), ("k.A.,", 2)):
        assert len(columns.read(write(tmp_path, f"{first}\n3,blue\n"))) == rows


def test_a_missing_column_is_named(tmp_path):
    with pytest.raises(DataFileError, match="there are no columns kind, m, which the model takes"):
        COLUMNS.read(write(tmp_path, "n,o\n1,2\n"))
    with pytest.raises(DataFileError, match="there is no column m, which the model takes"):
        COLUMNS.read(write(tmp_path, "n,kind\n1,2\n"))
    with pytest.raises(DataFileError, match="the first line has numbers and no names: put these b"):
        COLUMNS.read(write(tmp_path, "3,red,2\n1,blue,2\n"))
    with pytest.raises(DataFileError, match="takes; if 'Kind' is 'kind', rename it; there are n,"):
        COLUMNS.read(write(tmp_path, "n,Kind,m\n1,2,3\n"))
    with pytest.raises(DataFileError, match="no row under the names"):
        COLUMNS.read(write(tmp_path, "n,kind,m\n"))
    with pytest.raises(
        DataFileError, match="with; if another column is it, rename that to 'y'; there are n"
    ):
        NUMBERS.encode(read_sheet(write(tmp_path, "n\n1\n")))
    with pytest.raises(DataFileError, match="compare with; if 'Y' is 'y', rename it; there are Y"):
        NUMBERS.encode(read_sheet(write(tmp_path, "Y\n1\n")))


def test_targets(tmp_path):
    sheet = read_sheet(write(tmp_path, "y,p,q\n1.0,no,1\nx,yes,0.0\n7,,1\n"))
    notes = []
    assert np.array_equal(CLASSES.encode(sheet, notes.append), [[0], [2], [np.nan]], equal_nan=True)
    assert notes == ["y: 1 row has none of the model's classes (1 '7'): left out"]
    found = LABELS.encode(sheet)
    assert np.array_equal(found, [[0, 1], [1, 0], [np.nan, 1]], equal_nan=True)
    assert LABELS.answers(np.array([[0.2, 0.9], [0.6, 0.1]])) == [["no", "yes"], ["1", "0"]]
    assert CLASSES.answers(np.array([[0.2, 0.5, 0.3]])) == [["2"]]
    assert NUMBERS.answers(np.array([[0.25], [np.nan]]))[0][0] == 0.25
    assert LABELS.outputs == ["p=yes", "q=1"]
    assert (CLASSES.units, LABELS.units, NUMBERS.units) == (3, 2, 1)


def test_arrays(tmp_path):
    inputs = Arrays("x", [4, 4, 1], "y")
    np.savez(tmp_path / "a.npz", x=np.ones((2, 4, 4)), y=[0, 1])
    assert inputs.read(tmp_path / "a.npz").shape == (2, 4, 4, 1)
    np.savez(tmp_path / "b.npz", other=np.ones((3, 4, 4, 1)))
    assert inputs.read(tmp_path / "b.npz").shape == (3, 4, 4, 1)
    np.savez(tmp_path / "c.npz", x=np.ones((3, 5)))
    with pytest.raises(DataFileError, match=r"shape \(3, 5\), the model takes \(rows, 4, 4, 1\)"):
        inputs.read(tmp_path / "c.npz")
    np.savez(tmp_path / "d.npz", a=[1], b=[2])
    with pytest.raises(DataFileError, match="no array 'x'; there are a, b"):
        inputs.read(tmp_path / "d.npz")
    assert Arrays("x", [2], "y").features == ["x[0]", "x[1]"]


def test_images(tmp_path):
    (tmp_path / "a").mkdir()
    for name, level in (("a/1.png", 10), ("0.png", 200)):
        Image.new("RGB", (7, 5), (level,) * 3).save(tmp_path / name)
    inputs = Images(2, 3, "grayscale")
    x = inputs.read(tmp_path)
    assert x.dtype == np.uint8
    assert x[:, 0, 0, 0].tolist() == [200, 10]
    assert x.shape == (2, *inputs.shape)
    assert inputs.read(tmp_path / "a" / "1.png").shape == (1, 2, 3, 1)
    (tmp_path / "none").mkdir()
    with pytest.raises(FileNotFoundError, match="has no image"):
        inputs.read(tmp_path / "none")


def tiny():
    fastnn.set_seed(3)
    model = fastnn.Sequential([fastnn.Input((5,)), Dense(3, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


@pytest.mark.parametrize("inputs", [COLUMNS, Arrays("x", [5], "y")])
def test_a_model_file_keeps_the_schema(tmp_path, inputs):
    model = tiny()
    plain = saving.to_bytes(model)
    model.schema = Schema(inputs, CLASSES)
    model.save(tmp_path / "m")
    read = fastnn.models.load_model(tmp_path / "m")
    assert read.schema == model.schema
    assert saving.to_bytes(read) == (tmp_path / "m").read_bytes()
    assert fastnn.models.load_model(tmp_path / "m", compile=False).schema == model.schema
    model.load_weights(tmp_path / "m")
    read.schema = None
    assert saving.to_bytes(read) == plain


def test_words_given_to_a_model_with_a_schema_bring_its_reader_to_mind():
    model, words = tiny(), [["a"] * 5]
    with pytest.raises(DTypeError, match=r"makes numbers of names$"):
        model.predict(words)
    model.schema = Schema(COLUMNS, CLASSES)
    with pytest.raises(DTypeError, match=r"dtype <U1; model\.schema\.read\(x\) makes samples of"):
        model.predict(words)


def test_a_file_without_a_schema_gives_a_model_without_one():
    assert saving.from_bytes(saving.to_bytes(tiny())).schema is None


@pytest.mark.parametrize("schema", [Schema(COLUMNS, NUMBERS), Schema(Images(1, 1, "rgb"), CLASSES)])
def test_a_schema_of_another_model_is_not_written(tmp_path, schema):
    model = tiny()
    model.schema = schema
    with pytest.raises(ValueError, match="schema: it is of a model that"):
        model.save(tmp_path / "m")
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize("mark", [",", "."])
def test_texts_of_a_frame_are_read_as_those_of_the_training(tmp_path, mark):
    """Numbers of a frame say nothing of how its texts are written."""
    sizes = {"p": 9000 if mark == "," else 9}
    columns = Columns(True, ["a", "p"], [0.0, 0.0], {}, mark, signs={"p": "€"}, sizes=sizes)
    frame = pandas.DataFrame({"a": [0.25, 11.401], "p": ["11.401 €", "7.250 €"]})
    found = columns.read(frame, pytest.fail)
    assert found[:, 0].tolist() == [0.25, 11.401]
    assert found[:, 1].tolist() == ([11401, 7250] if mark == "," else [11.401, 7.25])
    told = pandas.DataFrame({"a": [1, 2], "p": ["11.401 €", "7,25 €"]})
    assert columns.read(told, pytest.fail)[:, 1].tolist() == [11401, 7.25]


def test_numbers_beside_texts_are_those_that_they_are():
    columns = Columns(True, ["p"], [0.0], {}, ",", signs={"p": "€"})
    values = [11.401, "7,25 €", "1.250 €", np.float32(2.125), -0.5, 3, None, *[0.25] * 9]
    found = columns.read(pandas.DataFrame({"p": pandas.Series(values, dtype=object)}))
    assert found[:, 0].tolist() == [11.401, 7.25, 1250, 2.125, -0.5, 3, 0, *[0.25] * 9]


def test_the_minus_that_people_print_is_one(tmp_path):
    columns = Columns(True, ["a", "b"], [0.0, None], {"b": ["\u2212", "\u2212x"]})
    path = write(tmp_path, "a,b\n\u22121.5,\u2212\n\u2212.5,\u2212x\n2,\u2212\n")
    assert columns.read(path, pytest.fail).tolist() == [[-1.5, 1, 0], [-0.5, 0, 1], [2, 1, 0]]


def test_infinite_numbers_are_missing_and_told(tmp_path):
    notes = []
    columns = Columns(True, ["a"], [3.0], {})
    for text in ("a,b\n1,1\ninf,1\n", "a,b\n1,1\n-1e999,1\nx,1\n1,1\n"):
        columns.read(write(tmp_path, text), notes.append)
        assert "a: 1 number infinite, such as that in line 3: missing" in notes


def test_units_are_of_any_length(tmp_path):
    path, notes = write(tmp_path, "q,b\n12.3 months,1\n1 month,1\n"), []
    columns = Columns(True, ["q"], [3.0], {}, signs={"q": "months"})
    assert columns.read(path, pytest.fail).tolist() == [[12.3], [1]]
    with pytest.raises(
        DataFileError, match=r"q: numbers with month.*, .* with years; convert them"
    ):
        Columns(True, ["q"], [3.0], {}, signs={"q": "years"}).read(path, notes.append)
    path = write(tmp_path, "q,b\n3 y,1\n1 y,1\n")
    with pytest.raises(DataFileError, match=r"'3 y' in line 2; .* trained on numbers with years"):
        Columns(True, ["q"], [3.0], {}, signs={"q": "years"}).read(path)


def test_a_word_that_differs_in_capitals_is_told_with_the_known_one():
    inputs = Columns(True, ["city"], [None], {"city": ["Berlin", "Rome"]})
    schema = Schema(inputs, Target("numbers", ["y"], []))
    with pytest.warns(UserWarning, match=r"such as 'berlin'; did you mean 'Berlin'\?"):
        schema.read(pandas.DataFrame({"city": ["Ulm", "berlin", "Bern"]}))
    with pytest.warns(UserWarning, match="such as 'Ulm'$"):
        schema.read(pandas.DataFrame({"city": ["Ulm", "Bern"]}))


def test_a_number_that_nothing_stands_for_is_refused(tmp_path):
    columns = Columns(True, ["n", "flag"], [None, 0.5], {})
    schema = Schema(columns, Target("numbers", ["y"], []))
    assert Schema.from_config(schema.get_config()) == schema
    assert columns.meanings == ["n", "flag (0.5 if missing)"]
    (tmp_path / "a.csv").write_text("n,flag\n7,1\n,1\n")
    with pytest.raises(DataFileError, match="n: 1 number missing, such as that in line 3, and"):
        schema.read(tmp_path / "a.csv")
