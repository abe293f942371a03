"""Files that somebody made to hurt who loads them, and a word of the message that refuses each."""

import hashlib
import io
import json
import pickle
import struct
import zipfile
import zlib

import numpy as np

import fastnn
from fastnn import archive, saving
from fastnn.layers import Dense

SEAL = 64


def tiny():
    """As small as a model with an optimizer's state gets."""
    fastnn.set_seed(9)
    layers = [fastnn.Input((1,), name="i"), Dense(1, name="d", use_bias=False)]
    model = fastnn.Sequential(layers, name="m")
    model.compile(fastnn.optimizers.SGD(0.1, momentum=0.5), "mse")
    model.fit([[1.0]], [[2.0]], verbose=0)
    return model


def npy(array, version=(1, 0)):
    file = io.BytesIO()
    np.lib.format.write_array(file, array, version)
    return file.getvalue()


class Forgery:
    """The tiny model's file, taken apart; ``bytes`` puts it together as its writer would."""

    def __init__(self):
        with zipfile.ZipFile(io.BytesIO(saving.to_bytes(tiny()))) as file:
            self.entries = {name: file.read(name) for name in file.namelist()}
        sealed = np.load(io.BytesIO(self.entries.pop("config.npy"))).tobytes()
        self.config = json.loads(sealed[:-SEAL])
        self.text = None  # instead of the config
        self.method = zipfile.ZIP_STORED
        self.digests = True  # whether they are those of the entries
        self.after = []  # what is done to the zip before it is sealed
        self.infos = []  # what is done to the headers
        self.more = []  # entries once more, by name and content

    def bytes(self):
        config = dict(self.config)
        if self.digests:
            digests = {n: hashlib.sha256(each).hexdigest() for n, each in self.entries.items()}
            config["sha256"] = {**digests, **config.get("more", {})}
            config.pop("more", None)
        text = json.dumps(config).encode() if self.text is None else self.text
        sealed = archive.seal(text)
        entries = [*self.entries.items(), *self.more]
        entries.append(("config.npy", npy(np.frombuffer(sealed, np.uint8))))
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", self.method) as made:
            made.comment = bytes(SEAL)
            for name, content in entries:
                info = zipfile.ZipInfo(name)
                info.create_system = 3  # as fastnn says everywhere
                info.compress_type = self.method
                for change in self.infos:
                    change(info)
                made.writestr(info, content)
        body = file.getvalue()[:-SEAL]
        for change in self.after:
            body = change(body)
        return archive.seal(body)


WEIGHT, SLOTS, STEP = "weights/d/kernel.npy", "state/slots.npy", "state/step.npy"


def header(descr="'<f4'", fortran="False", shape="(1, 1)", rest="", align=64):
    """The header of an array, as an attacker writes it, with the tiny model's four bytes."""
    text = f"{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}, {rest}}}".encode()
    length = -(-(10 + len(text) + 1) // align) * align - 10
    text = text.ljust(length - 1) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + bytes(4)


class Bomb:
    """What must never be unpickled."""

    def __reduce__(self):
        return exec, ("raise SystemExit('the file ran code')",)


def _patched(signature, offset, form, value, which=0):
    """Return a change of one field of a zip's header, found by its signature."""

    def change(body):
        at = -1
        for _ in range(which + 1):
            at = body.index(signature, at + 1)
        body = bytearray(body)
        struct.pack_into(form, body, at + offset, value)
        return bytes(body)

    return change


def _entry(name, content):
    return lambda f: f.entries.__setitem__(name, content)


def _config(**changes):
    return lambda f: f.config.update(changes)


def _text(make):
    return lambda f: setattr(f, "text", make(json.dumps({**f.config, "sha256": {}})).encode())


def _schema(f):
    """The schema of one column of numbers, in place."""
    columns = {"header": True, "names": ["a"], "fills": [1.0], "words": {}, "decimal": ""}
    target = {"task": "numbers", "names": ["y"], "classes": []}
    return f.config.setdefault("schema", {"inputs": {"Columns": columns}, "target": target})


def _columns(f):
    return _schema(f)["inputs"]["Columns"]


def _layer(**changes):
    return lambda f: f.config["model"]["layers"][0]["config"].update(changes)


def _after(change):
    return lambda f: f.after.append(change)


def _info(**fields):
    def change(info):
        for name, value in fields.items():
            setattr(info, name, value)

    return lambda f: f.infos.append(change)


def _rename(name):
    def change(f):
        f.entries[name] = f.entries.pop(WEIGHT)

    return change


def _compressed(method):
    def change(f):
        f.method = method
        f.entries["weights/bomb.npy"] = bytes(1 << 22)

    return change


def _nested(f):
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("more.npy", bytes(1 << 20))
    f.entries["weights/inner.zip"] = inner.getvalue()


def _same_offset(body):
    """Let the second entry of the directory be the first once more."""
    at = body.index(b"PK\1\2", body.index(b"PK\1\2") + 1)
    return body[: at + 42] + bytes(4) + body[at + 46 :]


def _quine(body):
    """Let the directory begin at the start of the file."""
    end = body.rindex(b"PK\5\6")
    return body[: end + 16] + bytes(4) + body[end + 20 :]


def _wide(claim):
    """Put a zip64 field that claims so many bytes in the first header."""

    def change(body):
        length = struct.unpack_from("<H", body, 26)[0]
        extra = struct.pack("<2H2Q", 1, 16, claim, claim)
        start = body[:4] + struct.pack("<H", 45) + body[6:18] + b"\xff" * 8
        return (
            start
            + struct.pack("<2H", length, len(extra))
            + body[30 : 30 + length]
            + extra
            + (body[30 + length :])
        )

    return change


def _without_directory(body):
    return body[: body.index(b"PK\1\2")]


def _gap(body):
    at = body.index(b"PK\3\4", 4)
    return body[:at] + bytes(16) + body[at:]


#: What is done to the tiny model's file, and a word of the message.
FORGED = {
    # the zip
    "compressed by deflate": (_compressed(zipfile.ZIP_DEFLATED), "compressed"),
    "compressed by bzip2": (_compressed(zipfile.ZIP_BZIP2), "compressed"),
    "compressed by lzma": (_compressed(zipfile.ZIP_LZMA), "compressed|newer"),
    "a zip inside": (_nested, "inner.zip"),
    "two entries of one name": (
        lambda f: f.more.append((SLOTS, f.entries[SLOTS])),
        f"same name.*{SLOTS}",
    ),
    "an unknown entry": (
        lambda f: f.more.append(("weights/more.npy", npy(np.zeros(3)))),
        "lists other weights|does not know.*weights/more",
    ),
    "a missing entry": (_config(more={"weights/none.npy": "0"}), "weights/none.*missing"),
    "encrypted": (_after(_patched(b"PK\3\4", 6, "<H", 1)), "encrypted"),
    "sizes after the content": (_after(_patched(b"PK\3\4", 6, "<H", 8)), "size after its content"),
    "a newer zip": (_after(_patched(b"PK\3\4", 4, "<B", 63)), "newer zip"),
    "another method in the directory": (
        _after(_patched(b"PK\1\2", 10, "<H", 8)),
        "directory",
    ),
    "a larger size in the directory": (_after(_patched(b"PK\1\2", 24, "<L", 1 << 30)), "directory"),
    "a larger size in the header": (
        _after(_patched(b"PK\3\4", 22, "<L", 1 << 30)),
        "compressed|truncated",
    ),
    "both sizes of a gigabyte": (
        lambda f: f.after.extend(_patched(b"PK\3\4", at, "<L", 1 << 30) for at in (18, 22)),
        "truncated.*kernel",
    ),
    "a size that wraps": (
        lambda f: f.after.extend(_patched(b"PK\3\4", at, "<L", (1 << 32) - 2) for at in (18, 22)),
        "truncated.*kernel",
    ),
    "a zip64 size of an exabyte": (_after(_wide(1 << 60)), "truncated.*kernel"),
    "a zip64 size that is small": (_after(_wide(132)), "header.*kernel"),
    "a zip64 size of 2^64 - 1": (_after(_wide((1 << 64) - 1)), "truncated"),
    "overlapping entries": (_after(_same_offset), "directory"),
    "a directory in the entries": (_after(_quine), "directory"),
    "a truncated directory": (_after(lambda body: body[:-40]), "truncated.*directory|directory"),
    "no directory": (_after(_without_directory), "truncated.*directory"),
    "a gap between entries": (_after(_gap), "config is missing|damaged"),
    "data before the zip": (_after(lambda body: b"#!/bin/sh\n" + body), "not a fastnn model file"),
    "a script before the zip": (_after(lambda body: b"MZ" + bytes(62) + body), "not a fastnn"),
    "data after the zip": (_after(lambda body: body + bytes(100)), "directory|after the end|SHA"),
    "another comment": (_after(_patched(b"PK\5\6", 20, "<H", 65)), "directory"),
    "two disks": (_after(_patched(b"PK\5\6", 4, "<H", 1)), "directory"),
    "more entries than there are": (_after(_patched(b"PK\5\6", 10, "<H", 9)), "directory"),
    "a wrong CRC": (_after(_patched(b"PK\3\4", 14, "<L", 5)), "kernel.*CRC-32"),
    "a comment of an entry": (_info(comment=b"evil"), "directory"),
    "an extra field": (
        _info(extra=struct.pack("<2H4s", 0x7875, 4, b"evil")),
        "header of the entry",
    ),
    "a symbolic link": (_info(external_attr=0o120777 << 16), "directory"),
    "a folder": (_info(external_attr=0x10), "directory"),
    "another date": (_info(date_time=(2026, 1, 1, 0, 0, 0)), "header of the entry"),
    # names
    "a path upwards": (_rename("weights/../../etc/passwd.npy"), r"\.\./.*which no array"),
    "a path from the root": (_rename("/etc/passwd.npy"), "which no array"),
    "a folder as name": (_rename("weights/"), "which no array"),
    "another suffix": (_rename("weights/d/kernel.pkl"), "which no array"),
    "an escape sequence": (_rename("weights/\x1b[2Jd.npy"), r"x1b.*which no array"),
    "letters from right to left": (_rename("weights/\u202eyp.npy"), r"u202e.*which no array"),
    "an empty part": (_rename("weights//kernel.npy"), "which no array"),
    "a lookalike of a letter": (_rename("weights/d/kern\u0435l.npy"), "lists other weights"),
    "a name of 60,000 letters": (_rename("weights/" + "a" * 60000 + ".npy"), "lists other weights"),
    "a name that is not UTF-8": (
        _after(lambda body: body.replace(b"weights/d/", b"weights/\xff/")),
        "is no text",
    ),
    # arrays
    "an array of objects": (
        _entry(WEIGHT, npy(np.array([Bomb()], object))),
        "kernel.*type is '|O'",
    ),
    "a pickle": (_entry(WEIGHT, pickle.dumps(Bomb())), "kernel.*does not begin"),
    "strings": (_entry(WEIGHT, npy(np.array([["a"]]))), "type is '<U1'"),
    "records": (_entry(WEIGHT, header("[('a', '<f4')]")), "does not begin"),
    "big-endian numbers": (_entry(WEIGHT, npy(np.ones((1, 1), ">f4"))), "type is '>f4'"),
    "complex numbers": (_entry(WEIGHT, npy(np.ones((1, 1), "c8"))), "type is '<c8'"),
    "Fortran's order": (_entry(WEIGHT, header(fortran="True")), "Fortran"),
    "a huge shape": (_entry(WEIGHT, header(shape="(9999999999, 9999999999)")), "does not go with"),
    "a shape whose product wraps": (
        _entry(WEIGHT, header(shape="(4294967296, 4294967296, 4)")),
        "does not go with",
    ),
    "a negative shape": (_entry(WEIGHT, header(shape="(-1, -1)")), "does not begin"),
    "a shape of dots": (_entry(WEIGHT, header(shape="(1.0, 1)")), "does not begin"),
    "a shape of letters": (_entry(WEIGHT, header(shape="(True, 1)")), "does not begin"),
    "a shape with leading zeros": (_entry(WEIGHT, header(shape="(01, 1)")), "not as NumPy writes"),
    "a shape of 40 axes": (_entry(WEIGHT, header(shape=str((1,) * 40))), "does not go with"),
    "a shape of 4,000 digits": (_entry(WEIGHT, header(shape=f"({'9' * 4000},)")), "does not begin"),
    "a header that is code": (_entry(WEIGHT, header(shape="exec('1/0')")), "does not begin"),
    "a header that is deep": (_entry(WEIGHT, header(shape="(" * 500)), "does not begin"),
    "more in the header": (_entry(WEIGHT, header(rest="'evil': 1")), "does not begin"),
    "a padded header": (_entry(WEIGHT, header(align=4096)), "not as NumPy writes"),
    "an array of version 2": (
        _entry(WEIGHT, npy(np.ones((1, 1), "<f4"), (2, 0))),
        "does not begin",
    ),
    "no array": (_entry(WEIGHT, b"\x93NUMPY"), "does not begin"),
    "an empty entry": (_entry(WEIGHT, b""), "does not begin"),
    "another shape": (_entry(WEIGHT, npy(np.zeros((3, 3), np.float32))), "d/kernel.*shape"),
    "more numbers than the shape": (_entry(WEIGHT, header() + bytes(400)), "does not go with"),
    "fewer numbers than the shape": (_entry(WEIGHT, header()[:-2]), "does not go with"),
    "large slots": (_entry(SLOTS, npy(np.zeros(1000, np.float32))), "optimizer's state"),
    "slots that would broadcast": (
        _entry(SLOTS, npy(np.zeros(1, np.float32))),
        "optimizer's state",
    ),
    "three steps": (_entry(STEP, npy(np.zeros(3, np.int64))), "optimizer's state"),
    "no slots": (lambda f: f.entries.pop(SLOTS), "slots"),
    # checksums
    "wrong checksums": (
        lambda f: (setattr(f, "digests", False), f.config["sha256"].update({SLOTS: "0" * 64})),
        "slots.*SHA-256",
    ),
    "no checksums": (
        lambda f: (setattr(f, "digests", False), f.config.pop("sha256")),
        "sha256",
    ),
    "checksums that are a list": (
        lambda f: (setattr(f, "digests", False), f.config.update(sha256=[])),
        "sha256",
    ),
    # the JSON text
    "no JSON": (_text(lambda text: "{"), "no JSON"),
    "no object": (_text(lambda text: "[1]"), "no JSON object"),
    "only a number": (_text(lambda text: "1"), "no JSON object"),
    "deep JSON": (_text(lambda text: "[" * 10000 + "]" * 10000), "no JSON|nested"),
    "rather deep JSON": (
        _text(lambda text: f'{{"format": {"[" * 70}{"]" * 70}}}'),
        "nested deeper",
    ),
    "many lists": (_text(lambda text: "[" + "[]," * 300000 + "1]"), "more than"),
    "many numbers": (_text(lambda text: "[" + "1.5," * 200000 + "1]"), "more than"),
    "many keys": (
        _text(lambda text: "{" + ",".join(f'"{i}":1' for i in range(50000)) + "}"),
        "more than",
    ),
    "a large text": (_text(lambda text: '"' + "a" * (1 << 21) + '"'), "larger than it can be"),
    "letters of four bytes": (
        _text(lambda text: '"' + "\U0001f600" * (1 << 17) + '"'),
        "not ASCII",
    ),
    "text that looks like UTF-32": (_text(lambda text: "\3\0\0\0" + text), "no JSON"),
    "text that looks like UTF-16": (_text(lambda text: "{\0" + text), "no JSON"),
    "equal keys": (_text(lambda text: text.replace("{", '{"format": 1, ', 1)), "'format' twice"),
    "equal keys that are spelt differently": (
        _text(lambda text: text.replace("{", '{"\\u0066ormat": 1, ', 1)),
        "'format' twice",
    ),
    "an integer of a million digits": (
        _text(lambda text: '{"format": ' + "9" * 900000 + "}"),
        "no JSON|format",
    ),
    "NaN as a number of weights": (_layer(units=float("nan")), "units|NaN|nan"),
    "infinitely many units": (_layer(units=float("inf")), "units|inf"),
    "NaN as a seed": (_config(seed=float("nan")), "seed"),
    "half an epoch": (_config(epochs_trained=1.5), "epochs_trained"),
    "a seed of 2^64": (_config(seed=1 << 64), "2\\*\\*64"),
    "a negative seed": (_config(seed=-1), "2\\*\\*64"),
    "a truth as a seed": (_config(seed=True), "whole number"),
    # what it says
    "another format": (_config(format=99), "format 99"),
    "a key that nobody knows": (_config(evil=1), "'evil', which nobody knows"),
    "no weights in the config": (lambda f: f.config.pop("weights"), "no weights"),
    "other weights in the config": (_config(weights=["e/kernel"]), "lists other weights"),
    "a weight twice": (_config(weights=["d/kernel"] * 2), "lists other weights"),
    "weights that are numbers": (_config(weights=[1]), "lists other weights"),
    "weights that are lists": (_config(weights=[[[]]]), "lists other weights"),
    "another weight of an optimizer": (
        lambda f: f.entries.update({"state/evil.npy": f.entries[STEP]}),
        "state/evil",
    ),
    "an array of nobody's": (
        lambda f: f.entries.update({"evil.npy": f.entries[STEP]}),
        "evil",
    ),
    "a million units": (_layer(units=1 << 40), "more memory than the file has"),
    "units that wrap": (_layer(units=1 << 63), "d: a weight of 9.2e.18 numbers"),
    "units below 0": (_layer(units=-1), "units"),
    "units that are text": (_layer(units="1"), "units"),
    "an input of 2^40": (
        lambda f: f.config["model"].update(input_shape=[None, 1 << 40]),
        "more memory than the file has",
    ),
    "another input": (
        lambda f: f.config["model"].update(input_shape=[None, 2]),
        "more memory than the file has|shape",
    ),
    "a class of the model that is a function": (_config(class_name="os.system"), "no model class"),
    "a class of the model that is none": (_config(class_name="Layer"), "no model class"),
    "a class of the model that is a list": (_config(class_name=["Model"]), "class_name"),
    "a model that is null": (_config(model=None), "model"),
    "no model": (lambda f: f.config.pop("model"), "no model"),
    "a layer that is a model's": (
        lambda f: f.config["model"]["layers"][0].update(class_name="__main__.Evil"),
        "no layer class",
    ),
    "a layer of a module": (
        lambda f: f.config["model"]["layers"][0].update(
            module="os", class_name="system", config={"command": "true"}
        ),
        "no layer class",
    ),
    "a layer of Python code": (
        lambda f: f.config["model"]["layers"][0].update(class_name="Lambda"),
        "no layer class|Lambda",
    ),
    "a layer with an option of no layer": (_layer(evil=1), "evil"),
    "an activation of a module": (_layer(activation="os.system"), "os.system"),
    "an activation that is a description": (
        _layer(activation={"class_name": "function", "config": "os.system", "module": "os"}),
        "description of a",
    ),
    "an initializer of a module": (
        _layer(kernel_initializer={"class_name": "eval", "config": {}}),
        "eval",
    ),
    "a regularizer of a module": (_layer(kernel_regularizer="builtins.exec"), "exec"),
    "a constraint of a module": (_layer(kernel_constraint="os"), "os"),
    "an optimizer that is a function": (
        lambda f: f.config["compile"].update(optimizer={"class_name": "eval", "config": {}}),
        "no optimizer class 'eval'",
    ),
    "a loss that is a function": (
        lambda f: f.config["compile"].update(loss={"class_name": "exec", "config": {}}),
        "no loss class 'exec'",
    ),
    "a metric that is a function": (
        lambda f: f.config["compile"].update(metrics=[{"class_name": "open", "config": {}}]),
        "no metric class 'open'",
    ),
    "a rate that is code": (
        lambda f: f.config["compile"]["optimizer"]["config"].update(
            learning_rate={"class_name": "eval", "config": {}}
        ),
        "eval",
    ),
    "a metric of 2^31 numbers": (
        lambda f: f.config["compile"].update(
            metrics=[{"class_name": "AUC", "config": {"num_thresholds": 1 << 31}}]
        ),
        "num_thresholds must be at most",
    ),
    # a schema
    "a schema that is a list": (_config(schema=[]), "as schema, which is no dict"),
    "a schema of nothing": (_config(schema={}), "schema: expected inputs, target"),
    "a schema of a class of Python": (
        lambda f: _schema(f).update(inputs={"os.system": {"command": "true"}}),
        "its inputs are one of",
    ),
    "a schema of two kinds": (
        lambda f: _schema(f)["inputs"].update(Images={}),
        "its inputs are one of",
    ),
    "a schema with more in it": (lambda f: _columns(f).update(evil=1), "schema: expected header"),
    "a schema with less in it": (lambda f: _columns(f).pop("words"), "schema: expected header"),
    "a schema of numbers as names": (lambda f: _columns(f).update(names=[1]), "names is no"),
    "a schema of a truth as a number": (lambda f: _columns(f).update(fills=[True]), "fills is no"),
    "a schema that fills in NaN": (
        lambda f: _columns(f).update(fills=[float("nan")]),
        "not finite",
    ),
    "a schema that fills in 10^400": (
        lambda f: _columns(f).update(fills=[10**400]),
        "does not make",
    ),
    "a schema of another mark in numbers": (
        lambda f: _columns(f).update(decimal=".*"),
        "a point or a comma",
    ),
    "a schema of a gap that is no word": (
        lambda f: _columns(f).update(gaps={"a": "x"}),
        "stands for a missing word is none",
    ),
    "a schema of words without gaps": (
        lambda f: _columns(f).update(complete=["b"]),
        "is none of numbers",
    ),
    "a schema of more fills than names": (
        lambda f: _columns(f).update(fills=[1.0, 2.0]),
        "does not make",
    ),
    "a schema of words that are deep": (
        lambda f: _columns(f).update(words={"a": [[["b"]]]}),
        "words is no",
    ),
    "a schema of a word twice": (
        lambda f: _columns(f).update(fills=[None], words={"a": ["b", "b"]}),
        "words twice",
    ),
    "a schema of words of no column": (
        lambda f: _columns(f).update(words={"b": ["c"]}),
        "one name",
    ),
    "a schema of other columns": (
        lambda f: _columns(f).update(names=["a", "b"], fills=[1.0, 2.0]),
        r"takes \(None, 2\), not \(None, 1\)",
    ),
    "a schema whose features take gigabytes": (
        lambda f: _columns(f).update(
            names=["a" * 300_000], fills=[None], words={"a" * 300_000: list(map(str, range(9999)))}
        ),
        "more than 1000 letters",
    ),
    "a schema of images of 2^40 pixels": (
        lambda f: _schema(f).update(
            inputs={"Images": {"height": 1 << 20, "width": 1 << 20, "color_mode": "rgb"}}
        ),
        "32,767 pixels",
    ),
    "a schema of images of another mode": (
        lambda f: _schema(f).update(
            inputs={"Images": {"height": 1, "width": 1, "color_mode": "../x"}}
        ),
        "color_mode is one of",
    ),
    "a schema of an array of -1": (
        lambda f: _schema(f).update(
            inputs={"Arrays": {"name": "x", "sample": [-1], "target": "y"}}
        ),
        "are positive",
    ),
    "a schema of a task that is code": (
        lambda f: _schema(f)["target"].update(task="exec"),
        "do not go together",
    ),
    "a schema of more classes than units": (
        lambda f: _schema(f)["target"].update(task="classes", classes=[["a", "b", "c"]]),
        r"gives \(None, 3\), not",
    ),
    "a schema of one class": (
        lambda f: _schema(f)["target"].update(task="binary", classes=[["a"]]),
        "do not go together",
    ),
    "a schema of a class twice": (
        lambda f: _schema(f)["target"].update(task="binary", classes=[["a", "a"]]),
        "is there twice",
    ),
    "no loss": (lambda f: f.config["compile"].pop("loss"), "loss"),
    "compiled by text": (_config(compile="adam"), "does not make"),
    "a model inside of itself": (
        lambda f: f.config["model"]["layers"].append({"class_name": "Model", "config": {}}),
        "does not make|no ",
    ),
}


def _comment(text):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        made.comment = text
    return file.getvalue()


def _bomb_of_zips():
    """42 bytes of zip that say they are gigabytes, as Fifield's overlapping bombs do."""
    kernel = zlib.compress(bytes(1 << 24), 9)[2:-4]
    local = struct.pack(
        "<4s2B4HL2L2H", b"PK\3\4", 20, 0, 0, 8, 0, 33, 0, len(kernel), 1 << 24, 1, 0
    )
    files = local + b"a" + kernel
    central = b"".join(
        struct.pack(
            "<4s4B4HL2L5H2L",
            b"PK\1\2", 20, 3, 20, 0, 0, 8, 0, 33, 0, len(kernel), 1 << 24, 1, 0, 0, 0, 0, 0, 0,
        )
        + bytes([97 + i])
        for i in range(20)
    )  # fmt: skip
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 20, 20, len(central), len(files), 0)
    return files + central + end


def _many_entries():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        for index in range(9000):
            made.writestr(zipfile.ZipInfo(f"{index}.npy"), npy(np.zeros(0, np.uint8)))
    return file.getvalue()


#: Files that are no archives of fastnn's at all.
FOREIGN = {
    "empty": (b"", "empty"),
    "one byte": (b"P", "not a fastnn model file"),
    "text": (b"hello", "not a fastnn model file"),
    "zeros": (bytes(1000), "not a fastnn model file"),
    "a pickle": (pickle.dumps(Bomb()), "pickle"),
    "a single array": (npy(np.zeros(3)), "single array"),
    "HDF5": (b"\x89HDF\r\n\x1a\n" + bytes(500), "HDF5"),
    "an empty zip": (_comment(b""), "empty zip"),
    "an empty zip with a comment": (_comment(bytes(SEAL)), "empty zip"),
    "a zip's first bytes": (b"PK\3\4", "truncated"),
    "a zip of text": (b"PK\3\4" + bytes(26), "no array"),
    "a bomb of overlapping entries": (_bomb_of_zips(), "compressed"),
    "a script": (b"#!/bin/sh\nrm -rf /\n", "not a fastnn model file"),
    "nine thousand entries": (_many_entries(), "more entries|weights alone"),
}


def forged(name):
    """Return the content of an attack, and what its message has to match."""
    change, message = FORGED[name]
    forgery = Forgery()
    change(forgery)
    return forgery.bytes(), message


def every():
    """Yield name, content and message of every attack."""
    for name, (content, message) in FOREIGN.items():
        yield name, content, message
    for name in FORGED:
        yield name, *forged(name)
