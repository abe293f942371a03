"""The command `fastnn` on files of data: train, predict, evaluate, explain."""

import csv
import io
import json
import os
import pty
import re
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import numpy as np
import onnxruntime
import pandas
import pytest
from PIL import Image

import fastnn
from fastnn import saving
from fastnn.cli import keeping, main, pictures, planning, scores, sizes, sources
from fastnn.data.schema import Schema, Target

RNG = np.random.default_rng(5)
BEGIN = RNG.bit_generator.state
ROWS = 160


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    """Each test in a folder of its own, with the same random numbers whatever ran before."""
    monkeypatch.chdir(tmp_path)
    RNG.bit_generator.state = BEGIN
    yield
    fastnn.set_num_threads(None)


def write(name, rows, **options):
    with open(name, "w", newline="", encoding=options.pop("encoding", "utf-8")) as file:
        csv.writer(file, **options).writerows(rows)


def houses(rows=ROWS):
    """Houses: an id, a number with gaps, words, a constant, remarks; and the price."""
    yield ["house_id", "area", "city", "garden", "country", "floors", "remark", "price"]
    ids = RNG.permutation(rows) + 1000
    for i in range(rows):
        area, city, garden = RNG.normal(100, 30), RNG.choice(["Ulm", "Köln"]), RNG.random() < 0.5
        price = 2000 * area + 50_000 * (city == "Ulm") + 30_000 * garden
        shown = "" if i % 20 == 7 else f"{area:.1f}"
        yield [
            ids[i],
            shown,
            city,
            "yes" if garden else "no",
            "EU",
            1,
            f"see, {i}",
            f"{price:.0f}",
        ]


def flowers(rows=ROWS):
    """Flowers: two numbers, and which of three kinds it is."""
    yield ["long", "wide", "kind"]
    for _ in range(rows):
        kind = RNG.integers(3)
        yield [*np.round(RNG.normal(2 * kind, 0.8, 2), 3), ["iris", "rose", "tulip"][kind]]


def run(capsys, *words, code=0):
    assert main([str(word) for word in words]) == code
    return capsys.readouterr()


def told(capsys, *words):
    return json.loads(run(capsys, *words, "--json").out)


def table(text):
    return list(csv.reader(io.StringIO(text)))


# ---- a table -------------------------------------------------------------------------------------


def test_numbers_are_learnt_from_an_untidy_table_and_told_of_another(capsys):
    write("a.csv", houses())
    said = run(capsys, "train", "a.csv", "--target", "price", "--save", "m.fastnn").out
    for line in (
        "regression: price is numbers",
        "house_id: it looks like an id",
        "country: it is the same in all rows",
        "floors: it is the same in all rows",
        "remark: 128 different words in 128 rows",
        "city (2), garden (2): a feature each",
        "area: 8 missing, taken as ",
        "128 rows to train on, 32 held out",
        "5 - 32 - 16 - 1",
        "model in m.fastnn",
    ):
        assert line in said
    # one row, other columns in another order, separated otherwise, an unknown word, a gap
    Path("b.csv").write_text("garden;more;city;area\nyes;1;Bonn;\nno;1;Ulm;100,0\n")
    found = run(capsys, "predict", "m.fastnn", "b.csv")
    (name,), *rows = table(found.out)
    assert name == "price"
    said = run(capsys, "predict", "m.fastnn", "b.csv", "--out", "predictions.csv").out
    assert said == "2 rows in predictions.csv\n"
    assert table(Path("predictions.csv").read_text()) == [[name], *rows]
    assert abs(float(rows[1][0]) - 250_000) < 50_000
    model = fastnn.models.load_model("m.fastnn")
    with pytest.warns(UserWarning, match="read: city: 1 word that the model does not know"):
        samples = model.schema.read("b.csv")
    assert model.schema.inputs.complete == []  # area had gaps, and is all of the numbers
    exact = model.predict(samples)[:, 0]
    assert [text for (text,) in rows] == [str(each) for each in exact]  # no digit too many
    assert np.array_equal(np.array(rows, np.float32)[:, 0], exact)
    assert "area: 1 missing" in found.err
    assert "city: 1 word that the model does not know, such as 'Bonn'" in found.err
    scale = fastnn.models.load_model("m.fastnn").layers[0]
    assert scale.mean.value[1:].tolist() == [0] * 4  # indicators stay as they are
    assert scale.variance.value[1:].tolist() == [1] * 4
    assert scale.mean.value[0] == pytest.approx(100, abs=10)
    scores = told(capsys, "evaluate", "m.fastnn", "a.csv")["scores"]
    assert scores["r2"] > 0.8
    assert scores["rmse"] < 40_000


def test_the_same_table_in_other_dresses_is_the_same_model(capsys):
    rows = list(houses())
    write("a.csv", rows)
    write("b.csv", [[str(v).replace(".", ",") for v in row] for row in rows], delimiter=";")
    write("c.csv", rows, delimiter="\t", encoding="utf-16", quoting=csv.QUOTE_ALL)
    write("d.csv", rows, encoding="cp1252", lineterminator="\r\n")
    Path("e.csv").write_bytes(b"\xef\xbb\xbf" + Path("a.csv").read_bytes() + b"\n,,,,,,,\n")
    weights = []
    for name in "abcde":
        words = ["--target", "price", "--epochs", "2", "--save", name]
        run(capsys, "train", f"{name}.csv", *words)
        weights.append(fastnn.models.load_model(name).get_weights())
    for other in weights[1:]:
        assert all(map(np.array_equal, weights[0], other))


def test_a_value_like_the_target_makes_no_names(capsys):
    rows = [[i % 2, i % 2 + RNG.random()] for i in range(60)]
    write("a.csv", rows)
    words = ["--target", "0", "--epochs", "1", "--save", "m"]
    said = run(capsys, "train", "a.csv", *words).out
    assert "a.csv: 60 rows, 2 columns; no header: columns are 0, 1, ...\n" in said
    assert len(table(run(capsys, "predict", "m", "a.csv").out)) == 1 + 60
    write("b.csv", [["0", "1", "2"], *([*row, 1] for row in rows)])
    said = run(capsys, "train", "b.csv", *words).out
    assert "b.csv: 60 rows, 3 columns\n" in said
    write("c.csv", [["1"], *([row[1]] for row in rows)])
    assert len(table(run(capsys, "predict", "m", "c.csv").out)) == 1 + 60


def test_dates_gaps_among_words_and_numbers_without_squares_are_named(capsys):
    rows = [
        [f"20{i % 90 + 10}-{i % 12 + 1:02}-{i % 28 + 1:02}", "ab"[i % 2] if i % 3 else "", i * 1e36]
        for i in range(ROWS)
    ]
    prices = [*range(ROWS - 2), "inf", "-inf"]
    table = [[*row, i % 7, price] for i, (row, price) in enumerate(zip(rows, prices, strict=True))]
    write("a.csv", [["sold", "kind", "stars", "rooms", "price"], *table])
    options = ["--target", "price", "--epochs", "1", "--keep", "stars"]
    said = run(capsys, "train", "a.csv", *options).out
    assert "sold: dates, such as '20" in said
    assert "kind (2 and missing): a feature each" in said
    assert "stars: numbers up to 1.57e+38, whose squares are beyond the range of float32" in said
    assert "2 rows without price" in said
    assert "nan" not in said


def test_a_word_among_numbers_spoils_no_other_whatever_their_marks(capsys):
    prices = [round(RNG.uniform(100, 3000), 2) for _ in range(ROWS)]
    english = [f"{price:,.2f}" for price in prices]
    german = [text.translate(str.maketrans(".,", ",.")) for text in english]
    for shown, word, options in (
        (english, "tbd", {}),
        (german, "k.A.", {"delimiter": ";"}),
        (german, "abc", {}),
    ):
        rows = [[word if i % 20 == 3 else text, 2 * prices[i]] for i, text in enumerate(shown)]
        write("a.csv", [["price", "y"], *rows], **options)
        words = ["train", "a.csv", "--target", "y", "--epochs", "1", "--save", "m"]
        said = run(capsys, *words).out
        assert f"price: 8 values not a number, such as '{word}' in line 5: missing" in said
        assert "price: 8 missing, taken as 1" in said
        inputs = fastnn.models.load_model("m").schema.inputs
        assert inputs.decimal == (",."[shown is english])
        write("b.csv", [["price", "z"], [shown[0][:1] + (",."[shown is german]) + "250", 1]])
        assert inputs.read("b.csv") == [[int(shown[0][:1] + "250")]]


def test_marks_that_may_be_between_thousands_are_guessed_by_size_and_told(capsys):
    sales = [int(each) for each in RNG.integers(100, 5000, ROWS)]
    shown = [[f"{each:,}".replace(",", "."), f"{each // 2:,}".replace(",", ".")] for each in sales]
    write("a.csv", [["sales", "y"], *shown], delimiter=";")
    words = ["train", "a.csv", "--target", "y", "--epochs", "1", "--save", "m"]
    said = run(capsys, *words).out
    assert re.search(r"\n {13}sales: '\d\.\d{3}' is read as \d{4}, which is a guess; write ", said)
    assert re.search(r"\n {13}y: '\d\.\d{3}' is read as \d{4}, which is a guess; write ", said)
    inputs = fastnn.models.load_model("m").schema.inputs
    assert inputs.decimal == ","
    assert 2000 < inputs.sizes["sales"] < 3000
    assert 1000 < inputs.sizes["y"] < 1500
    assert run(capsys, "evaluate", "m", "a.csv").err == ""


def test_decimals_are_not_thousands_whatever_other_rows_a_file_has(capsys):
    rows = [[f"{each:.3f}" for each in (a, 2 * a)] for a in RNG.uniform(1, 50, ROWS)]
    german = [[each.replace(".", ",") for each in row] for row in rows]
    write("a.csv", [["a", "y"], *german], delimiter=";")
    run(capsys, "train", "a.csv", "--target", "y", "--epochs", "1", "--save", "m")
    expected = told(capsys, "evaluate", "m", "a.csv")["scores"]
    write("b.csv", [["a", "y"], *rows])
    assert told(capsys, "evaluate", "m", "b.csv")["scores"] == expected
    write("b.csv", [["a", "y"], *rows], delimiter=";")
    err = run(capsys, "evaluate", "m", "b.csv").err
    assert re.search(r"y: '[\d.]+' is read as [\d.]+, which is a guess", err)
    assert told(capsys, "evaluate", "m", "b.csv")["scores"] == expected
    firsts = set()
    for more in ([], [[1.5, 0]]):
        write("b.csv", [["a", "z"], ["12.345", 7], *more])
        out, err = run(capsys, "predict", "m", "b.csv")
        firsts.add(out.split()[1])
        assert err == ""
    assert len(firsts) == 1
    assert float(firsts.pop()) < 100


def test_a_column_of_numbers_that_is_words_now_is_no_mean(capsys):
    write("a.csv", [["a", "y"], *([i % 7, i % 7 * 1.5] for i in range(60))])
    run(capsys, "train", "a.csv", "--target", "y", "--epochs", "1", "--save", "m")
    write("b.csv", [["a", "y"], ["low", 1.5], ["high", 2], [3, 4.5], ["", 1]])
    for command in ("predict", "evaluate"):
        err = run(capsys, command, "m", "b.csv", code=1).err
        assert "a: 2 of 3 values are no numbers, such as 'low' in line 2; the model takes n" in err


def test_codes_with_leading_zeros_are_words_and_keep_them(capsys):
    codes = ["01067", "10115", "80331"]
    rows = [[codes[i % 3], f"{i:05}", i % 3 * 100.5] for i in range(90)]
    write("a.csv", [["zip", "number", "y"], *rows])
    said = run(capsys, "train", "a.csv", "--target", "y", "--epochs", "1").out
    assert "words        zip (3): a feature each" in said
    assert "zip: numbers with zeros before them, as codes have: taken as words" in said
    assert "number: 72 different words in 72 rows" in said
    words = ["train", "a.csv", "--target", "zip", "--keep", "number", "--save", "m"]
    said = run(capsys, *words).out
    assert "zip has 3 classes (01067, 10115, 80331); zeros before them make them codes" in said
    found = {row[0] for row in table(run(capsys, "predict", "m", "a.csv").out)[1:]}
    assert found <= set(codes)
    assert "01067" in found
    assert told(capsys, "evaluate", "m", "a.csv")["rows"] == 90
    said = run(capsys, *words, "--task", "regression").out
    assert "regression: zip is numbers, 3 different" in said


def test_codes_that_have_lost_their_zeros_are_what_they_were(capsys):
    codes = ["01067", "10115", "80331"]
    lost = {0: "1067", 30: "1067"}
    rows = [[lost.get(i, codes[i % 3]), i % 3 * 100.5] for i in range(90)]
    write("a.csv", [["zip", "y"], *rows])
    words = ["train", "a.csv", "--epochs", "1", "--save", "m", "--target"]
    for options in ([], ["--categorical", "zip"]):
        said = run(capsys, *words, "y", *options).out
        assert "words        zip (3): a feature each" in said
        assert "taken as words" in said
    names = [f"zip={code}" for code in codes]
    assert told(capsys, "explain", "m")["inputs"] == names
    assert "zip has 3 classes (01067, 10115, 80331); zeros" in run(capsys, *words, "zip").out
    assert told(capsys, "evaluate", "m", "a.csv")["rows"] == 90


def test_zeros_before_a_few_numbers_are_told(capsys):
    months = ["1", "02", "3", "12"]
    write("a.csv", [["month", "y"], *([months[i % 4], i % 7 + 0.5] for i in range(80))])
    words = ["train", "a.csv", "--epochs", "1", "--target"]
    said = run(capsys, *words, "y").out
    assert "numbers      month" in said
    assert "month: '02' is taken as the number 2 (--categorical takes such as words)" in said
    said = run(capsys, *words, "y", "--categorical", "month").out
    assert "words        month (4)" in said
    assert "'02'" not in said
    assert "month has 4 classes (1, 2, 3, 12);" in (said := run(capsys, *words, "month").out)
    assert "; '02' is taken as the number 2\n" in said
    said = run(capsys, *words, "month", "--task", "regression").out
    assert "month is numbers, 4 different ones; '02' is taken as the number 2\n" in said


def test_dates_of_few_values_and_what_is_no_number_are_named(capsys):
    rows = [
        [f"0{i % 9 + 1}.02.2024", i % 7, "k.A." if i % 5 == 2 else f"{i},5", i % 7]
        for i in range(ROWS)
    ]
    write("a.csv", [["day", "n", "price", "y"], *rows], delimiter=";")
    words = ["train", "a.csv", "--target", "y", "--epochs", "1"]
    said = run(capsys, *words).out
    assert "day: dates, such as '01.02.2024', which are not read" in said
    assert "are numbers, 'k.A.' is not" in said
    assert "words        day (9)" in run(capsys, *words, "--keep", "day").out
    said = run(capsys, "train", "a.csv", "--target", "day", "--epochs", "1").out
    assert "day has 9 classes" in said
    assert "...); dates, such as '01.02.2024', which are not read; put what matters" in said
    err = run(capsys, "train", "a.csv", "--target", "price", code=1).err
    assert "129 different values in 160 rows, 128 of 160 are numbers, 'k.A.' is not: that is" in err


def test_a_dash_among_numbers_to_predict_is_none_and_a_class_among_words(capsys):
    rows = [[i % 7, "-" if i % 10 == 3 else i * 1.5, "-ab"[i % 3]] for i in range(60)]
    write("a.csv", [["a", "y", "z"], *rows])
    said = run(capsys, "train", "a.csv", "--target", "y", "--epochs", "1").out
    assert "regression: y is numbers, 54 different" in said
    assert "6 rows whose y is -" in said
    said = run(capsys, "train", "a.csv", "--target", "z", "--epochs", "1").out
    assert "z has 3 classes (-, a, b)" in said


def test_a_class_of_a_single_row_is_named(capsys):
    write("a.csv", [["a", "y"], *([i % 7, "pq"[i % 2]] for i in range(40)), [1, "rare"]])
    said = run(capsys, "train", "a.csv", "--target", "y", "--epochs", "1").out
    assert "y has 3 classes (p, q, rare); rare has 1 row\n" in said


def test_samples_of_an_array_that_are_not_finite_are_counted(capsys):
    x = RNG.normal(size=(ROWS, 3))
    x[[4, 9], 1] = np.nan, np.inf
    np.savez("a.npz", x=x, y=[np.inf, *range(1, ROWS)])
    err = run(capsys, "train", "a.npz", code=1).err
    assert err.startswith("fastnn: a.npz: NaN or infinity in 2 of 159 rows of 'x', the first is 3;")
    good, bad = x[10:60], x[:10]
    np.savez("a.npz", x_train=good, y_train=good[:, 0], x_test=bad, y_test=bad[:, 0])
    err = run(capsys, "train", "a.npz", code=1).err
    assert "in 2 of 10 rows of the samples to test on, the first is 4;" in err


def test_a_column_is_guessed(capsys):
    write("a.csv", flowers(20))
    err = refused(capsys, "train", "a.csv", "--target", "kid")
    assert "there is no column 'kid'; did you mean 'kind'? There are long, wide, kind" in err
    err = refused(capsys, "train", "a.csv", "--target", "kind", "--ignore", "Wide")
    assert "there is no column 'Wide'; did you mean 'wide'?" in err


def test_a_number_too_large_to_predict_from_is_named_by_its_line(capsys):
    trained(capsys)
    write("b.csv", [["area", "city", "garden"], [90, "Ulm", "no"], [1e39, "Ulm", "no"]])
    err = run(capsys, "predict", "m", "b.csv", code=1).err
    assert "area: 1e+39 in line 3 is above 1e+19" in err


def test_a_stray_word_among_numbers_to_predict_leaves_its_row_out(capsys):
    rows = [[i % 7, "k.A." if i == 9 else "-" if i == 8 else i * 1.5, i % 3] for i in range(60)]
    write("a.csv", [["a", "y", "z"], *rows])
    for options in ([], ["--task", "regression"]):
        said = run(capsys, "train", "a.csv", "--target", "y", "--epochs", "1", *options).out
        assert "regression: y is numbers, 58 different" in said
        assert "2 rows without y; 58 of 59 are numbers, 'k.A.' is not\n" in said
    said = run(capsys, "train", "a.csv", "--target", "y,z", "--epochs", "1").out
    assert "regression: y, z are numbers" in said
    assert "2 rows without y or z; 58 of 59" in said
    words = {3: "k.A.", 4: "-"}
    write("b.csv", [["a", "y"], *([i % 7, words.get(i % 5, i * 1.5)] for i in range(60))])
    err = run(capsys, "train", "b.csv", "--target", "y", code=1).err
    assert "37 different values in 48 rows, 36 of 48 are numbers, 'k.A.' is not" in err


def test_numbers_that_are_words_for_what_is_beside_them_are_named(capsys):
    sizes = [f"{i % 50}{'kg' if i % 3 else 'lb'}" for i in range(300)]
    rows = ([f"{max(i, 9)}k", sizes[i], f"({i % 80})", i] for i in range(300))
    write("a.csv", [["a", "b", "c", "y"], *rows])
    words = ["train", "a.csv", "--epochs", "1", "--target"]
    said = run(capsys, *words, "y").out
    assert "different words in 240 rows, such as '9k' (--keep takes them); numbers with k" in said
    assert "numbers with k beside them, which are read as numbers if" in said
    assert "             b: numbers with kg and lb beside them" in said
    assert "             c: numbers in brackets" in said
    assert "...); numbers with kg and lb beside them" in run(capsys, *words, "b").out
    error = run(capsys, *words, "a", code=1).err
    assert "that is no class; numbers with k beside them, which are read" in error
    error = run(capsys, *words, "a", "--task", "regression", code=1).err
    assert "has numbers with k beside them, which are read" in error


def test_numbers_in_several_units_are_named_however_few_they_are(capsys):
    kinds = zip(["1 kg", "100 g", "250 g"] * 30, ["1A", "2B", "1B"] * 30, range(90), strict=True)
    write("a.csv", [["a", "b", "y"], *kinds])
    words = ["train", "a.csv", "--epochs", "1", "--target"]
    said = run(capsys, *words, "y").out
    assert "words        a (3), b (3): a feature each" in said
    assert "             a: numbers with g and kg beside them, which are read as numbers if" in said
    assert "b: numbers" not in said
    assert "(1 kg, 100 g, 250 g); numbers with g and kg beside them" in run(capsys, *words, "a").out


def test_words_that_are_rare_are_counted(capsys):
    rows = [[f"w{i % 4}" if i < 390 else f"rare {i}", f"x{i % 150}", i % 7] for i in range(450)]
    write("a.csv", [["a", "b", "y"], *rows])
    words = ["train", "a.csv", "--target", "y", "--epochs", "1"]
    found = run(capsys, *words, "--validation", "0", "--keep", "a,b")
    assert "a (4 of 64 words: the others come fewer than 3 times)" in found.out
    assert "b (100 of 150 words: the others are no more frequent)" in found.out
    assert "does not know" not in found.out + found.err


def test_words_that_all_are_rare_are_no_features_even_if_they_are_wanted(capsys):
    days = [f"2024-{1 + i // 28:02}-{1 + i % 28:02}" for i in range(300)]
    rows = [[f"name {i}", days[i], f"w{i // 2}", i % 4, i % 7] for i in range(300)]
    write("a.csv", [["name", "day", "pair", "a", "y"], *rows])
    words = ["train", "a.csv", "--target", "y", "--epochs", "1", "--validation", "0"]
    said = run(capsys, *words).out
    assert "name: 300 different words in 300 rows, such as 'name 0', none of them 3 times" in said
    assert "pair: 150 different words in 300 rows, such as 'w0', none of them 3 times" in said
    assert "day: dates, such as '2024-01-01', which are not read; put what matters" in said
    assert "--keep" not in said
    said = run(capsys, *words, "--keep", "name", "--categorical", "day").out
    assert "name: 300 different words in 300 rows, such as 'name 0', none of them 3 times" in said
    assert "day: 300 different words in 300 rows" in said


def test_a_target_without_squares_is_refused(capsys):
    write("a.csv", [["a", "y"], *([i % 7, i * 1e30] for i in range(50))])
    err = run(capsys, "train", "a.csv", "--target", "y", code=1).err
    assert "the target y has numbers up to 4.9e+31, whose squares are beyond" in err
    write("a.csv", [["a", "y"], *([i % 7, f"room {i}"] for i in range(50))])
    err = run(capsys, "train", "a.csv", "--target", "y", code=1).err
    assert "that is no class; each class needs several rows to be learnt from: name another" in err
    assert "or put these together to a few kinds; for numbers nine in ten must be such\n" in err
    err = run(capsys, "train", "a.csv", "--target", "y", "--task", "regression", code=1).err
    assert "has words, such as 'room 0': a regression needs numbers in nine of" in err


def test_classes_are_learnt_tested_and_told(capsys):
    write("a.csv", flowers())
    found = told(capsys, "train", "a.csv", "--target", "kind", "--save", "m", "--seed", "3")
    assert (found["task"], found["classes"]) == ("classes", [["iris", "rose", "tulip"]])
    assert found["rows"] == {"training": 128, "held_out": 32}
    assert 0.7 < found["scores"]["accuracy"] < 1
    matrix = np.array(found["confusion"])
    assert matrix.sum() == 32
    assert matrix.trace() / 32 == pytest.approx(found["scores"]["accuracy"])
    assert found["baseline"]["accuracy"] == pytest.approx(matrix.sum(axis=1).max() / 32)
    losses = found["history"]["val_loss"]
    assert found["epochs_run"] == len(losses) == found["best_epoch"] + found["choices"]["patience"]
    assert found["best_epoch"] == 1 + int(np.argmin(losses))
    assert found["scores"]["loss"] == pytest.approx(min(losses), rel=1e-5)
    names, *rows = table(run(capsys, "predict", "m", "a.csv", "--proba").out)
    assert names == ["kind", "kind=iris", "kind=rose", "kind=tulip"]
    shares = np.array([row[1:] for row in rows], float)
    assert np.allclose(shares.sum(axis=1), 1, atol=1e-5)
    assert [row[0] for row in rows] == [found["classes"][0][i] for i in shares.argmax(axis=1)]
    text = run(capsys, "evaluate", "m", "a.csv").out
    assert "precision" in text
    assert "-> tulip" in text


def test_a_number_for_classes_a_line_without_names_and_places_of_columns(capsys):
    write("a.csv", [[a, b, ["iris", "rose", "tulip"].index(c)] for a, b, c in list(flowers())[1:]])
    said = run(capsys, "train", "a.csv", "--target", "-1", "--save", "m").out
    assert "2 has 3 classes (0, 1, 2); --task regression takes them as numbers" in said
    write("b.csv", [[0.1, -0.1], [4.1, 3.9]])
    assert table(run(capsys, "predict", "m", "b.csv").out) == [["2"], ["0"], ["2"]]
    run(capsys, "predict", "m", "b.csv", "--out", "b.npz")
    with np.load("b.npz") as file:
        assert file["prediction"].tolist() == [0, 2]
    write("b.csv", [["width", "length"], [0.1, -0.1], [4.1, 3.9]])
    found = run(capsys, "predict", "m", "b.csv")
    assert table(found.out) == [["2"], ["0"], ["2"]]
    assert "note: b.csv: its first line has names, of which the model knows none" in found.err
    said = run(capsys, "train", "a.csv", "--target", "2", "--task", "regression", "--epochs", "1")
    assert "regression: 2 is numbers, 3 different" in said.out


def test_yes_and_no_and_rows_without_an_answer(capsys):
    rows = [
        [a, b, {"iris": "No", "rose": "Yes", "tulip": "NA"}[c]] for a, b, c in list(flowers())[1:]
    ]
    write("a.csv", [["a", "b", "ok"], *rows])
    found = told(capsys, "train", "a.csv", "--target", "ok", "--save", "m")
    assert (found["task"], found["classes"]) == ("binary", [["No", "Yes"]])
    assert sum(found["rows"].values()) == sum(row[2] != "NA" for row in rows)
    assert any("rows whose ok is NA" in line for line in found["notes"])
    assert found["scores"]["auc"] > 0.9
    names, first = table(run(capsys, "predict", "m", "a.csv", "--proba").out)[:2]
    assert names == ["ok", "ok=No", "ok=Yes"]
    assert (first[0] == "Yes") == (float(first[2]) > 0.5)
    assert float(first[1]) + float(first[2]) == pytest.approx(1)
    run(capsys, "predict", "m", "a.csv", "--proba", "--out", "a.npz")
    with np.load("a.npz") as file:
        assert file["outputs"].tolist() == ["ok=No", "ok=Yes"]
        assert np.allclose(file["probability"].sum(axis=1), 1)
    assert run(capsys, "evaluate", "m", "a.csv", "--plot", "a.svg").out.endswith("in a.svg\n")
    found = told(capsys, "evaluate", "m", "a.csv", "--plot", "a.svg")
    assert Path("a.svg").read_text().startswith("<?xml")
    assert found["files"] == {"picture": "a.svg"}
    example = told(capsys, "train", "digits", "--epochs", "1")
    assert set(example) == set(told(capsys, "train", "a.csv", "--target", "ok", "--epochs", "1"))
    assert found["rows"] == sum(row[2] != "NA" for row in rows)


def test_several_labels_and_several_numbers(capsys):
    x = RNG.normal(size=(ROWS, 2))
    rows = [
        [*row, "yes" if row[0] > 0 else "no", int(row[1] > 0), row[0] * 1e5, row[1]] for row in x
    ]
    write("a.csv", [["a", "b", "p", "q", "u", "v"], *rows])
    options = ["--ignore", "u,v", "--save", "m"]
    found = told(capsys, "train", "a.csv", "--target", "p,q", *options)
    assert (found["task"], found["classes"]) == ("labels", [["no", "yes"], ["0", "1"]])
    assert found["scores"]["accuracy"] > 0.9
    names = table(run(capsys, "predict", "m", "a.csv", "--proba").out)[0]
    assert names == ["p", "q", "p=yes", "q=1"]
    said = run(capsys, "evaluate", "m", "a.csv").out.splitlines()
    assert said[:2] == ["160 rows of a.csv:", "target  accuracy  baseline"]
    name, accuracy, baseline = said[4].split()
    assert name == "q"
    assert float(accuracy) > 0.9 > float(baseline)
    found = told(capsys, "train", "a.csv", "--target", "u,v", "--ignore", "p,q", "--plot", "a.png")
    assert (found["task"], found["target"]) == ("numbers", ["u", "v"])
    assert found["scores"]["r2"] > 0.9  # of both, though one is 100,000 times the other
    worth = found["by_target"]["v"]
    assert worth["mae"] < worth["rmse"] < worth["baseline"] / 3 < 1
    assert Path("a.png").read_bytes().startswith(b"\x89PNG")


def test_columns_are_chosen_by_hand(capsys):
    write(
        "a.csv", [["zip", "n", "row", "y"], *([i % 3, i % 7, i, i % 3 * 100.5] for i in range(90))]
    )
    words = ["train", "a.csv", "--target", "y", "--epochs", "3"]
    assert told(capsys, *words)["inputs"] == ["zip", "n"]
    assert told(capsys, *words, "--keep", "row")["inputs"] == ["zip", "n", "row"]
    found = told(capsys, *words, "--categorical", "zip", "--ignore", "n")
    assert found["inputs"] == ["zip=0", "zip=1", "zip=2"]
    write("b.csv", [["a", "b,c"], *([i % 7, i % 2] for i in range(40))])
    assert told(capsys, "train", "b.csv", "--target", "b,c", "--epochs", "1")["target"] == ["b,c"]
    assert "no column 'frob'" in refused(capsys, *words, "--ignore", "frob")


def test_a_column_that_is_constant_in_training_cannot_spoil_predictions(capsys):
    x = np.column_stack([RNG.normal(size=ROWS), np.full(ROWS, 5.0)])
    np.savez("a.npz", x=x, y=x[:, 0] * 3)
    run(capsys, "train", "a.npz", "--save", "m")
    np.savez("b.npz", x=np.add(x, [0, 0.5]))
    rows = np.array(table(run(capsys, "predict", "m", "b.npz").out)[1:], float)
    assert np.abs(rows[:, 0] - x[:, 0] * 3).max() < 10


def test_what_the_caller_says_is_done(capsys):
    write("a.csv", flowers(60))
    words = ["--hidden", "7,5", "--dropout", "0.25", "--epochs", "4", "--batch-size", "8"]
    words += ["--learning-rate", "0.5", "--optimizer", "sgd", "--patience", "2", "--threads", "1"]
    found = told(capsys, "train", "a.csv", "--target", "kind", *words, "--save", "m")
    assert found["choices"] == {
        "filters": [],
        "hidden": [7, 5],
        "dropout": 0.25,
        "epochs": 4,
        "batch_size": 8,
        "learning_rate": 0.5,
        "optimizer": "sgd",
        "patience": 2,
        "class_weight": None,
    }
    model = fastnn.models.load_model("m")
    kinds = [type(layer).__name__ for layer in model.layers]
    assert kinds == ["Normalization", "Dense", "Dropout", "Dense", "Dropout", "Dense"]
    assert [model.layers[i].units for i in (1, 3, 5)] == [7, 5, 3]
    assert type(model.optimizer).__name__ == "SGD"
    assert float(model.optimizer.learning_rate) == 0.5
    found = told(capsys, "train", "a.csv", "--target", "kind", "--hidden", "0", "--validation", "0")
    assert found["rows"] == {"training": 60, "held_out": 0}
    assert (found["choices"]["hidden"], found["choices"]["patience"]) == ([], 0)


def test_a_training_that_diverges_fails_and_keeps_nothing(capsys):
    write("a.csv", houses(60))
    words = ["--learning-rate", "1e20", "--optimizer", "sgd", "--save", "m"]
    error = run(capsys, "train", "a.csv", "--target", "price", *words, code=1).err
    assert "epoch 1, batch 2" in error
    assert "lower the learning rate" in error
    assert error.count("\n") == 1
    assert not Path("m").exists()


def test_a_seed_gives_the_same_bits_and_another_does_not(capsys):
    write("a.csv", flowers(60))
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        words = ["--target", "kind", "--epochs", "3", "--seed", seed, "--quiet"]
        run(capsys, "train", "a.csv", *words, "--save", name)
    assert Path("a").read_bytes() == Path("b").read_bytes() != Path("c").read_bytes()


def test_few_rows(capsys):
    Path("a.csv").write_text("a,y\n1,p\n2,q\n3,p\n")
    said = run(capsys, "train", "a.csv", "--target", "y", "--epochs", "2").out
    assert "too few to hold some out" in said
    assert "3 rows of the training" in said
    Path("b.csv").write_text("a,y\n1,2\n")
    error = run(capsys, "train", "b.csv", "--target", "y", code=1).err
    assert error == (
        "fastnn: b.csv: there is 1 row with a target; a training needs 2 at the least, and better "
        "some hundreds\n"
    )


@pytest.mark.parametrize(
    ("text", "words", "message"),
    [
        ("a,b\n1,\n3,\n", ["--target", "b"], "has no value in any row"),
        ("a,b\n1,x\n3,x\n", ["--target", "b"], "is 'x' in every row: there is nothing to predict"),
        (
            "a,b\n1,x\n3,n/a\n4,x\n5,\n",
            ["--target", "b"],
            "row but 2, where it is empty, n/a",
        ),
        ("a,b\n1,2\n3,2.0\n", ["--target", "b"], "is '2' in every row: there is nothing to"),
        ("a,b,c\n1,2,1\n3,2,4\n4,2,7\n", ["--target", "b,c"], "'b' is '2' in every row"),
        ("b\nx\ny\n", ["--target", "b"], "no column to learn from: there is the target alone; if"),
        ("a,b\n1,x\n1,y\n", ["--target", "b"], "all are left out, such as a: it is the same in"),
        (
            "c,a,b\n" + "".join(f"1,w{i},{i % 2}\n" for i in range(50)),
            ["--target", "b"],
            "such as a: 40 different words in 40 rows, such as 'w0' (--keep takes them)",
        ),
        (
            "a,b\n1,x\n3,y\n",
            ["--target", "b", "--task", "regression"],
            "has words, such as 'x': a regression",
        ),
        ("a,b\n1,x\n3,y\n", ["--target", "b", "--task", "multi-label"], "several columns of yes"),
        ("a,b,c\n1,x,1\n3,y,2\n4,z,3\n", ["--target", "b,c"], "either yes and no each, or numbers"),
        ("a,b\n1,2\n3\n", ["--target", "b"], "line 3 has 1 value, the first has 2"),
        ("", ["--target", "b"], "there is nothing in it"),
        ("a,b\n", ["--target", "b"], "there is no row under the names"),
        (
            "a,b\n" + "".join(f"{i},w{i}\n" for i in range(50)),
            ["--target", "b"],
            "50 different values in 50 rows",
        ),
    ],
)
def test_what_cannot_be_learnt_is_told_on_one_line(capsys, text, words, message):
    Path("a.csv").write_text(text)
    error = run(capsys, "train", "a.csv", *words, code=1).err
    assert message in error
    assert error.startswith("fastnn: ")
    assert error.count("\n") == 1


def test_the_columns_are_listed_where_no_target_is_named(capsys):
    write("a.csv", flowers(20))
    with pytest.raises(SystemExit) as ended:
        main(["train", "a.csv"])
    assert ended.value.code == 2
    assert "which column is to be predicted? There are long, wide, kind" in capsys.readouterr().err


def test_a_terminal_cannot_be_commanded_by_a_file(capsys):
    Path("a.csv").write_text("a,\x1b[2J,y\n" + "".join(f"{i},{i % 7},{i % 2}\n" for i in range(40)))
    said = run(capsys, "train", "a.csv", "--target", "y", "--epochs", "1", "--save", "m").out
    assert "\x1b" not in said
    assert "x1b[2J" in said
    assert "\x1b" not in run(capsys, "explain", "m").out


# ---- arrays and images ---------------------------------------------------------------------------


def test_images_in_arrays(capsys):
    x, y = fastnn.datasets.load_digits()
    x = (x * 15).astype(np.uint8).reshape(-1, 8, 8)
    np.savez("a.npz", x_train=x[:600], y_train=y[:600], x_test=x[600:800], y_test=y[600:800])
    words = ["train", "a.npz", "--epochs", "12", "--save", "m", "--plot", "a.png"]
    found = told(capsys, *words)
    assert found["rows"] == {"training": 600, "held_out": 200}
    assert found["scores"]["accuracy"] > 0.85
    assert found["choices"]["filters"] == [32]
    kinds = [type(layer).__name__ for layer in fastnn.models.load_model("m").layers]
    assert kinds[:3] == ["Rescaling", "Conv2D", "MaxPooling2D"]
    np.savez("b.npz", x=x, y=y)
    assert told(capsys, "evaluate", "m", "b.npz")["rows"] == len(x)
    assert len(table(run(capsys, "predict", "m", "b.npz").out)) == 1 + len(x)
    np.savez("c.npz", x_train=x[:600], labels=y[:600], x_test=x[600:1200])
    own = ["train", "c.npz", "--inputs", "x_train", "--target", "labels", "--epochs", "5"]
    found = told(capsys, *own, "--save", "own")
    assert sum(found["rows"].values()) == 600
    assert found["scores"]["accuracy"] > 0.8
    assert told(capsys, "evaluate", "own", "c.npz")["rows"] == 600
    np.savez("b.npz", x_test=x[:50], y_test=y[:50])
    assert told(capsys, "evaluate", "m", "b.npz")["rows"] == 50
    assert len(table(run(capsys, "predict", "m", "b.npz").out)) == 1 + 50
    np.savez("b.npz", x=x)
    err = run(capsys, "evaluate", "m", "b.npz", code=1).err
    assert (
        "b.npz: there is no array 'y_train'; there are x; the model needs that to compare with"
        in err
    )
    said = run(capsys, "predict", "m", "a.npz", "--proba", "--out", "predictions.npz").err
    assert "a.npz: 'x_test' is read, not 'x_train', which was learnt from" in said
    with np.load("predictions.npz") as file:
        assert file["prediction"].shape == (200,)
        assert file["probability"].shape == (200, 10)
        assert (file["prediction"] == y[600:800]).mean() > 0.85
        assert file["outputs"][3] == "y_train=3"
    assert told(capsys, "evaluate", "m", "a.npz")["rows"] == 200


@pytest.mark.parametrize(
    ("y", "task", "classes"),
    [
        (np.where(np.arange(60) % 2, "up", "down"), "binary", [["down", "up"]]),
        (np.eye(3)[np.arange(60) % 3], "classes", [["0", "1", "2"]]),
        ((np.arange(60)[:, None] % [2, 3, 5] == 0).astype(int), "labels", [["0", "1"]] * 3),
        (np.arange(60) % 3 - 1, "classes", [["-1", "0", "1"]]),
        (np.arange(60) / 7, "numbers", []),
        (np.arange(120).reshape(60, 2), "numbers", []),
        (np.arange(60)[:, None] % 2 == 0, "binary", [["False", "True"]]),
    ],
)
def test_targets_in_arrays(capsys, y, task, classes):
    np.savez("a.npz", features=RNG.normal(size=(60, 3)), answers=y)
    words = ["--inputs", "features", "--target", "answers", "--epochs", "2", "--save", "m"]
    found = told(capsys, "train", "a.npz", *words)
    assert (found["task"], found["classes"]) == (task, classes)
    assert told(capsys, "evaluate", "m", "a.npz")["rows"] == 60


@pytest.mark.parametrize("words", [["--target", "x"], ["--inputs", "y"]], ids=str)
def test_an_array_is_not_predicted_from_itself(capsys, words):
    np.savez("a.npz", x=RNG.normal(size=(60, 6)), y=RNG.normal(size=60))
    with pytest.raises(SystemExit, match="2"):
        main(["train", "a.npz", *words])
    error = capsys.readouterr().err
    assert f"{words[1]!r} is both the array of samples and the target" in error
    assert "name another by --inputs or by --target; there are x, y" in error


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": np.ones((3, 2)), "y": np.ones(4)}, "'x' has 3 rows, 'y' has 4"),
        (
            {"x": np.array(["a", "b"]), "y": [0, 1]},
            "a.npz: 'x' has the type <U1; samples are numbers",
        ),
        (
            {"x": np.ones((3, 2, 4, 4, 1)), "y": [0, 1, 0]},
            "a.npz: 'x' has 5 axes; samples are rows of numbers or images; give x.reshape(3, -1)",
        ),
        ({"x": np.ones((3, 2)), "y": np.ones((3, 2, 2))}, "expected (rows,) or (rows, n)"),
        (
            {"x": np.full((20, 2), np.nan), "y": np.arange(20) % 2},
            "NaN or infinity in 20 of 20 rows",
        ),
        (
            {"x": np.ones((20, 2)), "y": np.c_[np.arange(20), np.zeros(20)]},
            "the target 'y[1]' is '0' in every row: there is nothing to predict",
        ),
        (
            {"x": np.ones((20, 2)), "y": np.c_[np.arange(20), np.full(20, 0.1)]},
            "the target 'y[1]' is '0.1' in every row",
        ),
        (
            {"x": np.ones((20, 2)), "y": np.c_[np.arange(20) % 2, np.arange(20) % 3 % 2, [1] * 20]},
            "the target 'y[2]' is '1' in every row",
        ),
        (
            {"x": np.ones((20, 2)), "y": np.c_[np.arange(20), np.full(20, np.nan)]},
            "the target 'y[1]' has no value in any row",
        ),
        ({"x": np.ones((20, 2)), "y": np.full(20, np.nan)}, "'y' has no value in any row"),
    ],
)
def test_arrays_that_do_not_fit_are_told(capsys, arrays, message):
    np.savez("a.npz", **arrays)
    assert message in run(capsys, "train", "a.npz", code=1).err


def test_rows_of_other_classes_are_counted_whatever_the_file(capsys):
    left_out = "{0} rows have none of the model's classes ({0} '2'): left out".format
    x, y = RNG.normal(size=(60, 3)), np.arange(60) % 3
    np.savez("a.npz", x_train=x, y_train=y % 2, x_test=x, y_test=y)
    assert f"y_train: {left_out(20)}" in told(capsys, "train", "a.npz", "--save", "m")["notes"][2]
    np.savez("b.npz", x_train=x, y_train=y)
    assert f"note: y_train: {left_out(20)}" in run(capsys, "evaluate", "m", "b.npz", "--json").err
    labels = np.c_[y % 2, y > 0]
    np.savez("c.npz", x=x, y=labels)
    run(capsys, "train", "c.npz", "--epochs", "1", "--save", "m")
    np.savez("d.npz", x=x, y=labels * [1, 2])
    assert f"note: y[1]: {left_out(40)}" in run(capsys, "evaluate", "m", "d.npz").err


@pytest.mark.parametrize("task", ["classification", "multi-label"])
def test_columns_of_quantities_are_neither_classes_nor_labels(capsys, task):
    np.savez("a.npz", x=np.ones((20, 2)), y=np.arange(40).reshape(20, 2))
    error = run(capsys, "train", "a.npz", "--task", task, code=1).err
    assert f"has 2 columns, whose numbers are not all 0 or 1: that is no {task}; leave" in error


@pytest.mark.parametrize("largest", [255, 1])
def test_numbers_of_another_size_than_those_of_the_training_are_told(capsys, largest):
    x, y = RNG.integers(0, 256, (60, 8, 8)), np.arange(60) % 2
    bytes_or_shares = x.astype(np.uint8) if largest == 255 else x / 255
    np.savez("a.npz", x=bytes_or_shares, y=y)
    run(capsys, "train", "a.npz", "--epochs", "1", "--save", "m")
    np.savez("b.npz", x=x * (256 - largest) / 255, y=y)
    np.savez("c.npz", x=bytes_or_shares // 128, y=y)  # bytes may be few, as those of the night
    told_of = f"note: x: numbers up to {256 - largest}, where those of the training go up to about"
    for command in ("predict", "evaluate"):
        assert told_of in run(capsys, command, "m", "b.npz").err
        assert run(capsys, command, "m", "a.npz").err == ""
        assert run(capsys, command, "m", "c.npz").err == ""


def test_images_with_channels_first_are_told_how_to_turn_them(capsys):
    grey, colours = RNG.random((20, 1, 8, 8)), RNG.random((20, 3, 8, 8))
    np.savez("a.npz", pixels=grey, y=np.arange(20) % 2)
    error = run(capsys, "train", "a.npz", "--inputs", "pixels", code=1).err
    assert "images of 1 x 8 pixels, 8 channels; if channels come first" in error
    assert "np.moveaxis(pixels, 1, -1)" in error
    np.savez("b.npz", x=colours, y=np.arange(20) % 2)
    assert "np.moveaxis(x, 1, -1)" in run(capsys, "train", "b.npz", "--epochs", "1").out
    np.savez("c.npz", x=np.moveaxis(colours, 1, -1), y=np.arange(20) % 2)
    said = run(capsys, "train", "c.npz", "--epochs", "1", "--save", "m").out
    assert "moveaxis" not in said
    error = run(capsys, "predict", "m", "b.npz", code=1).err
    assert (
        "the model takes (rows, 8, 8, 3); channels come last here: np.moveaxis(x, 1, -1)" in error
    )


def test_one_is_no_plural(capsys):
    Path("a.csv").write_text("y\n1\n")
    assert "a.csv: 1 row, 1 column\n" in run(capsys, "train", "a.csv", "--target", "y", code=1).out


def test_a_target_that_is_zero_in_all_rows_to_train_on_spoils_no_other(capsys):
    x, rare = RNG.normal(size=(ROWS, 3)), np.zeros(ROWS)
    _, held_out, _, _ = fastnn.datasets.train_test_split(np.arange(ROWS), np.arange(ROWS), seed=0)
    rare[held_out[0]] = 0.5
    np.savez("a.npz", x=x, y=np.c_[x[:, 0], rare])
    by_target = told(capsys, "train", "a.npz", "--epochs", "30")["by_target"]
    assert by_target["y[0]"]["r2"] > 0.5


def test_r2_of_several_targets_is_the_mean_of_those_that_vary(capsys):
    x = RNG.normal(size=(ROWS, 2))
    np.savez("a.npz", x=x, y=x[:, ::-1])
    run(capsys, "train", "a.npz", "--epochs", "30", "--save", "m")
    np.savez("b.npz", x=x, y=np.c_[x[:, 1], np.ones(ROWS)])
    found = told(capsys, "evaluate", "m", "b.npz")
    assert found["scores"]["r2"] == found["by_target"]["y[0]"]["r2"] > 0.5
    assert found["by_target"]["y[1]"]["r2"] is None
    np.savez("b.npz", x=x, y=np.ones((ROWS, 2)))
    assert told(capsys, "evaluate", "m", "b.npz")["scores"]["r2"] is None


def test_a_folder_of_images(capsys):
    for i in range(60):
        folder = Path("pictures") / ("bright" if i % 2 else "dark") / "more"
        folder.mkdir(parents=True, exist_ok=True)
        level = 60 * (1 + i % 2) + RNG.integers(0, 40, (9, 12, 3))
        Image.fromarray(level.astype(np.uint8)).save(folder / f"{i}.png")
    words = ["train", "pictures", "--save", "m", "--epochs", "60"]
    found = told(capsys, *words)
    assert (found["inputs"], found["classes"]) == ([9, 12, 3], [["bright", "dark"]])
    assert found["scores"]["accuracy"] > 0.9
    names, first, *_ = table(run(capsys, "predict", "m", "pictures", "--proba").out)
    assert names == ["file", "class", "class=bright", "class=dark"]
    assert first[:2] == [os.path.join("pictures", "bright", "more", "1.png"), "bright"]
    one = table(run(capsys, "predict", "m", first[0]).out)
    assert one[1] == first[:2]
    run(capsys, "predict", "m", "pictures", "--out", "a.npz")
    with np.load("a.npz") as file:
        assert len(file["paths"]) == 60
    assert told(capsys, "evaluate", "m", "pictures")["scores"]["accuracy"] > 0.9
    for name in ("bright", "dim"):
        Path("others", name).mkdir(parents=True)
        Image.new("RGB", (12, 9)).save(Path("others", name, "a.png"))
    Path("flat").mkdir()
    Image.new("RGB", (12, 9)).save("flat/a.png")
    err = run(capsys, "evaluate", "m", "flat", code=1).err
    assert "flat: expected a folder of images for each class, which it is called as" in err
    err = run(capsys, "evaluate", "m", "others").err
    assert "note: class: 1 row has none of the model's classes (1 'dim'): left out" in err
    assert told(capsys, *words, "--image-size", "16")["inputs"] == [16, 16, 3]
    Path("pictures/dark/more/0.png").write_bytes(b"no image")
    assert "0.png: no image that can be read" in run(capsys, *words, code=1).err
    Path("pictures/dark/more/0.png").unlink()
    Image.new("RGB", (12, 9)).save("pictures/dark/0.ppm")
    for name in ("a.txt", "bright/b.TXT", "bright/LICENSE", ".DS_Store"):
        Path("pictures", name).write_text("words")
    found = told(capsys, *words)
    assert found["rows"] == {"training": 48, "held_out": 12}
    unread = "files that are not read: .txt (2), no suffix (1)"
    assert unread in found["notes"][1]
    assert f"note: pictures: {unread}" in run(capsys, "predict", "m", "pictures", "--json").err
    assert f"note: pictures: {unread}" in run(capsys, "evaluate", "m", "pictures").err
    Path("none/one").mkdir(parents=True)
    assert "has no image" in run(capsys, "train", "none", code=1).err


def test_a_folder_of_folders_of_classes_is_told_from_one_of_classes(capsys):
    for name in ("train/a", "train/b", "test/a", "test/b"):
        Path("root", name).mkdir(parents=True)
        Image.new("RGB", (9, 9)).save(Path("root", name, "0.png"))
    error = run(capsys, "train", "root", code=1).err
    assert "its folders test, train hold folders alone, such as a, b; if these are " in error
    assert f"give {os.path.join('root', 'train')}; if not" in error
    run(capsys, "train", "root/train", "--epochs", "1")


# ---- options -------------------------------------------------------------------------------------


def refused(capsys, *words):
    """What a command says that is refused before it has changed anything."""
    before = {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    assert ended.value.code == 2
    assert before == {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}
    found = capsys.readouterr()
    assert found.err.count("\n") == 1
    return found.err


def test_who_leaves_no_column_is_refused(capsys):
    write("a.csv", [["a", "b"], [1, "x"], [3, "y"]])
    error = refused(capsys, "train", "a.csv", "--target", "b", "--ignore", "a", "--quiet")
    assert "--ignore names all but the target; name fewer" in error


def test_no_output_is_a_file_that_is_read_or_another_output(capsys):
    write("a.csv", flowers(60))
    write("b", flowers(60))
    np.savez("a.npz", x=RNG.normal(size=(60, 2)), y=RNG.integers(3, size=60))
    run(capsys, "train", "b", "--target", "kind", "--epochs", "1", "--save", "m.fastnn")
    os.link("m.fastnn", "also.png")
    train = ["train", "a.csv", "--target", "kind"]
    for words, message in (
        (["train", "b", "--target", "kind", "--save", "b"], "b is there, and no model"),
        ([*train, "--save", "a.csv"], "a.csv ends as another kind of file does"),
        ([*train, "--save", "a.pt"], "a.pt ends as another kind of file does"),
        (["train", "a.npz", "--export", "a.npz"], "a.npz is there, and was not exported by fastnn"),
        (["export", "m.fastnn", "a.npz"], "a.npz is there, and was not exported by fastnn"),
        (["predict", "m.fastnn", "a.csv", "--out", "./a.csv"], "a.csv is the same file as DATA"),
        (["plot", "m.fastnn", "also.png"], "file to write also.png is the same file as MODEL"),
        ([*train, "--plot", "x.svg", "--save", "x", "--export", "x.c", "--export", "x.c"], "--exp"),
        ([*train, "--resume", "m", "--save", "m/training.fastnn"], "no folder m; make it"),
    ):
        assert message in refused(capsys, *words)
    Path("r").mkdir()
    words = [*train, "--resume", "r", "--save", "r/training.fastnn"]
    assert "is the same file as the training's state" in refused(capsys, *words)


def test_an_export_replaces_what_was_exported_and_nothing_else(capsys):
    plain_model()
    write("a.csv", flowers(60))
    run(capsys, "train", "a.csv", "--target", "kind", "--epochs", "1", "--save", "n")
    for name in ("a.c", "a.npz", "a.json"):
        for _ in range(2):
            run(capsys, "export", "n", name)
        Path(name).write_text("{}")
        assert f"{name} is there, and was not exported" in refused(capsys, "export", "n", name)
        Path(name).write_text("")
        run(capsys, "export", "n", name)


def test_names_that_are_given_one_by_one_are_all_taken(capsys):
    x = RNG.normal(size=(60, 4))
    write("a.csv", [list("abcde"), *([*row, row[0] + row[1]] for row in x)])
    words = ["train", "a.csv", "--target", "e", "--epochs", "1"]
    assert told(capsys, *words, "--ignore", "a", "--ignore", "c,d")["inputs"] == ["b"]
    found = told(capsys, *words[:2], "--target", "e", "--target", "a,b", "--epochs", "1")
    assert found["target"] == ["e", "a", "b"]
    write("b.csv", [["n", "m", "y"], *([i, i, i % 7 * 1.5] for i in range(60))])
    words = ["train", "b.csv", "--target", "y", "--epochs", "1", "--keep", "n", "--keep", "m"]
    assert told(capsys, *words)["inputs"] == ["n", "m"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--hidden", "8-4"], "whole numbers with commas between, such as 64,32, got '8-4'"),
        (["--hidden", "8,-4"], "argument --hidden: must be at least 1, got -4"),
        (["--epochs", "-3"], "argument --epochs: must be at least 1, got -3"),
        (["--batch-size", "0"], "argument --batch-size: must be at least 1, got 0"),
        (["--threads", "two"], "argument --threads: must be a whole number, got 'two'"),
        (["--seed", "-1"], "argument --seed: must be at least 0, got -1"),
    ],
)
def test_numbers_out_of_their_range_are_told_the_range(capsys, words, message):
    assert message in refused(capsys, "train", "digits", *words)


@pytest.mark.parametrize(
    ("source", "words", "message"),
    [
        ("a.csv", ["--inputs", "x"], "--inputs is for an .npz file; a.csv is a CSV file"),
        ("a.csv", ["--image-size", "8"], "--image-size is for a folder of images"),
        ("a.npz", ["--delimiter", ";"], "--delimiter is for a CSV file; a.npz is an .npz file"),
        ("a.npz", ["--no-header"], "--no-header is for a CSV file"),
        ("a.npz", ["--header"], "--header is for a CSV file"),
        ("a.npz", ["--ignore", "x"], "--ignore is for a CSV file"),
        ("a.npz", ["--image-size", "8"], "--image-size is for a folder of images"),
        ("b.npz", ["--validation", "0.5"], "--validation: the file has rows of its own to test on"),
        ("a.npz", ["--target", "y", "--target", "x"], "--target: one array of an npz file"),
        ("pictures", ["--target", "x"], "--target is for a CSV file or an .npz file; "),
        ("pictures", ["--task", "regression"], "--task is for a CSV file or an .npz file"),
        ("pictures", ["--encoding", "utf-8"], "--encoding is for a CSV file"),
        ("a.csv", ["--target", "kind", "--ignore", "long,kind"], "--ignore kind: this is the tar"),
        ("a.csv", ["--target", "kind", "--keep", "kind"], "--keep kind: this is the target"),
        ("a.csv", ["--target", "kind", "--target", "kind"], "--target names kind twice"),
        ("a.csv", ["--target", "kind", "--keep", "long", "--ignore", "0"], "long is named by --ig"),
        ("a.csv", ["--target", "kind", "--ignore", "2"], "--ignore kind: this is the target"),
        ("a.csv", ["--target", "c"], "no column 'c'; there are long, wide, kind"),
        ("a.csv", ["--target", "-4"], "no column '-4'"),
        ("a.npz", ["--inputs", "z"], "no array 'z'; there are x, y; choose by --inputs and"),
        ("a.npz", ["--target", "z"], "no array 'z'; there are x, y; choose by --inputs and"),
    ],
)
def test_an_option_that_would_do_nothing_is_refused(capsys, source, words, message):
    write("a.csv", flowers(20))
    np.savez("a.npz", x=[[0], [1]], y=[0, 1])
    np.savez("b.npz", x_train=[[0], [1]], y_train=[0, 1], x_test=[[0]], y_test=[0])
    Path("pictures").mkdir()
    assert message in refused(capsys, "train", source, *words)


@pytest.mark.parametrize("word", ["tab", r"\t", "\t"])
def test_a_tab_has_a_name(capsys, word):
    write("a.csv", flowers(30), delimiter="\t")
    words = ["train", "a.csv", "--target", "kind", "--epochs", "1", "--delimiter", word]
    assert told(capsys, *words)["inputs"] == ["long", "wide"]


def test_what_separates_values_has_a_name_and_is_named(capsys):
    write("a.csv", flowers(30), delimiter=" ")
    words = ["train", "a.csv", "--target", "kind", "--epochs", "1"]
    error = run(capsys, *words, code=1).err
    assert "but one column, called 'long wide kind'; if its names are several, " in error
    assert error.endswith("--delimiter space\n")
    found = told(capsys, *words, "--delimiter", "space", "--save", "m")
    assert found["inputs"] == ["long", "wide"]
    for asked in (["evaluate"], ["predict"], ["predict", "--with", "kind"]):
        assert error in run(capsys, *asked, "m", "a.csv", code=1).err
    write("a.csv", flowers(30), delimiter=";")
    error = run(capsys, *words, "--delimiter", "comma", code=1).err
    assert error.endswith("--delimiter semicolon\n")
    assert told(capsys, *words, "--delimiter", "semicolon")["inputs"] == ["long", "wide"]
    assert "one character, or of comma, semicolon" in refused(capsys, *words, "--delimiter", "ab")


def test_the_standard_input_is_called_by_its_name(capsys):
    write("a.csv", flowers(30))
    run(capsys, "train", "a.csv", "--target", "kind", "--epochs", "1", "--save", "m")
    assert "'-'; the standard input is called /dev/stdin" in refused(capsys, "predict", "m", "-")
    read = run(capsys, "predict", "m", "a.csv").out
    with open("a.csv", "rb") as file:
        words = [sys.executable, "-m", "fastnn", "predict", "m", "/dev/stdin"]
        assert subprocess.check_output(words, stdin=file, text=True) == read


def test_what_stands_for_no_target_is_named(capsys):
    rows = [[i % 7, ["yes", "no"][i % 2] if i % 5 else "NA"] for i in range(60)]
    write("a.csv", [["a", "y"], *rows])
    words = ["train", "a.csv", "--target", "y", "--epochs", "1"]
    assert "left out     12 rows whose y is NA\n" in run(capsys, *words).out
    write("a.csv", [["a", "y"], *rows, [3, ""]])
    assert "left out     13 rows whose y is empty or NA\n" in run(capsys, *words).out
    x, y = np.array(rows).T
    np.savez("a.npz", x=x.astype(float), y=y)
    assert "left out     12 rows whose y is NA\n" in run(capsys, "train", "a.npz").out


def test_columns_to_learn_from_are_named_as_the_target_is(capsys):
    names = ["a,b", "long", "wide", "n"]
    rows = [[RNG.normal(), *RNG.normal(size=2), i % 3] for i in range(60)]
    write("a.csv", [[*names, "kind"], *([*row, "xyz"[row[-1]]] for row in rows)])
    words = ["train", "a.csv", "--target", "kind", "--epochs", "1"]
    assert told(capsys, *words, "--ignore", "a,b")["inputs"] == ["long", "wide", "n"]
    assert told(capsys, *words, "--ignore", "a,b", "--ignore", "1, n")["inputs"] == ["wide"]
    found = told(capsys, *words, "--ignore", "0,wide", "--categorical", "-2")["inputs"]
    assert found == ["long", "n=0", "n=1", "n=2"]
    err = refused(capsys, *words, "--keep", "lnog")
    assert "there is no column 'lnog'; did you mean 'long'?" in err


# ---- models --------------------------------------------------------------------------------------


def plain_model():
    model = fastnn.Sequential([fastnn.Input((2,)), fastnn.layers.Dense(2)])
    model.save("m")
    return model


def test_a_model_without_a_schema_takes_numbers(capsys):
    model = plain_model()
    write("a.csv", [["a", "b"], [1, 2], [3, 4.5]])
    np.savez("a.npz", x=[[1, 2], [3, 4.5]])
    expected = model.predict([[1, 2], [3, 4.5]])
    for data in ("a.csv", "a.npz"):
        names, *rows = table(run(capsys, "predict", "m", data).out)
        assert names == ["output_0", "output_1"]
        assert np.allclose(np.array(rows, float), expected)
    write("b.csv", [["a", "b"], [1, "x"]])
    assert "columns b have words" in run(capsys, "predict", "m", "b.csv", code=1).err
    write("c.csv", [["a"], [1]])
    error = run(capsys, "predict", "m", "c.csv", code=1).err
    assert "c.csv: the model takes 2 columns, all there are" in error
    assert "the file has 1: a; give" in error
    write("d.csv", [[*"abcdef"], range(6)])
    error = run(capsys, "predict", "m", "d.csv", code=1).err
    assert "the file has 6: a, b, c, d, ...; give" in error
    assert "no schema" in run(capsys, "evaluate", "m", "a.csv", code=1).err
    inputs = fastnn.Input((2,))
    fastnn.Model(inputs, [inputs + 1, inputs * 2]).save("two")
    assert "has several outputs" in run(capsys, "predict", "two", "a.csv", code=1).err


def test_a_model_is_explained(capsys):
    write("a.csv", flowers(60))
    run(capsys, "train", "a.csv", "--target", "kind", "--epochs", "1", "--save", "m")
    text = run(capsys, "explain", "m").out
    assert "inputs: long, wide\noutputs: kind=iris, kind=rose, kind=tulip\n" in text
    assert "Total params" in text
    assert ": predict, 32 rows" in text
    found = told(capsys, "explain", "m", "--profile", "--batch-size", "8", "--training")
    assert (found["mode"], found["rows"], found["inputs"]) == ("train", 8, ["long", "wide"])
    assert found["flops"] == sum(each["flops"] for each in found["operations"])
    assert all(each["seconds"] >= 0 for each in found["operations"])
    assert {each["threads"] for each in found["operations"]} <= {"one", "all"}
    assert run(capsys, "explain", "m", "--html", "m.html").out.endswith("page in m.html\n")
    assert told(capsys, "explain", "m", "--html", "m.html")["files"] == {"page": "m.html"}
    page = Path("m.html").read_text("utf-8")
    for part in ("<p>inputs: long, wide</p>", ">Total params", ">dense_fwd", "</body></html>"):
        assert part in page
    with pytest.raises(SystemExit):
        main(["explain", "m", "--html", "m.txt"])
    assert "the file must end in .html (see" in capsys.readouterr().err


@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_a_model_is_drawn(capsys, suffix):
    plain_model()
    assert told(capsys, "plot", "m", f"a.{suffix}")["files"] == {"picture": f"a.{suffix}"}
    assert Path(f"a.{suffix}").read_bytes()[:5] in (b"\x89PNG\r", b"<?xml")


def trained(capsys):
    """A model of a table, its samples, and what it makes of them."""
    write("a.csv", houses(40))
    run(capsys, "train", "a.csv", "--target", "price", "--epochs", "2", "--save", "m")
    model = fastnn.models.load_model("m")
    x = model.schema.read("a.csv").astype(np.float32)
    return model, x, model.predict(x)


def test_a_model_is_exported_for_onnxruntime(capsys):
    _, x, expected = trained(capsys)
    assert told(capsys, "export", "m", "a.onnx")["bytes"] == Path("a.onnx").stat().st_size
    session = onnxruntime.InferenceSession("a.onnx", providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {session.get_inputs()[0].name: x})
    assert np.allclose(found, expected, rtol=1e-4)


def test_a_model_is_exported_in_c(capsys):
    model, x, expected = trained(capsys)
    assert "a.c: " in run(capsys, "export", "m", "a.c").out
    text = Path("a.c").read_text()
    fill = model.schema.inputs.fills[0]
    assert f" *     x[0] area ({fill:.9g} if missing)\n *     x[1] city=K\\xf6ln\n" in text
    assert " *     x[4] garden=yes\n *\n *     y[0] price\n" in text
    values = ", ".join(map(str, x[0]))
    Path("main.c").write_text(
        f"""
        #include <stdio.h>
        #include "a.c"
        int main(void)
        {{
            float x[] = {{ {values} }}, y[1];
            a_predict(x, y);
            printf("%.9g", y[0]);
            return 0;
        }}"""
    )
    compiler = os.environ.get("CC", "cc").split()
    subprocess.run([*compiler, "-std=c99", "-ffp-contract=off", "main.c", "-o", "a"], check=True)
    found = subprocess.run(["./a"], capture_output=True, text=True, check=True).stdout
    assert float(found) == pytest.approx(float(expected[0, 0]), rel=1e-6)


def test_no_name_of_a_column_leaves_the_comment_in_c(capsys):
    names = ["*/ int one;", "/*/ two", "**//", "\x1b[31m four\nfive", "last\\", "y??/"]
    rows = [[*np.round(RNG.normal(size=5), 3), i % 2] for i in range(40)]
    write("a.csv", [names, *rows])
    options = ["--target", "y??/", "--task", "regression", "--epochs", "1", "--export", "net.c"]
    run(capsys, "train", "a.csv", *options)
    strict = ["-std=c99", "-pedantic", "-Wall", "-Wextra", "-Wtrigraphs", "-Werror", "-c"]
    compiler = os.environ.get("CC", "cc").split()
    done = subprocess.run([*compiler, *strict, "net.c"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    text = Path("net.c").read_text()
    assert "[31m four five (" in text
    assert "x[4] last/ (" in text
    assert "\x1b" not in text


@pytest.mark.parametrize("name", ["a.npz", "a.safetensors", "a.weights.h5"])
def test_weights_are_exported(capsys, name):
    model, x, expected = trained(capsys)
    run(capsys, "export", "m", name)
    for variable in model.trainable_weights:
        variable.assign(np.zeros(variable.shape))
    assert not np.array_equal(model.predict(x), expected)
    model.load_weights(name)
    assert np.array_equal(model.predict(x), expected)


def test_a_model_is_exported_for_keras(capsys):
    _, x, expected = trained(capsys)
    run(capsys, "export", "m", "a.keras")
    assert np.array_equal(fastnn.from_keras("a.keras").predict(x), expected)


def test_what_the_numbers_mean_is_exported(capsys):
    model, _, _ = trained(capsys)
    run(capsys, "export", "m", "a.json")
    found = json.loads(Path("a.json").read_text())
    assert found["outputs"] == ["price"]
    assert found["inputs"] == ["area", "city=Köln", "city=Ulm", "garden=no", "garden=yes"]
    assert Schema.from_config(found["schema"]) == model.schema
    plain_model()
    assert "no schema" in run(capsys, "export", "m", "b.json", code=1).err
    with pytest.raises(SystemExit) as ended:
        main(["export", "m", "a.doc"])
    assert ended.value.code == 2
    assert "must end in .c, .onnx, .keras" in capsys.readouterr().err


def test_a_training_exports_what_it_saves(capsys):
    write("a.csv", flowers(60))
    words = ["train", "a.csv", "--target", "kind", "--epochs", "2", "--save"]
    names = ["net.c", "net.onnx", "net.keras", "net.npz", "net.json"]
    exports = [word for name in names for word in ("--export", name)]
    assert told(capsys, *words, "m", *exports)["files"]["exports"] == names
    assert "exported to net.c\n" in run(capsys, *words, "same", "--export", "net.c").out
    run(capsys, *words, "without")
    assert Path("m").read_bytes() == Path("without").read_bytes()
    Path("later").mkdir()
    for name in ("net.npz", "net.json"):
        run(capsys, "export", "m", f"later/{name}")
        assert Path(name).read_bytes() == Path("later", name).read_bytes()
    model = fastnn.models.load_model("m")
    x = model.schema.read("a.csv").astype(np.float32)
    assert np.array_equal(fastnn.from_keras("net.keras").predict(x), model.predict(x))
    session = onnxruntime.InferenceSession("net.onnx", providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {session.get_inputs()[0].name: x})
    assert np.allclose(found, model.predict(x), atol=1e-6)
    meaning = session.get_modelmeta().custom_metadata_map
    schema = model.schema
    assert json.loads(meaning["features"]) == schema.inputs.features
    assert json.loads(meaning["outputs"]) == schema.target.outputs
    assert json.loads(meaning["classes"]) == schema.target.classes


def built(source, *flags):
    compiler = os.environ.get("CC", "cc").split()
    words = [*compiler, "-std=c99", "-ffp-contract=off", *flags, source, "-o", "program"]
    return subprocess.run(words, capture_output=True, text=True)


def test_a_training_puts_samples_into_its_file_in_c(capsys):
    write("a.csv", flowers(60))
    words = ["train", "a.csv", "--target", "kind", "--epochs", "2"]
    run(capsys, *words, "--save", "m", "--export", "my-net 1.0.c")
    assert "my-net 1.0.c: a network" in Path("my-net 1.0.c").read_text()
    assert built("my-net 1.0.c", "-DMY_NET_1_0_TEST").stderr == ""
    said = subprocess.run(["./program"], capture_output=True, text=True, check=True).stdout
    assert said == "my_net_1_0: 8 of 8 samples as predicted, bit for bit\n"
    run(capsys, "train", "digits", "--epochs", "1", "--export", "net.c")
    assert built("net.c", "-DNET_TEST").stderr == ""
    said = subprocess.run(["./program"], capture_output=True, text=True, check=True).stdout
    assert said == "net: 8 of 8 samples as predicted, bit for bit\n"
    run(capsys, "export", "m", "none.c")
    error = built("none.c", "-DNONE_TEST").stderr
    assert "there are no samples in this file: `fastnn export --test DATA` puts some in" in error
    assert built("none.c", "-c").stderr == ""


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("2nd.c", "net_2nd"),
        ("für.c", "f_r"),
        ("int.c", "net_int"),
        ("_a.c", "net__a"),
        (f"{'a' * 90}.c", "a" * 36),
        ("net.c", "net"),
    ],
)
def test_any_file_in_c_has_names_that_c_knows(capsys, file, name):
    plain_model()
    run(capsys, "export", "m", file)
    assert f"\nvoid {name}_predict(" in Path(file).read_text()
    assert built(file, "-c").stderr == ""


def test_an_export_in_c_is_given_samples_of_a_file(capsys):
    trained(capsys)
    run(capsys, "export", "m", "2nd.c", "--test", "a.csv")
    assert built("2nd.c", "-DNET_2ND_TEST").stderr == ""
    said = subprocess.run(["./program"], capture_output=True, text=True, check=True).stdout
    assert said == "net_2nd: 8 of 8 samples as predicted, bit for bit\n"
    err = refused(capsys, "export", "m", "a.npz", "--test", "a.csv")
    assert "--test is for a .c, which tests itself; got a.npz" in err
    Path("b.c").touch()
    assert "is the same file as --test" in refused(capsys, "export", "m", "b.c", "--test", "b.c")


@pytest.mark.parametrize(
    ("source", "name", "missing", "words"),
    [
        ("a.csv", "a.safetensors", "safetensors", "pip install 'fastnn[safetensors]'"),
        ("a.csv", "a.onnx", "onnx", "pip install 'fastnn[onnx]'"),
        ("digits", "a.keras", "h5py", "pip install 'fastnn[h5]'"),
    ],
)
def test_what_cannot_be_exported_is_told_before_the_training(
    capsys, monkeypatch, source, name, missing, words
):
    def trained(*_, **__):
        raise AssertionError("it has trained")

    monkeypatch.setattr(fastnn.Sequential, "fit", trained)
    for module in [missing, *(each for each in sys.modules if each.startswith(f"{missing}."))]:
        monkeypatch.setitem(sys.modules, module, None)
    write("a.csv", flowers(60))
    target = [] if source == "digits" else ["--target", "kind"]
    options = ["--save", "m", "--export", "a.npz", "--export", name]
    assert words in run(capsys, "train", source, *target, *options, code=1).err
    assert os.listdir() == ["a.csv"]
    with pytest.raises(SystemExit):
        main(["train", source, "--export", "a.doc"])
    assert "must end in .c, .onnx, .keras" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["predict", "evaluate", "explain", "plot", "export"])
def test_a_file_that_is_no_model_is_told(capsys, command):
    write("a.csv", flowers(20))
    others = {"explain": [], "plot": ["a.png"], "export": ["a.npz"]}
    words = [command, "a.csv", *others.get(command, ["a.csv"])]
    assert "a.csv: not a fastnn model file: it is text" in run(capsys, *words, code=1).err


def test_a_file_that_is_no_model_is_called_what_it_is(capsys):
    np.savez("a.npz", x=[1])
    Path("a.png").write_bytes(b"\x89PNG\r\n\x1a\n\0")
    Path("a").write_bytes(b"\xef\xbb\xbf\n")
    plain_model()
    Path("b").write_bytes(Path("m").read_bytes()[:900])
    for name, what in (
        ("a.npz", "no fastnn model: it is an npz file, of arrays; `fastnn train --save` writes"),
        ("a.png", "no fastnn model: it is a picture"),
        ("a", "it is text; `fastnn train --save` makes a model of a table"),
        ("b", "the file is truncated"),
    ):
        assert what in run(capsys, "explain", name, code=1).err


@pytest.mark.parametrize(
    ("name", "words"), [("m.onnx", "fastnn.onnx.load reads"), ("m.keras", "from_keras reads")]
)
def test_a_model_of_others_is_told(capsys, name, words):
    Path(name).write_bytes(b"\x08\n\x12\x06fastnn")
    write("a.csv", [["a"], [1]])
    assert words in run(capsys, "predict", name, "a.csv", code=1).err


class Mine(fastnn.Model):
    """A model of a caller's."""

    def call(self, x):
        return x + 1


def test_a_model_of_own_classes_is_for_python_whatever_its_file_is_called(capsys):
    own, short = Mine(), Path("short.keras")
    own.predict(np.ones((2, 3)))
    for name in ("m.fastnn", "m.keras"):
        own.save(name)
        err = run(capsys, "explain", name, code=1).err
        assert f"fastnn: {name}: no model class 'Mine'; if it is yours, pass it" in err
        assert "in Python, as the command line knows fastnn's own alone" in err
    short.write_bytes(Path("m.keras").read_bytes()[:-100])
    assert "short.keras: the file is truncated" in run(capsys, "explain", str(short), code=1).err


def test_a_model_behind_the_data_is_told(capsys):
    plain_model()
    write("a.csv", [["a", "b"], [1, 2]])
    Path("folder").mkdir()
    for command in ("predict", "evaluate"):
        err = run(capsys, command, "a.csv", "m", code=1).err
        assert err == "fastnn: a.csv: no model; m is one: MODEL comes first, then DATA\n"
    assert "folder: a folder; a model is a file" in run(capsys, "explain", "folder", code=1).err
    assert "no table of text: it is a fastnn model" in run(capsys, "predict", "m", "m", code=1).err


# ---- processes -----------------------------------------------------------------------------------


def process(*words, **options):
    path = str(Path(fastnn.__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": path}
    command = [sys.executable, "-m", "fastnn", *map(str, words)]
    return subprocess.Popen(command, env=environment, text=True, **options)


def test_a_killed_training_goes_on_and_ends_with_the_same_bits(capsys):
    write("a.csv", flowers())
    words = ["train", "a.csv", "--target", "kind", "--patience", "0", "--quiet"]
    words += ["--epochs", "80", "--hidden", "99"]
    run(capsys, *words, "--save", "whole")
    running = process(*words, "--resume", "run", "--save", "resumed")
    while not Path("run/training.fastnn").exists():
        assert running.poll() is None
        time.sleep(0.002)
    running.kill()
    running.wait()
    assert not Path("resumed").exists()
    run(capsys, *words, "--resume", "run", "--save", "resumed")
    assert Path("resumed").read_bytes() == Path("whole").read_bytes()
    error = run(capsys, *words, "--resume", "run", "--batch-size", "64", code=1).err
    assert "training.fastnn" in error


def test_a_training_that_goes_on_says_from_where(capsys):
    write("a.csv", flowers(60))
    words = ["train", "a.csv", "--target", "kind", "--resume", "run"]
    first = run(capsys, *words, "--epochs", "2").out
    assert "resumed" not in first
    assert "\ntrained      2 epochs in " in first
    again = run(capsys, *words, "--epochs", "1").out
    assert "\ncomplete     after 2 epochs, more than --epochs 1: nothing was trained" in again
    assert "trained      2" not in again
    notes = told(capsys, *words, "--epochs", "3")["notes"]
    assert "resumed      goes on with epoch 3" in notes
    assert "\ntrained      5 epochs, 2 of them now, in " in run(capsys, *words, "--epochs", "5").out
    err = run(capsys, *words, "--epochs", "5", "--seed", "5", code=1).err
    assert "training.fastnn: this training was begun with another seed than 5" in err


def test_a_training_that_stopped_early_is_told_from_one_that_is_complete(capsys):
    write("a.csv", [["a", "y"], *([RNG.normal(), RNG.normal()] for _ in range(60))])
    words = ["train", "a.csv", "--target", "y", "--resume", "run"]
    first = told(capsys, *words, "--epochs", "100", "--patience", "2")
    ran = first["epochs_run"]
    assert ran < 100
    again = run(capsys, *words, "--epochs", "200", "--patience", "5").out
    assert f"\nstopped      early after {ran} epochs, 2 without a better val_loss" in again
    assert f"nothing was trained; the weights are those of the best, number {ran - 2}" in again
    err = run(capsys, *words, "--patience", "0", code=1).err
    assert "--patience was above 0 when this training was begun, and is 0; give" in err
    words[-1] = "other"
    run(capsys, *words, "--epochs", "2", "--patience", "0")
    complete = run(capsys, *words, "--epochs", "2", "--patience", "0").out
    assert "\ncomplete     after 2 epochs: nothing was trained; the weights are" in complete
    err = run(capsys, *words, "--patience", "3", code=1).err
    assert "--patience was 0 when this training was begun, and is 3; give" in err


def test_probabilities_of_numbers_and_patience_with_nothing_are_refused(capsys):
    trained(capsys)
    fastnn.Sequential([fastnn.Input((2,)), fastnn.layers.Dense(1)]).save("plain")
    for model in ("m", "plain"):
        assert "--proba is for a model" in refused(capsys, "predict", model, "a.csv", "--proba")
    words = ["train", "a.csv", "--target", "price", "--validation", "0", "--patience"]
    assert "--patience is for a training with rows held out" in refused(capsys, *words, "3")
    run(capsys, *words, "0", "--epochs", "1")


def test_rare_classes_are_weighed_up(capsys):
    rows = [[*np.round(RNG.normal(size=2), 3), "no" if i % 10 else "yes"] for i in range(200)]
    write("a.csv", [["a", "b", "y"], *rows])
    words = ["train", "a.csv", "--target", "y", "--epochs", "30", "--dropout", "0"]
    found = told(capsys, *words, "--class-weight", "balanced")
    assert found["choices"]["class_weight"] == {"0": pytest.approx(160 / 288), "1": 5}
    assert "weights      no 0.556, yes 5: each class counts as much" in found["notes"]
    plain = told(capsys, *words)
    assert plain["choices"]["class_weight"] is None
    assert sum(row[1] for row in plain["confusion"]) == 0  # nobody is told yes
    assert sum(row[1] for row in found["confusion"]) > 0
    write("b.csv", [["a", "y"], *([i % 9, i / 7] for i in range(60))])
    error = refused(capsys, "train", "b.csv", "--target", "y", "--class-weight", "balanced")
    assert "--class-weight is for one target of classes" in error


def test_weighed_classes_are_judged_by_the_recall_of_each(capsys):
    rows = [[*np.round(RNG.normal(1.5 * (i % 20 == 0), 1, 2), 3), i % 20 == 0] for i in range(600)]
    write("a.csv", [["a", "b", "y"], *rows])
    words = ["train", "a.csv", "--target", "y", "--epochs", "40", "--class-weight", "balanced"]
    found = told(capsys, *words)
    worth, baseline = found["scores"], found["baseline"]
    assert worth["accuracy"] < baseline["accuracy"]
    matrix = np.array(found["confusion"])
    recall = (matrix.diagonal() / matrix.sum(axis=1)).mean()
    assert worth["balanced_accuracy"] == pytest.approx(recall)
    assert recall > baseline["balanced_accuracy"] == 0.5
    assert "the model is no better" not in run(capsys, *words).out


@pytest.mark.parametrize(
    ("confusion", "useless"),
    [([[300, 200], [55, 45]], True), ([[300, 200], [10, 90]], False), ([[0, 9], [0, 0]], True)],
)
def test_a_recall_that_chance_explains_is_none(confusion, useless):
    confusion = np.array(confusion)
    target = Target("binary", ["y"], [["no", "yes"]])
    worth = {"accuracy": confusion.trace() / confusion.sum()}
    y = np.zeros((9, 1))
    found = scores.Scores(target, 9, worth, {"accuracy": 5 / 6}, confusion, y, y)
    assert found.is_of_no_use is useless


def test_the_auc_of_a_rare_class_is_that_of_all_pairs(capsys):
    z = np.random.default_rng(3).normal(size=3000).round(2)
    words = np.where(np.random.default_rng(4).random(3000) < np.exp(z - 6.5), "yes", "no")
    write("a.csv", [["x", "y"], *zip(z.tolist(), words.tolist(), strict=True)])
    run(capsys, "train", "a.csv", "--target", "y", "--epochs", "3", "--save", "m")
    found = told(capsys, "evaluate", "m", "a.csv")["scores"]["auc"]
    rows = table(run(capsys, "predict", "m", "a.csv", "--proba").out)
    share = np.array([float(row[rows[0].index("y=yes")]) for row in rows[1:]])
    gaps = share[words == "yes"][:, None] - share[words == "no"]
    assert share.max() < 0.1
    assert found == pytest.approx((gaps > 0).mean() + (gaps == 0).mean() / 2, abs=1e-3)


@pytest.mark.parametrize(
    ("confusion", "area", "useless"),
    [
        ([[300, 0], [9, 0]], 0.98, False),
        ([[300, 0], [9, 0]], 0.62, True),  # which chance explains
        ([[9, 0], [1, 0]], 1.0, True),  # of one row in ten it does, too
        ([[9, 0], [0, 0]], np.nan, True),
    ],
)
def test_a_model_that_ranks_the_rows_is_of_use(confusion, area, useless):
    confusion = np.array(confusion)
    share = confusion[0, 0] / confusion.sum()
    target, y = Target("binary", ["y"], [["no", "yes"]]), np.zeros((9, 1))
    worth = {"accuracy": share, "auc": area}
    found = scores.Scores(target, 9, worth, {"accuracy": share}, confusion, y, y)
    assert found.is_of_no_use is useless
    assert ("no better than the baseline" in found.text("here")) is useless
    assert ("--class-weight balanced" not in found.text("here")) is useless
    assert "--class-weight balanced" not in found.text("here", weighed=True)


def test_a_rare_class_that_is_mostly_missed_is_told_whatever_the_accuracy():
    confusion = np.array([[199, 0], [40, 1]])
    target, y = Target("binary", ["y"], [["no", "yes"]]), np.zeros((240, 1))
    worth = {"accuracy": 200 / 240, "auc": 0.77}
    found = scores.Scores(target, 240, worth, {"accuracy": 199 / 240}, confusion, y, y)
    assert "finds less than half of a rare class; --class-weight balanced" in found.text("here")
    confusion[1] = 15, 26
    assert "--class-weight" not in found.text("here")


def test_a_class_that_is_not_rare_is_not_to_be_weighed_up():
    confusion = np.array([[40, 0], [40, 0]])
    target, y = Target("binary", ["y"], [["cat", "dog"]]), np.zeros((80, 1))
    worth = {"accuracy": 0.5, "auc": 0.9}
    found = scores.Scores(target, 80, worth, {"accuracy": 0.5}, confusion, y, y)
    assert "--class-weight" not in found.text("here")


@pytest.mark.parametrize("step", [1, -1])
def test_a_column_that_counts_rows_does_so_where_some_have_no_target(capsys, step):
    rows = [[step * i, RNG.normal(), "" if i in (7, 8, 90) else "ab"[i % 2]] for i in range(120)]
    write("a.csv", [["respondent", "age", "buy"], *rows])
    said = run(capsys, "train", "a.csv", "--target", "buy", "--epochs", "1").out
    assert "3 rows without buy" in said
    assert "left out     respondent: it counts the rows" in said
    rows[50][0], rows[51][0] = rows[51][0], rows[50][0]
    write("a.csv", [["respondent", "age", "buy"], *rows])
    said = run(capsys, "train", "a.csv", "--target", "buy", "--epochs", "1").out
    assert "numbers      respondent, age" in said


def test_long_names_of_classes_stay_apart():
    names = [f"a_name_that_all_the_classes_begin_with_{end}" for end in ("one", "two")]
    names += [f"a_name_of_the_same_begin_{middle}_and_of_the_same_end" for middle in ("1", "2")]
    target, y = Target("classes", ["y"], [names]), np.zeros((9, 1))
    matrix = np.eye(4)
    found = scores.Scores(target, 4, {"accuracy": 1}, {"accuracy": 0.25}, matrix, y, y)
    *_, head, _, one, two, three, four = found.text("here").splitlines()
    begins = [line.split()[0] for line in (one, two, three, four)]
    assert begins == ["a_name_that…in_with_one", "a_name_that…in_with_two", *names[2:]]
    assert "-> a_nam…h_one" in head


def test_the_loss_to_stop_by_is_weighed_as_that_of_the_training(capsys, monkeypatch):
    fit, seen = fastnn.Sequential.fit, []

    def watched(model, *given, **options):
        seen.append(options["validation_data"])
        return fit(model, *given, **options)

    monkeypatch.setattr(fastnn.Sequential, "fit", watched)
    rows = [[RNG.normal(), "no" if i % 10 else "yes"] for i in range(200)]
    write("a.csv", [["a", "y"], *rows])
    words = ["train", "a.csv", "--target", "y", "--epochs", "1"]
    run(capsys, *words)
    run(capsys, *words, "--class-weight", "balanced")
    (_, y), (_, _, weights) = seen
    assert weights.tolist() == pytest.approx([5 if yes else 160 / 288 for yes in y[:, 0]])


def test_more_units_than_memory_has_room_for_are_refused(capsys, monkeypatch):
    write("a.csv", flowers(60))
    words = ["train", "a.csv", "--target", "kind", "--epochs", "1", "--hidden"]
    err = run(capsys, *words, "100000000000", code=1).err
    assert "--hidden 100000000000 makes 500,000,000,000 weights, which take " in err
    monkeypatch.setattr(planning, "memory", lambda: 2700)
    assert "makes 50 weights" in run(capsys, *words, "10", code=1).err  # batches take it
    np.savez("a.npz", x=RNG.random((60, 9, 9)), y=RNG.integers(3, size=60))
    err = run(capsys, "train", "a.npz", "--epochs", "1", "--hidden", "10", code=1).err
    assert f"makes {4 * 4 * 32 * 10 + 30:,} weights" in err


def test_a_model_that_has_learnt_nothing_is_called_that(capsys):
    write("a.csv", [["a", "y"], *([RNG.normal(), RNG.normal()] for _ in range(60))])
    useless = "the model is no better than the baseline"
    words = ["train", "a.csv", "--target", "y", "--epochs", "1", "--optimizer", "sgd"]
    assert useless in run(capsys, *words, "--learning-rate", "1e-9").out
    rows = [[i % 7, i % 7 > 3] for i in range(60)]
    write("b.csv", [["a", "y"], *rows])
    assert useless not in run(capsys, "train", "b.csv", "--target", "y", "--save", "m").out
    write("c.csv", [["a", "y"], *([a, not y] for a, y in rows)])
    assert useless in run(capsys, "evaluate", "m", "c.csv").out


def test_the_epoch_that_is_kept_is_named(capsys):
    write("a.csv", flowers(60))
    words = ["train", "a.csv", "--target", "kind"]
    said = run(capsys, *words, "--epochs", "1", "--batch-size", "64").out
    assert "1 epoch of 1 batch of 64, takes the best by val_loss; adam" in said
    assert "trained      1 epoch in " in said
    assert "the weights are those of the best, number 1\n" in said
    said = run(capsys, *words, "--epochs", "2", "--validation", "0").out
    assert "training     2 epochs of 4 batches of 16; adam\n" in said
    assert "the weights are those of the last\n" in said


@pytest.mark.parametrize(("errors", "useless"), [((1, 9), False), ((3, 9), True)])
def test_several_targets_are_of_use_if_one_is(errors, useless):
    y = np.array([[-2.0, 0.01], [2.0, -0.01]])
    target = Target("numbers", ["large", "small"], [])
    found = scores.Scores(target, 2, {}, {}, None, y + np.array(errors), y)
    assert found.is_of_no_use is useless
    assert found.by_target["large"]["baseline"] == 2
    constant = scores.Scores(target, 2, {}, {}, None, y, 0 * y)
    assert "undefined" in constant.text("of a file")


def test_what_separates_values_can_be_given_to_all_that_read(capsys):
    rows = [["a", "y"], *(["no" if i % 2 else "yes", i / 3] for i in range(40))]
    write("a.csv", rows, delimiter="#")
    run(capsys, "train", "a.csv", "--target", "y", "--delimiter", "#", "--save", "m")
    for command in ("predict", "evaluate"):
        assert "there is no column" in run(capsys, command, "m", "a.csv", code=1).err
        words = [command, "m", "a.csv", "--delimiter"]
        run(capsys, *words, "#", "--encoding", "utf-8")
        assert "must be one character" in refused(capsys, *words, "ab")
        assert "must be an encoding" in refused(capsys, *words, "#", "--encoding", "frob")
    run(capsys, "train", "digits", "--epochs", "1", "--save", "d")
    assert "has learnt from four in five" in run(capsys, "evaluate", "d", "digits").err
    error = refused(capsys, "predict", "d", "digits", "--delimiter", ";")
    assert "--delimiter is for a CSV file; the model reads other data" in error
    plain_model()
    np.savez("a.npz", x=np.ones((2, 3), np.float32))
    error = refused(capsys, "predict", "m", "a.npz", "--delimiter", ";")
    assert "--delimiter is for a CSV file" in error


@pytest.mark.parametrize("unit", [1e-30, 1e-18, 1e-9, 1.0, 1e9, 1e17])
def test_the_size_of_numbers_does_not_matter(capsys, unit):
    rng = np.random.default_rng(0)
    x = rng.uniform(1, 9, 200)
    for name, power in (("a.csv", 1), ("b.csv", -1)):
        pairs = zip(x * unit**power, x / unit**power, strict=True)
        write(name, [["a", "y"], *([f"{a:.6e}", f"{b:.6e}"] for a, b in pairs)])
    np.savez("c.npz", x=x[:, None] * unit, y=x * 3)
    sources = ("a.csv", "b.csv", "c.npz") if unit > 1e-19 else ("c.npz",)
    for source in sources:  # whose numbers are not beyond 1e19
        run(capsys, "train", source, "--target", "y", "--save", "m", "--export", "m.keras")
        scores = told(capsys, "evaluate", "m", source)["scores"]
        assert scores["r2"] > 0.99, source
        assert scores["loss"] > 0, source
        x = fastnn.models.load_model("m").schema.read(source)
        y = np.load(source)["y"] if source == "c.npz" else pandas.read_csv(source)["y"].to_numpy()
        squares = (fastnn.models.load_model("m").predict(x)[:, 0].astype(np.float64) - y) ** 2
        assert np.isclose(scores["loss"], squares.mean(), rtol=1e-9, atol=0), source
        assert np.isclose(scores["rmse"] ** 2, squares.mean(), rtol=1e-9, atol=0), source
        ours, theirs = (fastnn.models.load_model(name).predict(x) for name in ("m", "m.keras"))
        assert np.allclose(ours, theirs, rtol=1e-5, atol=0), source


def test_numbers_that_float32_cannot_scale_are_named(capsys):
    rows = [(i, 1e-40 * (i % 7)) for i in range(60)]
    write("a.csv", [["a", "y"], *rows])
    error = run(capsys, "train", "a.csv", "--target", "y", code=1).err
    assert "the target y has numbers that differ by 6e-40, too little" in error
    error = run(capsys, "train", "a.csv", "--target", "a", code=1).err
    assert "y: numbers that differ by 6e-40, too little for float32; give them in a sm" in error
    np.savez("a.npz", x=np.array([[y] for _, y in rows]), y=np.arange(60.0))
    error = run(capsys, "train", "a.npz", code=1).err
    assert "'x' has numbers that differ by 6e-40, too little for float32; give them in a" in error
    np.savez("a.npz", x=np.zeros((60, 2)), y=np.arange(60.0))
    error = run(capsys, "train", "a.npz", code=1).err
    assert "'x' is the same in every row: nothing can be learnt" in error


def test_what_is_no_number_hides_none_that_float32_cannot_scale():
    x = np.array([[np.nan, 1e-40], [np.nan, 7e-40]])
    assert sizes.too_small(x).startswith("numbers that differ by 6e-40")
    assert [sizes.too_small(each) for each in (x[:, :1], x[:, :0], x[:0])] == [""] * 3


def test_errors_are_those_of_the_targets_as_they_are(capsys):
    x = np.linspace(0, 1, 80)
    np.savez("a.npz", x=x[:, None], y=1e9 + x)
    run(capsys, "train", "a.npz", "--save", "m", "--epochs", "3")
    scores = told(capsys, "evaluate", "m", "a.npz")["scores"]
    y = fastnn.models.load_model("m").predict(x[:, None]).astype(np.float64)[:, 0]
    assert np.isclose(scores["mae"], np.abs(y - (1e9 + x)).mean())
    assert scores["mae"] > 0


def test_scores_that_are_not_defined_are_told_so(capsys):
    x = np.linspace(0, 1, 80)
    rows = np.arange(80)
    for name, task, y in (("n", "regression", rows / 1e3), ("c", "classification", rows % 2)):
        np.savez("a.npz", x=x[:, None], y=y)
        run(capsys, "train", "a.npz", "--save", name, "--epochs", "2", "--task", task)
        np.savez("b.npz", x=x[:9, None], y=np.full(9, y[4]))
        word = {"n": "r2", "c": "auc"}[name]
        assert f"{word} undefined" in run(capsys, "evaluate", name, "b.npz").out
        assert told(capsys, "evaluate", name, "b.npz")["scores"][word] is None


def test_a_score_that_is_no_number_is_no_undefined_one():
    y, worth = np.zeros((2, 1)), {"loss": np.nan, "r2": np.nan}
    found = scores.Scores(Target("numbers", ["y"], []), 2, worth, {"rmse": 0.0}, None, y, y)
    found.metrics["rmse"] = np.nan
    assert "loss nan  r2 undefined  rmse nan\n" in found.text("held out")


def test_a_column_of_signs_that_nothing_is_there_is_left_out(capsys):
    write("a.csv", [["x", "n", "y"], *((i % 9, "NA" if i % 3 else "", i) for i in range(60))])
    words = ["train", "a.csv", "--target", "y", "--epochs", "1"]
    assert "left out     n: it has no value in the rows" in run(capsys, *words).out
    assert "n (1 and missing)" in run(capsys, *words, "--keep", "n").out


def test_empty_cells_and_signs_of_none_are_one_gap(capsys):
    words = ["EU", "NA", "", "US", "n/a", "none"]
    write("a.csv", [["x", "n", "y"], *((i % 9, words[i % 6], i) for i in range(60))])
    run(capsys, "train", "a.csv", "--target", "y", "--epochs", "1", "--save", "m")
    schema = fastnn.models.load_model("m").schema
    assert schema.inputs.words == {"n": ["", "EU", "US", "none"]}
    write("b.csv", [["x", "n"], *((1, each) for each in ["", "NA", "?", "EU"])])
    assert schema.read("b.csv")[:, 1].tolist() == [1, 1, 1, 0]
    rows = ((i % 9, words[i % 2], i) for i in range(60))
    write("c.csv", [["x", "n", "y"], *rows])
    run(capsys, "train", "c.csv", "--target", "y", "--epochs", "1", "--save", "m")
    assert fastnn.models.load_model("m").schema.inputs.words == {"n": ["EU", "NA"]}
    table = fastnn.datasets.read_csv("a.csv", target="y")
    assert table.categories == {"n": ["", "EU", "US", "none"]}


def test_rows_without_a_number_to_compare_with_are_told(capsys):
    rows = [["x", "y"], *((i / 7, i * 1.5) for i in range(60))]
    write("a.csv", rows)
    run(capsys, "train", "a.csv", "--target", "y", "--save", "m", "--epochs", "1")
    write("b.csv", [*rows[:20], [3, ""]])
    assert "note: 1 row without y: left out" in run(capsys, "evaluate", "m", "b.csv").err


def test_a_frame_of_the_training_is_read_as_its_file(capsys):
    rng = np.random.default_rng(0)
    prices = [f"{i % 90 + 1}.{i % 900 + 100} €" for i in range(90)]
    rows = [(f"{rng.normal():.2f}".replace(".", ","), price) for price in prices]
    write("a.csv", [["a", "p", "y"], *((a, p, i) for i, (a, p) in enumerate(rows))], delimiter=";")
    run(capsys, "train", "a.csv", "--target", "y", "--save", "m", "--epochs", "1")
    schema = fastnn.models.load_model("m").schema
    x = schema.read("a.csv")
    assert x[0].tolist()[1] == 1100
    assert schema.inputs.complete == ["a", "p"]
    assert np.array_equal(schema.read(pandas.read_csv("a.csv", sep=";", decimal=",")), x)
    assert np.array_equal(schema.read(pandas.read_csv("a.csv", sep=";", dtype=str)), x)


def test_models_of_ones_own_with_a_schema_are_evaluated(capsys):
    x = np.linspace(0, 1, 60)
    for name, task, y in (("n", "regression", x * 2), ("c", "classification", np.arange(60) % 2)):
        np.savez("a.npz", x=x[:, None], y=y)
        run(capsys, "train", "a.npz", "--save", "m", "--epochs", "1", "--task", task)
        loss, last = ("mse", None) if name == "n" else ("binary_crossentropy", "sigmoid")
        layer = fastnn.layers.Dense(1, last, kernel_regularizer="l2")
        model = fastnn.Sequential([fastnn.Input((1,)), layer])
        model.compile("sgd", loss)
        model.schema = fastnn.models.load_model("m").schema
        model.save("own")
        scores = told(capsys, "evaluate", "own", "a.npz")["scores"]
        assert np.isclose(scores["loss"], model.evaluate(x[:, None], y, verbose=0))
        assert {"n": "rmse", "c": "accuracy"}[name] in scores


def test_models_without_a_loss_are_evaluated_by_that_of_their_task(capsys):
    x = np.linspace(0, 1, 60)
    for name, y in (("n", x * 2), ("c", np.arange(60) % 2), ("k", np.arange(60) % 3)):
        np.savez("a.npz", x=x[:, None], y=y)
        run(capsys, "train", "a.npz", "--save", "m", "--epochs", "2")
        model = fastnn.models.load_model("m")
        bare = fastnn.models.clone_model(model)
        bare.set_weights(model.get_weights())
        bare.schema = model.schema
        bare.save("bare")
        found = [told(capsys, "evaluate", each, "a.npz")["scores"] for each in ("m", "bare")]
        assert found[0] == found[1], name


@pytest.mark.parametrize("name", ["", "Unnamed: 0"])
def test_the_index_of_a_frame_is_an_id(capsys, name):
    index = np.random.default_rng(0).permutation(80).tolist()
    write("a.csv", [[name, "x", "y"], *([i, i % 7, i * 1.5] for i in index)])
    said = run(capsys, "train", "a.csv", "--target", "y", "--epochs", "1").out
    assert "it looks like an id: first, no name, whole numbers, no two alike" in said
    assert re.search(r"^numbers +x$", said, re.M)
    keep = ["--keep", name or "column 0"]
    assert f"(--keep {keep[1]!r} takes it)" in said
    said = run(capsys, "train", "a.csv", "--target", "y", "--epochs", "1", *keep).out
    assert re.search(rf"^numbers +{keep[1]}, x$", said, re.M)


@pytest.mark.parametrize("name", ["customer_id", "Order-No", "row id", "ID", "customerId"])
@pytest.mark.parametrize("is_id", [True, False])
def test_whole_numbers_are_an_id_if_they_are_called_as_one(capsys, name, is_id):
    name = name if is_id else re.sub("[ _-]?(no|id)$", "z", name, flags=re.I)
    write("a.csv", [[name, "x", "y"], *([10000 + 7 * i, i % 7, i * 1.5] for i in range(80))])
    said = run(capsys, "train", "a.csv", "--target", "y", "--epochs", "1").out
    assert (f"{name}: it looks like an id: it is called as one, whole" in said) is is_id


def test_constants_of_any_size_are_constants(capsys):
    write("a.csv", [["c", "x", "y"], *((7.3e-26, i % 9, i * 1.5) for i in range(60))])
    out = run(capsys, "train", "a.csv", "--target", "y", "--epochs", "1", "--save", "m").out
    assert "c: it is the same in all rows" in out
    write("b.csv", [["x", "y"], *((i, 7.3e-26) for i in range(10))])
    assert "r2 undefined" in run(capsys, "evaluate", "m", "b.csv").out


def test_truth_that_is_written_in_many_ways_is_one_column(capsys):
    ways = ["TRUE", "true", "True", "1", "FALSE", "false", "0"]
    rows = [(ways[i % 7], (i % 7 < 4) + i * 0.001) for i in range(140)]
    write("a.csv", [["on", "y"], *rows])
    assert "on (2)" in run(capsys, "train", "a.csv", "--target", "y", "--epochs", "1").out
    out = run(capsys, "train", "a.csv", "--target", "on", "--epochs", "1").out
    assert "classification: on has 2 classes (FALSE, TRUE)" in out


@pytest.mark.parametrize("written", ["m2", "m^2", "m\u00b2", "kg/m2"])
def test_powers_of_units_are_read_however_they_are_written(capsys, written):
    rows = [["size", "y"], *([f"{i / 7:.2f} {written}", i] for i in range(60, 120))]
    write("a.csv", rows)
    said = run(capsys, "train", "a.csv", "--target", "y", "--save", "m").out
    sign = written.replace("m2", "m\u00b2").replace("m^2", "m\u00b2")
    assert f"numbers are read without their {sign}: size" in said
    write("b.csv", [[a.replace(written, sign), y] for a, y in rows])
    scores = [told(capsys, "evaluate", "m", each)["scores"] for each in ("a.csv", "b.csv")]
    assert scores[0] == scores[1]


def test_another_unit_than_that_of_the_training_is_refused(capsys):
    rows = [["mass", "y"], *([f"{i / 7:.2f} kg", f"{2 * i} m"] for i in range(60, 120))]
    write("a.csv", rows)
    run(capsys, "train", "a.csv", "--target", "y", "--save", "m")
    write("b.csv", [[a.replace("kg", "lb"), y] for a, y in rows])
    for command in ("predict", "evaluate"):
        error = run(capsys, command, "m", "b.csv", code=1).err
        assert "mass: numbers with lb, the model was trained on numbers with kg" in error
    write("c.csv", [[a, y.replace("m", "cm") if " " in y else y] for a, y in rows])
    run(capsys, "predict", "m", "c.csv")
    assert "y: numbers with cm" in run(capsys, "evaluate", "m", "c.csv", code=1).err
    write("d.csv", [["mass"], ["70 kg"], ["71"]])
    assert "mass: 1 number without the kg" in run(capsys, "predict", "m", "d.csv").err
    write("d.csv", [["mass"], ["70"], ["71"]])
    assert "mass: numbers without the kg" in run(capsys, "predict", "m", "d.csv").err


def test_numbers_that_float32_does_not_tell_apart_are_named(capsys):
    rows = [["a", "y"], *([1e9 + i / 2, i] for i in range(60))]
    write("a.csv", rows)
    said = run(capsys, "train", "a.csv", "--target", "y", "--epochs", "1").out
    assert "a: float32 tells numbers of this size apart by 64; subtract a constant" in said
    rows = [["a", "y"], *([i / 7, 1_700_000_000 + i] for i in range(60))]
    write("a.csv", rows)
    said = run(capsys, "train", "a.csv", "--target", "y", "--epochs", "1").out
    assert "y: float32 tells numbers of this size apart by 128; subtract a constant" in said
    write("a.csv", [[a, i if i == "y" else i - 1_700_000_000] for a, i in rows])
    assert "float32" not in run(capsys, "train", "a.csv", "--target", "y", "--epochs", "1").out


def test_numbers_of_any_type_are_measured_without_overflow_or_copies(capsys):
    signs = np.where(np.arange(60) % 7 < 3, -1, 1)[:, None]
    for dtype, size in (("float16", 6e4), ("float32", 3e38), ("float32", 1e9)):
        x = (signs * size / 3 + size / 2 if size == 1e9 else signs * size).astype(dtype)
        np.savez("a.npz", x=x, y=np.arange(60.0))
        found = run(capsys, "train", "a.npz", "--epochs", "1")
        assert (found.err, "float32 tells" in found.out) == ("", False), dtype
    x = 1e9 + 100 * np.arange(60, dtype=np.float32)[:, None]
    np.savez("a.npz", x=x, y=np.arange(60.0))
    assert "x[0]: float32 tells" in run(capsys, "train", "a.npz", "--epochs", "1").out
    for dtype, share in (("uint8", 0.1), ("float32", 0.1)):
        x = RNG.integers(0, 255, (4000, 200)).astype(dtype)
        tracemalloc.start()
        sources._tell_coarse(list(map(str, range(200))), x, pytest.fail)
        assert tracemalloc.get_traced_memory()[1] < share * x.nbytes, dtype
        tracemalloc.stop()


def test_notes_of_the_rows_to_test_on_stand_under_the_others(capsys):
    x = RNG.normal(size=(40, 2))
    y = np.array([np.nan, *x[1:, 0]])
    np.savez("a.npz", x_train=x, y_train=x[:, 0], x_test=x, y_test=y)
    said = run(capsys, "train", "a.npz", "--epochs", "1").out
    assert "\n             1 row without y_train" in said


def test_a_table_without_rows_and_words_of_json_for_tasks(capsys):
    write("a.csv", [["a", "y"]])
    error = run(capsys, "train", "a.csv", "--target", "y", code=1).err
    assert "a.csv: there is no row under the names" in error
    write("a.csv", [["a", "y"], *([i / 7, i % 3] for i in range(40))])
    words = ["train", "a.csv", "--target", "y", "--epochs", "1", "--task"]
    assert told(capsys, *words, "numbers")["task"] == "numbers"
    assert told(capsys, *words, "classes")["task"] == "classes"
    assert "must be one of classification, regression" in refused(capsys, *words, "clusters")


def test_columns_stand_beside_predictions(capsys, tmp_path):
    trained(capsys)
    write("b.csv", houses(5))
    rows = table(Path("b.csv").read_text())
    found = table(run(capsys, "predict", "m", "b.csv", "--with", "house_id,city").out)
    assert found[0] == ["house_id", "city", "price"]
    assert [row[:2] for row in found[1:]] == [[row[0], row[2]] for row in rows[1:]]
    every = table(run(capsys, "predict", "m", "b.csv", "--with", "all").out)
    assert every[0] == [*rows[0], "predicted price"]
    assert [row[:-1] for row in every[1:]] == rows[1:]
    assert [row[-1:] for row in every] == [["predicted price"], *(row[2:] for row in found[1:])]
    run(capsys, "predict", "m", "b.csv", "--with", "0", "--with", "remark", "--out", "c.csv")
    assert table(Path("c.csv").read_text())[2][1] == "see, 1"
    run(capsys, "predict", "m", "b.csv", "--with", "city", "--out", "c.npz")
    with np.load("c.npz") as file:
        assert file["beside"][:, 0].tolist() == [row[2] for row in rows[1:]]
        assert file["beside_names"].tolist() == ["city"]
    if hasattr(os, "mkfifo"):
        os.mkfifo("pipe")
        text = Path("b.csv").read_text()
        with subprocess.Popen([sys.executable, "-c", f"open('pipe', 'w').write({text!r})"]):
            assert len(table(run(capsys, "predict", "m", "pipe", "--with", "city").out)) == 6
    predictions = told(capsys, "predict", "m", "b.csv", "--with", "0")["predictions"]
    assert [*predictions] == ["house_id", "price"]
    error = refused(capsys, "predict", "m", "b.csv", "--with", "id")
    assert "there is no column 'id'" in error
    plain_model()
    assert "--with is for a model that" in refused(capsys, "predict", "m", "b.csv", "--with", "0")


def test_what_gives_the_target_away_is_named(capsys):
    write("a.csv", [["a", "y", "b", "b"], *([i / 7, i % 2, i % 2, 1 - i % 2] for i in range(40))])
    said = run(capsys, "train", "a.csv", "--target", "y", "--epochs", "1").out
    assert "b: the same as the target in every row; --ignore b leaves it out\n" in said
    assert "columns of the same name: b, b.1 ...\n" in said
    error = refused(capsys, "train", "a.csv", "--target", "b")
    assert "--target b: two columns are called that; rename one" in error


def test_prices_and_shares_are_numbers(capsys):
    rows = [
        [f"{i % 30}.5" + " %" * (i % 8 > 0), f"$ {1000 + 100 * (i % 30):,}.00"] for i in range(90)
    ]
    write("a.csv", [["share", "price"], *rows])
    said = run(capsys, "train", "a.csv", "--target", "price", "--epochs", "50", "--save", "m")
    assert "             numbers are read without their $: price\n" in said.out
    assert "without their %: share\n             share: 12 of 90 have no %\n" in said.out
    assert "of the training, taken as if" not in said.out
    assert "regression: price" in said.out
    write("b.csv", [["share"], ["5.5"], ["13.5"]])
    low, high = (float(each) for (each,) in table(run(capsys, "predict", "m", "b.csv").out)[1:])
    assert 1000 < low < 1900 < high < 2800


def test_units_are_read_and_words_that_differ_in_capitals_named(capsys):
    rows = [
        [f"{RNG.normal(70, 9):.1f} kg", ("Male", "male", "female")[n % 3], "YES" if n % 2 else "no"]
        for n in range(90)
    ]
    rows[5][2] = rows[7][2] = "yes"
    write("b.csv", [["weight", "sex", "ill"], *rows])
    said = run(capsys, "train", "b.csv", "--target", "ill", "--epochs", "2")
    assert "numbers are read without their kg: weight\n" in said.out
    assert "sex: 'Male' and 'male' differ in capitals only, and are two\n" in said.out
    assert "'YES' and 'yes' differ in capitals only, and are two" in said.out


def test_the_curve_of_weighed_classes_says_so(capsys, monkeypatch):
    drawn = []
    monkeypatch.setattr(pictures, "draw_curves", lambda *given: drawn.append(given[3]["loss"]))
    write("b.csv", [["a", "y"], *([i * 7 % 31, int(i % 9 == 0)] for i in range(90))])
    for words in ([], ["--class-weight", "balanced"]):
        run(capsys, "train", "b.csv", "--target", "y", "--epochs", "2", "--plot", "b.png", *words)
    assert drawn == ["loss", "loss, each class weighing as much"]


def test_the_curve_of_a_regression_says_what_its_loss_is_of():
    y = np.arange(9.0)[:, None]
    found = scores.Scores(Target("numbers", ["y"], []), 9, {"r2": 1.0}, {}, None, y, y)
    history = {"loss": [2.0, 1.0], "val_loss": [2.0, 1.0]}
    figure = pictures.report(type("History", (), {"history": history}), found)
    assert figure.subfigs[0].axes[0].get_title() == "loss of the scaled target"


def test_a_terminal_sees_one_line_that_changes():
    write("a.csv", flowers(40))
    master, terminal = pty.openpty()
    words = ["train", "a.csv", "--target", "kind", "--epochs", "3", "--patience", "0"]
    running = process(*words, stdout=terminal, stderr=terminal)
    assert running.wait(60) == 0
    os.close(terminal)
    shown = os.read(master, 1 << 16).decode()
    os.close(master)
    assert [f"\repoch {n}/3  loss " in shown for n in (1, 2, 3, 4)] == [True] * 3 + [False]
    assert "val_loss" in shown


def test_who_stops_reading_gets_no_traceback():
    plain_model()
    write("a.csv", [["a", "b"], *([i, i] for i in range(20_000))])
    reader, writer = os.pipe()
    running = process("predict", "m", "a.csv", stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    os.read(reader, 10)
    os.close(reader)
    assert running.communicate()[1] == ""
    assert running.returncode == 141


@pytest.mark.parametrize("quiet", [[], ["--quiet"]])
def test_who_stops_reading_gets_the_files(quiet):
    write("a.csv", flowers())
    words = ["train", "a.csv", "--target", "kind", "--epochs", "2", "--save", "m", *quiet]
    reader, writer = os.pipe()
    running = process(*words, "--export", "m.c", stdout=writer, stderr=writer)
    os.close(writer)
    os.close(reader)
    assert running.wait(60) == 141
    assert Path("m.c").exists()
    assert fastnn.models.load_model("m").schema.target.names == ["kind"]


@pytest.mark.parametrize("source", [["digits"], ["a.csv", "--target", "kind"]])
def test_scores_are_printed_when_the_files_are_there_or_cannot_be(capsys, monkeypatch, source):
    write("a.csv", flowers())
    words = ["train", *source, "--epochs", "1", "--quiet", "--save", "m"]

    def full(options, *_):
        assert capsys.readouterr().out == ""
        raise OSError("no space left")

    monkeypatch.setattr(keeping, "keep", full)
    said = run(capsys, *words, code=1)
    assert said.err == "fastnn: no space left\n"
    assert re.search(r"held out: loss|test images read right", said.out)


def test_what_is_printed_by_a_process_is_utf_8_and_nothing_else(capsys):
    write("a.csv", houses(40))
    words = ["train", "a.csv", "--target", "price", "--epochs", "2", "--save", "m"]
    running = process(*words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, err = running.communicate()
    assert (running.returncode, err) == (0, "")
    assert "epoch 1" not in out
    assert "fastnn predict m a.csv" in out
    assert saving.load_model("m").schema.target.names == ["price"]
