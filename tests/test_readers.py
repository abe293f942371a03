"""Files of data: what is read, and that no file, however made, does anything else."""

import builtins
import gzip
import io
import os
import pickle
import struct
import warnings
import zipfile

import numpy as np
import pytest

from fastnn.data.pickles import read_pickle
from fastnn.datasets import (
    cifar10,
    cifar100,
    fashion_mnist,
    mnist,
    read_csv,
    read_idx,
    read_npz,
)
from fastnn.errors import DataFileError

RNG = np.random.default_rng(0)

# ---- IDX and MNIST -------------------------------------------------------------------------------

CODES = {"u1": 8, "i1": 9, ">i2": 11, ">i4": 12, ">f4": 13, ">f8": 14}


def idx(array, kind="u1"):
    head = struct.pack(f">HBB{array.ndim}I", 0, CODES[kind], array.ndim, *array.shape)
    return head + array.astype(kind).tobytes()


@pytest.mark.parametrize("kind", CODES)
@pytest.mark.parametrize("shape", [(5,), (2, 3, 4), (0, 7)])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_idx_of_every_type(tmp_path, kind, shape, pack):
    array = RNG.integers(0, 100, shape).astype(kind)
    path = tmp_path / "a"
    path.write_bytes(pack(idx(array, kind)))
    found = read_idx(path)
    assert np.array_equal(found, array)
    assert found.dtype == np.dtype(kind).newbyteorder("=")
    assert found.flags.writeable


GOOD = idx(np.arange(12).reshape(3, 4))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not an IDX file: it begins with"),
        (b"\0\0\x08", "not an IDX file"),
        (b"PK\3\4aaaa", "it begins with 50 4b 03 04"),
        (b"\0\0\x07\1\0\0\0\1a", "not an IDX file"),
        (b"\0\0\x08\0", "not an IDX file"),
        (GOOD[:9], "cut off among the sizes of its 2 axes"),
        (GOOD[:-1], r"shape \(3, 4\) needs 12 bytes, there are 11"),
        (GOOD + b"a", "needs 12 bytes, there are more"),
        (struct.pack(">HBB4I", 0, 8, 4, *[2**32 - 1] * 4) + b"abc", "bytes, there are 3"),
        (struct.pack(">HBB99I", 0, 8, 99, *[1] * 99) + b"a", "a: "),
        (gzip.compress(GOOD, mtime=0)[:-3], "a: "),
        (gzip.compress(GOOD, mtime=0)[:-5] + b"abcde", "a: "),
        (b"\x1f\x8b" + b"a" * 30, "a: "),
    ],
)
def test_idx_that_is_none_is_refused(tmp_path, content, words):
    path = tmp_path / "a"
    path.write_bytes(content)
    with pytest.raises(DataFileError, match=words) as caught:
        read_idx(path)
    assert len(str(caught.value)) < 400


def images(rows, *shape):
    return RNG.integers(0, 256, (rows, *shape)).astype("u1")


DIGITS = {
    "train-images-idx3-ubyte": images(6, 28, 28),
    "train-labels-idx1-ubyte": np.arange(6, dtype="u1"),
    "t10k-images-idx3-ubyte": images(3, 28, 28),
    "t10k-labels-idx1-ubyte": np.arange(3, dtype="u1"),
}


@pytest.fixture
def no_home(monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "datasets"


def written(folder, suffix=".gz", dot=False, **changes):
    folder.mkdir(parents=True)
    for name, array in {**DIGITS, **changes}.items():
        content = idx(array) if isinstance(array, np.ndarray) else array
        spelt = name.replace("-idx", ".idx") if dot else name
        (folder / (spelt + suffix)).write_bytes(
            gzip.compress(content, mtime=0) if suffix else content
        )
    return folder


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("dot", [False, True])
def test_mnist_from_its_four_files(tmp_path, suffix, dot):
    (x, y), (x_test, y_test) = mnist.load_data(written(tmp_path / "m", suffix, dot))
    wanted = list(DIGITS.values())
    for found, array in zip((x, y, x_test, y_test), wanted, strict=True):
        assert found.dtype == np.uint8
        assert np.array_equal(found, array)


def test_mnist_from_what_keras_has_fetched(no_home):
    no_home.mkdir(parents=True)
    keys = ("x_train", "y_train", "x_test", "y_test")
    np.savez(no_home / "mnist.npz", **dict(zip(keys, DIGITS.values(), strict=True)))
    (x, _), (_, y_test) = mnist.load_data()
    assert np.array_equal(x, DIGITS["train-images-idx3-ubyte"])
    assert y_test.tolist() == [0, 1, 2]
    written(no_home / "fashion-mnist")
    assert len(fashion_mnist.load_data()[0][0]) == 6


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"train-images-idx3-ubyte": images(6, 28, 27)}, r"uint8\(6, 28, 27\)"),
        ({"t10k-labels-idx1-ubyte": np.arange(4, dtype="u1")}, r"uint8\(4,\)"),
        ({"train-labels-idx1-ubyte": np.arange(5, 11, dtype="u1")}, "train label 10 is no digit"),
        ({"train-labels-idx1-ubyte": b"GIF8"}, "train-labels-idx1-ubyte.gz: not an IDX"),
    ],
)
def test_mnist_whose_files_do_not_go_together(tmp_path, change, words):
    with pytest.raises(DataFileError, match=words):
        mnist.load_data(written(tmp_path / "m", **change))


def test_what_is_missing_is_named_and_nothing_is_downloaded(no_home, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"downloads nothing; give the path of mnist\.npz"):
        mnist.load_data()
    (written(tmp_path / "m") / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(FileNotFoundError, match="has no t10k-labels-idx1-ubyte and no"):
        mnist.load_data(tmp_path / "m")
    for load in (cifar10.load_data, cifar100.load_data):
        with pytest.raises(FileNotFoundError, match=r"cifar-100?-python\.tar\.gz"):
            load()
    np.savez(tmp_path / "a.npz", x=np.zeros(1))
    with pytest.raises(DataFileError, match="it has x; expected x_train"):
        mnist.load_data(tmp_path / "a.npz")


# ---- CIFAR ---------------------------------------------------------------------------------------


def cifar_parts(rows, classes):
    return images(rows, 3072), RNG.integers(0, classes, rows)


def protocol_2(value):
    """A pickle of Python 2, as CIFAR's are: strings of bytes, names of NumPy 1."""

    class Writer(pickle._Pickler):
        dispatch = pickle._Pickler.dispatch.copy()

        def save_bytes(self, value):
            self.write(b"T" + struct.pack("<i", len(value)) + value)
            self.memoize(value)

        dispatch[bytes] = save_bytes

    file = io.BytesIO()
    Writer(file, 2).dump(value)
    return file.getvalue().replace(b"numpy._core.multiarray", b"numpy.core.multiarray")


def as_images(pixels):
    return pixels.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)


@pytest.mark.parametrize("kind", ["python", "python 3", "binary"])
def test_cifar10_of_either_version(tmp_path, kind):
    parts = [cifar_parts(4, 10) for _ in range(6)]
    names = [*(f"data_batch_{n}" for n in range(1, 6)), "test_batch"]
    for name, (pixels, labels) in zip(names, parts, strict=True):
        batch = {b"batch_label": b"one", b"labels": labels.tolist(), b"data": pixels}
        if kind == "binary":
            content = np.column_stack([labels.astype("u1"), pixels]).tobytes()
            (tmp_path / f"{name}.bin").write_bytes(content)
        else:
            content = protocol_2(batch) if kind == "python" else pickle.dumps(batch)
            (tmp_path / name).write_bytes(content)
    (x, y), (x_test, y_test) = cifar10.load_data(tmp_path)
    assert np.array_equal(x, np.concatenate([as_images(p) for p, _ in parts[:5]]))
    assert np.array_equal(y[:, 0], np.concatenate([labels for _, labels in parts[:5]]))
    assert np.array_equal(x_test, as_images(parts[5][0]))
    assert (x.dtype, y.dtype, y_test.shape) == (np.uint8, np.uint8, (4, 1))
    assert x.flags.c_contiguous


@pytest.mark.parametrize("kind", ["python", "binary"])
@pytest.mark.parametrize("mode", ["fine", "coarse"])
def test_cifar100_of_either_version(tmp_path, kind, mode):
    wanted = {}
    for name in ("train", "test"):
        pixels, fine = cifar_parts(5, 100)
        coarse = fine // 5
        wanted[name] = as_images(pixels), {"fine": fine, "coarse": coarse}[mode]
        if kind == "binary":
            content = np.column_stack([coarse.astype("u1"), fine.astype("u1"), pixels]).tobytes()
            (tmp_path / f"{name}.bin").write_bytes(content)
        else:
            labels = {b"fine_labels": fine.tolist(), b"coarse_labels": coarse.tolist()}
            (tmp_path / name).write_bytes(protocol_2({**labels, b"data": pixels}))
    found = dict(zip(("train", "test"), cifar100.load_data(mode, tmp_path), strict=True))
    for name, (x, y) in found.items():
        assert np.array_equal(x, wanted[name][0])
        assert np.array_equal(y[:, 0], wanted[name][1])
    with pytest.raises(ValueError, match="label_mode must be 'fine' or 'coarse'"):
        cifar100.load_data("rough", tmp_path)


PIXELS, LABELS = cifar_parts(2, 10)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("test_batch.bin", b"\0" * 3074, "3074 bytes are no whole number of 3073"),
        ("test_batch.bin", b"", "0 bytes are no whole"),
        ("test_batch.bin", b"\x0a" + b"\0" * 3072, "label 10 is none of 10 classes"),
        ("test_batch", pickle.dumps([1]), "expected a dict with data and labels, got list"),
        ("test_batch", pickle.dumps({"data": PIXELS}), "expected data and labels, there are data"),
        (
            "test_batch",
            pickle.dumps({"data": PIXELS[:, :9].copy(), "labels": [0, 1]}),
            "no array of 3072",
        ),
        ("test_batch", pickle.dumps({"data": PIXELS, "labels": [0]}), "no list of 2"),
        ("test_batch", pickle.dumps({"data": PIXELS, "labels": [0, True]}), "no whole number"),
        ("test_batch", pickle.dumps({"data": PIXELS, "labels": [0, 99]}), "label 99 is none"),
    ],
)
def test_cifar_that_is_none_is_refused(tmp_path, name, content, words):
    from fastnn.data.cifar import read_cifar

    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataFileError, match=words):
        read_cifar(tmp_path / name)


# ---- pickles -------------------------------------------------------------------------------------

PLAIN = {
    "numbers": [0, 1, -1, 255, 256, 65536, 2**40, -(2**70)],
    "texts": ["", "a", "ü" * 300],
    "bytes": [b"", b"a", b"\xff" * 300],
    "nothing": [None, True, False],
    "tuples": [(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)],
    "lists": [[], [[]], [1, [2, {3: 4}]]],
    7: {b"k": {"x": ()}},
}


@pytest.mark.parametrize("protocol", range(2, 6))
def test_plain_data_comes_out_as_it_was(protocol):
    assert read_pickle(pickle.dumps(PLAIN, protocol)) == PLAIN


@pytest.mark.parametrize("protocol", range(2, 5))
@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_of_bytes_come_out_as_they_were(protocol, order):
    for shape in ((3, 4), (0,), (2, 1, 5)):
        array = np.asarray(images(*shape), order=order)
        found = read_pickle(pickle.dumps({"a": array}, protocol))["a"]
        assert type(found) is np.ndarray
        assert found.dtype == np.uint8
        assert np.array_equal(found, array)


def test_what_is_there_twice_stays_so():
    shared = [1, 2]
    found = read_pickle(pickle.dumps([shared, shared]))
    assert found[0] is found[1]


class Calls:
    """Its pickle calls a function."""

    def __init__(self, *what):
        self.what = what

    def __reduce__(self):
        return self.what


def spy(*arguments):
    SPIED.append(arguments)


SPIED = []


class Subclass(np.ndarray):
    pass


REAL = np.arange(3.0)
U8 = np.arange(3, dtype="u1")

ATTACKS = {
    "a function of the system": pickle.dumps(Calls(os.system, ("touch /tmp/pwned",))),
    "eval": pickle.dumps(Calls(eval, ("1",))),
    "a function of ours": pickle.dumps(Calls(spy, (1,))),
    "getattr": pickle.dumps({"a": Calls(getattr, ("a", "upper"))}),
    "numpy's own loader": pickle.dumps(Calls(np.load, ("x",))),
    "a class": pickle.dumps(io.BytesIO),
    "an instance": pickle.dumps(DataFileError("x")),
    "an old instance": b"(i__builtin__\neval\nI1\n.",
    "an object by OBJ": b"(c__builtin__\neval\nI1\no.",
    "newobj": b"\x80\x02cnumpy\nndarray\n(K\x01tR\x81.",
    "a name alone": b"cnumpy\nndarray\n.",
    "a name in a list": b"](cnumpy\ndtype\ne.",
    "an extension": b"\x80\x02\x82\x01.",
    "a persistent id": b"Pabc\n.",
    "a persistent id of the stack": b"K\x01Q.",
    "numbers": pickle.dumps(REAL, 2),
    "numbers by buffer": pickle.dumps(REAL, 5),
    "bytes by buffer": pickle.dumps(U8, 5),
    "objects": pickle.dumps(np.array([{}], object), 2),
    "a subclass": pickle.dumps(U8.view(Subclass), 2),
    "records": pickle.dumps(np.zeros(2, "u1,u1"), 2),
    "a set": pickle.dumps({1, 2}),
    "a frozen set": pickle.dumps(frozenset([1])),
    "a float": pickle.dumps(1.5),
    "a complex number": pickle.dumps(1j),
    "a bytearray": pickle.dumps(bytearray(b"a")),
    "an array without content": b"\x80\x02cnumpy.core.multiarray\n_reconstruct\nq\x00"
    b"cnumpy\nndarray\nK\x00\x85U\x01b\x87R.",
    "bytes of a size": b"c__builtin__\nbytes\nJ\xff\xff\xff\x7f\x85R.",
    "too long a shape": pickle.dumps(U8, 2).replace(b"K\x03\x85", b"K\x7f\x85"),
    "a negative shape": pickle.dumps(U8, 2).replace(b"K\x03\x85", b"J\xff\xff\xff\xff\x85"),
    "a key that cannot be one": b"}]K\x01s.",
    "a key of tuples": pickle.dumps({(1, 2): 3}),
    "itself": b"]q\x00h\x00a.",
    "a dict in itself": b"}q\x00K\x01h\x00s.",
    "an odd number of items": b"}(K\x01u.",
    "the empty stack": b".",
    "two results": b"K\x01K\x02.",
    "no mark": b"]e.",
    "no memo": b"h\x05.",
    "an unknown instruction": b"\xff.",
    "no end": b"K\x01",
    "nothing": b"",
    "text": b"hello, world",
    "bytes longer than the file": b"B\xff\xff\xff\x7fabc.",
    "bytes of a negative length": b"T\xff\xff\xff\xffabc.",
    "appending to a name": b"cnumpy\nndarray\nK\x01a.",
    "building a list": b"]}b.",
    "building a name": b"cnumpy\nndarray\n}b.",
    "calling a list": b"]K\x01\x85R.",
    "a number of a thousand digits of another base": b"I0x1\n.",
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_pickle_does_anything_but_hold_data(attack, monkeypatch):
    imported = []
    real = builtins.__import__
    monkeypatch.setattr(
        builtins, "__import__", lambda name, *a, **k: imported.append(name) or real(name, *a, **k)
    )
    with pytest.raises(DataFileError) as caught:
        read_pickle(ATTACKS[attack])
    assert len(str(caught.value)) < 400
    assert not SPIED
    assert not [name for name in imported if name.startswith(("os", "io", "builtins", "tests"))]


def test_nests_of_what_is_there_twice_take_no_time():
    doubled = b"]q\x00" + b"".join(
        b"]q%c(h%ch%ce" % (n + 1, n, n) for n in range(60)
    )  # 2^60 lists, if each were made anew
    with pytest.raises(DataFileError):  # 61 values are left on the stack
        read_pickle(doubled + b".")
    nested = b"]q\x00" + b"0".join(b"]q%c(h%ch%ce" % (n + 1, n, n) for n in range(60)) + b"."
    value = read_pickle(b"K\x000" + nested.replace(b"]q\x00]", b"]q\x000]"))
    assert value[0] is value[1]


@pytest.mark.parametrize("seed", range(30))
def test_damaged_pickles_are_refused_or_plain(seed):
    rng = np.random.default_rng(seed)
    whole = pickle.dumps({"labels": [1, 2, 300], "data": images(2, 5), "t": ("a", b"b")}, 2)
    for _ in range(40):
        content = bytearray(whole)
        for at in rng.integers(0, len(content), 3):
            content[at] = rng.integers(0, 256)
        try:
            found = read_pickle(bytes(content))
        except DataFileError:
            continue
        assert plain(found)


def plain(value):
    if isinstance(value, list | tuple):
        return type(value) in (list, tuple) and all(map(plain, value))
    if isinstance(value, dict):
        return type(value) is dict and all(map(plain, [*value, *value.values()]))
    if isinstance(value, np.ndarray):
        return value.dtype == np.uint8
    return value is None or type(value) in (int, bool, str, bytes)


# ---- npz -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz_of_any_plain_array(tmp_path, save):
    arrays = {
        "a": RNG.normal(size=(3, 4)),
        "b": np.asarray(images(2, 3), order="F"),
        "c": np.array(7),
        "d": np.array(["x", "yz"]),
        "e": np.zeros((0, 3), "i8"),
    }
    save(tmp_path / "a.npz", **arrays)
    found = read_npz(tmp_path / "a.npz")
    assert list(found) == list(arrays)
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        assert np.array_equal(found[name], array)
        assert found[name].flags.writeable


def npy(header, content, version=1):
    text = header.encode()
    text += b" " * (63 - (len(text) + 10) % 64) + b"\n"
    return b"\x93NUMPY" + bytes([version, 0]) + struct.pack("<H", len(text)) + text + content


HEADER = "{'descr': '%s', 'fortran_order': False, 'shape': %s, }"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (npy(HEADER % ("|O", "(1,)"), pickle.dumps(Calls(spy, ()))), "holds objects"),
        (npy(HEADER % ("<f8", "(2,)"), b"12345678"), "not as long as its shape"),
        (npy(HEADER % ("<f8", "(2000000000000,)"), b"12345678"), "not as long as its shape"),
        (npy("[1]", b""), "is not an array"),
        (npy(HEADER % ("<f8", "(1,)"), b"12345678", version=9), "unknown version"),
        (b"hello", "is not an array"),
    ],
)
def test_npz_that_is_none_is_refused(tmp_path, content, words):
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.npy", content)
    with pytest.raises(DataFileError, match=words):
        read_npz(path)
    assert not SPIED


def test_what_is_no_npz_file_is_named(tmp_path):
    with pytest.raises(DataFileError, match="no npz file of arrays: it is a folder"):
        read_npz(tmp_path)
    (tmp_path / "a.csv").write_text("a,b\n")
    with pytest.raises(DataFileError, match=r"a\.csv: no npz file of arrays: numpy.savez writes"):
        read_npz(tmp_path / "a.csv")
    np.save(tmp_path / "a.npy", [1])
    with pytest.raises(DataFileError, match=r"an \.npy file, which has one array"):
        read_npz(tmp_path / "a.npy")
    with pytest.raises(FileNotFoundError):
        read_npz(tmp_path / "b.npz")


def test_npz_that_is_damaged_is_refused(tmp_path):
    path = tmp_path / "a.npz"
    np.savez_compressed(path, a=images(50, 50))
    whole = path.read_bytes()
    path.write_bytes(whole[:-40])
    with pytest.raises(DataFileError, match=r"a\.npz: "):
        read_npz(path)
    path.write_bytes(whole[:200] + bytes([whole[200] ^ 1]) + whole[201:])
    with pytest.raises(DataFileError, match=r"a\.npz: "):
        read_npz(path)


# ---- CSV -----------------------------------------------------------------------------------------


def table(tmp_path, text, **options):
    path = tmp_path / "a.csv"
    path.write_text(text)
    return read_csv(path, **options)


def test_csv_of_numbers_and_words(tmp_path):
    found = table(tmp_path, "a,b,c\n1,x, 2.5\n\n-3e2,y,\n4,x,1\n", target="b")
    assert found.names == ["a", "c"]
    assert np.array_equal(found.x, [[1, 2.5], [-300, np.nan], [4, 1]], equal_nan=True)
    assert found.y.tolist() == [0, 1, 0]
    assert found.categories == {"b": ["x", "y"]}


def test_csv_without_names(tmp_path):
    found = table(tmp_path, "1;2\n3;4\n", delimiter=";", target=-1)
    assert (found.names, found.x.tolist(), found.y.tolist()) == (["0"], [[1], [3]], [2, 4])
    assert found.y.dtype == np.int64
    words = table(tmp_path, "a,b\nc,d\n", header=False)
    assert words.categories == {"0": ["a", "c"], "1": ["b", "d"]}
    assert table(tmp_path, "2020,2021\n1,2\n", header=True).names == ["2020", "2021"]
    assert table(tmp_path, "a,b\n1,2\n").y is None


def test_csv_with_quotes_marks_and_fractions(tmp_path):
    found = table(tmp_path, '\ufeffa,"b, c"\n1,"x ""y"", z"\n2,"line\nbreak"\n', target="a")
    assert found.names == ["b, c"]
    assert found.categories["b, c"] == ["line\nbreak", 'x "y", z']
    assert table(tmp_path, "a,b\n1,0.5\n2,1\n", target="b").y.dtype == np.float64


def test_csv_whose_separator_and_encoding_are_found(tmp_path):
    (tmp_path / "a.csv").write_bytes("größe;n\nß;1\n;\nü;2\n".encode("cp1252"))
    found = read_csv(tmp_path / "a.csv", delimiter=None, encoding=None, target="n")
    assert (found.names, found.y.tolist()) == (["größe"], [1, 2])
    assert found.categories == {"größe": ["ß", "ü"]}
    with pytest.raises(DataFileError, match=r"no table of text.* encoding=None: it is found out"):
        read_csv(tmp_path / "a.csv", delimiter=None)
    with pytest.raises(ValueError, match=r"only größe;n; delimiter=None finds out"):
        read_csv(tmp_path / "a.csv", encoding=None, target="n")


def test_csv_columns_of_numbers_may_be_words(tmp_path):
    text = "zip,n\n100,1\n20,2\n100,3\n"
    assert table(tmp_path, text).x[:, 0].tolist() == [100, 20, 100]
    found = table(tmp_path, text, categorical=["zip"])
    assert found.x[:, 0].tolist() == [0, 1, 0]
    assert found.categories == {"zip": ["100", "20"]}
    assert table(tmp_path, "a\n1_0\n2\n").categories == {"a": ["1_0", "2"]}  # float("1_0") is 10
    assert table(tmp_path, "a,b\n,1\n,2\n").categories == {"a": [""]}


def test_a_stray_word_leaves_numbers_what_they_are(tmp_path):
    numbers = [51.4, *range(9)]
    text = "\n".join(["a,b", *(f"{each}," for each in numbers), "k.A.,", "?,", "7,z"])
    with pytest.warns(UserWarning, match=r"'a': 11 of 12 are numbers, 'k.A.' is not: NaN") as told:
        found = table(tmp_path, text)
    assert [each.filename for each in told] == [__file__]
    assert np.array_equal(found.x[:, 0], [*numbers, np.nan, np.nan, 7], equal_nan=True)
    assert found.categories == {"b": ["", "z"]}
    with pytest.warns(UserWarning, match=r"'a': 2 of 3 are numbers, 'x' is not: taken as words"):
        assert table(tmp_path, "a\n1\n2\nx\n").categories == {"a": ["1", "2", "x"]}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        table(tmp_path, "a\n1\n2\nx\n", categorical=["a"])


@pytest.mark.parametrize(
    ("text", "options", "error", "words"),
    [
        ("", {}, DataFileError, "there is nothing in it"),
        ("a,b\n", {}, DataFileError, "no row under the names"),
        ("a,b\n1,2\n3\n", {}, DataFileError, "line 3 has 1 value.* delimiter=None"),
        ("a,a\n1,2\n", {}, ValueError, "two columns are called the same"),
        ("a,b\n1,2\n", {"target": "c"}, ValueError, "no column 'c'; there are a, b"),
        ("a,b\n1,2\n", {"target": 2}, ValueError, "no column 2"),
        ("a,b\n1,2\n", {"categorical": ["z"]}, ValueError, "no column 'z'"),
        ("a\n" + "x" * 200_000, {}, DataFileError, "no table of text"),
    ],
)
def test_csv_that_is_none_is_refused(tmp_path, text, options, error, words):
    with pytest.raises(error, match=words) as caught:
        table(tmp_path, text, **options)
    assert len(str(caught.value)) < 400


def test_csv_of_other_bytes_is_refused(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"a,b\n\xff\xfe,1\n")
    with pytest.raises(DataFileError, match="no table of text"):
        read_csv(tmp_path / "a.csv")


def test_csv_with_many_rows(tmp_path):
    x = RNG.normal(size=(20_000, 5))
    np.savetxt(tmp_path / "a.csv", x, delimiter=",", fmt="%.17g")
    assert np.array_equal(read_csv(tmp_path / "a.csv").x, x)
