"""Model files: bits come back, damage is noticed, nothing is executed, the old file stays whole."""

import copy
import io
import os
import pickle
import stat
import zipfile

import numpy as np
import pytest

import fastnn
from fastnn import Input, Sequential, ops, saving
from fastnn.errors import ModelFileError
from fastnn.layers import Conv2D, Dense, Dropout, Flatten, Layer, MaxPooling2D
from fastnn.models import load_model

RNG = np.random.default_rng(6)
X = RNG.normal(size=(20, 6, 6, 1))
Y = np.arange(20) % 3


def convnet(optimizer="adam", dtype=None):
    model = Sequential(
        [
            Input((6, 6, 1)),
            Conv2D(2, 3, activation="relu"),
            MaxPooling2D(),
            Flatten(),
            Dropout(0.3),
            Dense(3, "softmax"),
        ],
        dtype=dtype,
    )
    model.compile(optimizer, "sparse_categorical_crossentropy", ["accuracy"])
    return model


def tiny():
    """As small as a model with an optimizer's state gets."""
    fastnn.set_seed(9)
    model = Sequential([Input((1,), name="i"), Dense(1, name="d", use_bias=False)], name="m")
    model.compile(fastnn.optimizers.SGD(0.1, momentum=0.5), "mse")
    model.fit([[1.0]], [[2.0]], verbose=0)
    return model


def state(model):
    arrays = [*model.get_weights()]
    arrays += [model.runtime.buffers[home] for home in ("slots", "step")]
    return b"".join(array.tobytes() for array in arrays)


OPTIMIZERS = [
    "adam",
    "sgd",
    fastnn.optimizers.SGD(0.02, momentum=0.9, nesterov=True),
    fastnn.optimizers.Adam(0.01, beta_1=0.5),
]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_round_trip_keeps_every_bit_and_training_goes_on_as_if_nothing_happened(
    tmp_path, optimizer, dtype
):
    model = convnet(optimizer, dtype)
    model.fit(X, Y, epochs=2, batch_size=8, verbose=0)
    model.save(tmp_path / "model")
    again = load_model(tmp_path / "model")
    assert state(again) == state(model)
    assert again.predict(X).tobytes() == model.predict(X).tobytes()
    assert again.evaluate(X, Y, verbose=0) == model.evaluate(X, Y, verbose=0)
    assert again.optimizer.get_config() == model.optimizer.get_config()
    for each in (model, again):
        each.fit(X, Y, epochs=2, batch_size=8, verbose=0)
    assert state(again) == state(model)


def test_saving_the_loaded_gives_the_same_bytes():
    content = saving.to_bytes(convnet())
    assert saving.to_bytes(saving.from_bytes(content)) == content


@pytest.mark.parametrize("name", ["m", "m.fastnn", "m.keras", "m.h5", "m.npz", "ä b.zip"])
def test_any_suffix_will_do(tmp_path, name):
    model = convnet()
    model.save(str(tmp_path / name))
    assert os.listdir(tmp_path) == [name]
    assert state(load_model(str(tmp_path / name))) == state(model)


def test_numpy_opens_it_without_pickle(tmp_path):
    model = convnet()
    model.save(tmp_path / "m.npz")
    with np.load(tmp_path / "m.npz", allow_pickle=False) as archive:
        assert np.array_equal(archive["weights/" + model.weights[0].path], model.get_weights()[0])
        assert all(archive[name].dtype.kind in "fui" for name in archive.files)


def test_not_compiled_not_built_and_empty_models_have_files_too():
    for model in (Sequential([Input((2,)), Dense(3)]), Sequential([Dense(3)]), Sequential()):
        again = saving.from_bytes(saving.to_bytes(model))
        assert (again.built, again.loss) == (model.built, None)
        assert all(map(np.array_equal, again.get_weights(), model.get_weights()))


def test_compiled_but_not_built():
    model = Sequential([Dense(3, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    again = saving.from_bytes(saving.to_bytes(model))
    again.fit(np.ones((4, 2)), [0, 1, 2, 0], verbose=0)


def test_without_compile_it_only_predicts():
    again = saving.from_bytes(saving.to_bytes(convnet()), compile=False)
    assert again.loss is None
    assert again.predict(X).shape == (20, 3)


def test_frozen_layers_stay_frozen():
    model = convnet()
    model.layers[0].trainable = False
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(X, Y, verbose=0)
    again = saving.from_bytes(saving.to_bytes(model))
    assert [v.trainable for v in again.weights] == [v.trainable for v in model.weights]
    assert state(again) == state(model)


def test_freezing_after_compile_can_be_saved():
    model = convnet()
    model.fit(X, Y, verbose=0)
    model.layers[0].trainable = False
    again = saving.from_bytes(saving.to_bytes(model))
    assert again.predict(X).tobytes() == model.predict(X).tobytes()


# ---- copies --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "duplicate", [copy.copy, copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))]
)
def test_copies_and_pickles_are_models_of_their_own(duplicate):
    model = convnet()
    model.fit(X, Y, verbose=0)
    other, before = duplicate(model), state(model)
    assert state(other) == before
    other.fit(X, Y, verbose=0)
    assert state(model) == before
    model.fit(X, Y, verbose=0)
    assert state(model) == state(other)


class Shift(Layer):
    """A user's layer, with an option."""

    def __init__(self, by, **options):
        super().__init__(**options)
        self.by = by

    def build(self, input_shape):
        self.w = self.add_weight(input_shape[1:], "ones", name="w")

    def forward(self, x, w):
        return x * w + self.by

    def backward(self, dy, x, w, y):
        return dy * w, (dy * x).sum(axis=0)

    def get_config(self):
        return {"by": self.by, **super().get_config()}


class Square(Layer):
    def build(self, input_shape):
        self.w = self.add_weight((input_shape[-1], input_shape[-1]), name="w")

    def call(self, x):
        return ops.add(x, ops.dense(x, self.w))


def own():
    model = Sequential([Input((4,)), Shift(0.5), Square(), Dense(1)])
    model.compile("adam", "mse")
    model.fit(np.ones((3, 4)), np.ones(3), verbose=0)
    return model


def test_own_layers_are_given_by_the_caller():
    content = saving.to_bytes(own())
    with pytest.raises(ModelFileError, match=r"'Shift'.*custom_objects"):
        saving.from_bytes(content)
    again = saving.from_bytes(content, {"Shift": Shift, "Square": Square})
    assert again.layers[0].by == 0.5
    assert saving.to_bytes(again) == content


def test_own_layers_can_be_copied():
    model = own()
    assert state(copy.deepcopy(model)) == state(model)


def test_own_activation_functions_cannot_be_saved_and_say_so(tmp_path):
    model = Sequential([Input((2,)), Dense(2, activation=lambda z: ops.add(z, z))])
    with pytest.raises(ValueError, match="function of your own"):
        model.save(tmp_path / "m")
    assert os.listdir(tmp_path) == []


# ---- damage --------------------------------------------------------------------------------------


def test_every_flipped_bit_is_noticed():
    content = bytearray(saving.to_bytes(tiny()))
    for place in range(8 * len(content)):
        content[place // 8] ^= 1 << place % 8
        with pytest.raises(ModelFileError):
            saving.from_bytes(bytes(content))
        content[place // 8] ^= 1 << place % 8
    saving.from_bytes(bytes(content))


def test_every_truncation_is_noticed():
    content = saving.to_bytes(tiny())
    for length in range(len(content)):
        with pytest.raises(ModelFileError):
            saving.from_bytes(content[:length])


@pytest.mark.parametrize("junk", [b"", b"hello", b"PK\x03\x04", b"\x93NUMPY", bytes(1000)])
def test_other_files_are_refused(tmp_path, junk):
    (tmp_path / "junk").write_bytes(junk)
    with pytest.raises(ModelFileError, match="junk"):
        load_model(tmp_path / "junk")


def rezip(change, compression=zipfile.ZIP_STORED):
    """The tiny model's file with its list of (name, content) changed."""
    with zipfile.ZipFile(io.BytesIO(saving.to_bytes(tiny()))) as archive:
        entries = [(name, archive.read(name)) for name in archive.namelist()]
    change(entries)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        archive.comment = bytes(64)
        for entry in entries:
            archive.writestr(*entry)
    return saving.seal(file.getvalue())


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def test_a_rezipped_file_is_the_model():
    assert state(saving.from_bytes(rezip(lambda entries: None))) == state(tiny())


def test_compressed_entries_are_refused():
    with pytest.raises(ModelFileError, match="compressed"):
        saving.from_bytes(rezip(lambda entries: None, zipfile.ZIP_DEFLATED))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_entries_of_one_name_are_refused():
    with pytest.raises(ModelFileError, match="same name"):
        saving.from_bytes(rezip(lambda entries: entries.append(entries[0])))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda e: e.append(("more.npy", npy(np.zeros(3)))), "does not know"),
        (lambda e: e.pop(0), "missing"),
        (lambda e: e.pop(), "no config"),
        (lambda e: e.__setitem__(0, (e[0][0], npy(np.zeros((1, 1), np.float32)))), "damaged"),
        (lambda e: e.__setitem__(0, (e[0][0], b"not an array")), "damaged"),
        (lambda e: e.__setitem__(-1, (e[-1][0], npy(np.zeros(99, np.uint8)))), "damaged"),
        (lambda e: e.__setitem__(-1, (e[-1][0], npy(np.zeros(2**21, np.uint8)))), "larger"),
    ],
    ids=["unknown", "missing", "no config", "other array", "no array", "config", "large config"],
)
def test_changed_entries_are_refused(change, message):
    with pytest.raises(ModelFileError, match=message):
        saving.from_bytes(rezip(change))


class Bomb:
    def __reduce__(self):
        return os.abort, ()


def sealed(change):
    """The tiny model's file with its JSON text changed and sealed again, as an attacker can."""
    import hashlib
    import json

    def apply(entries):
        array = np.load(io.BytesIO(entries[-1][1]))
        config = json.loads(array.tobytes()[:-64])
        change(config, entries)
        for name, content in entries[:-1]:
            config["sha256"][name] = hashlib.sha256(content).hexdigest()
        text = saving.seal(json.dumps(config).encode() + bytes(64))
        entries[-1] = (entries[-1][0], npy(np.frombuffer(text, np.uint8)))

    return rezip(apply)


def put(entries, index, content):
    entries[index] = (entries[index][0], content)


LIES = {
    "array of objects": lambda c, e: put(e, 0, npy(np.array([Bomb()], object))),
    "pickle": lambda c, e: put(e, 0, pickle.dumps(Bomb())),
    "other shape": lambda c, e: put(e, 0, npy(np.zeros((3, 3), np.float32))),
    "large slots": lambda c, e: put(e, 1, npy(np.zeros(1000, np.float32))),
    "slots that would broadcast": lambda c, e: put(e, 1, npy(np.zeros(1, np.float32))),
    "three steps": lambda c, e: put(e, 2, npy(np.zeros(3, np.int64))),
    "strings": lambda c, e: put(e, 0, npy(np.array([["a"]]))),
    "format": lambda c, e: c.update(format=99),
    "class of the model": lambda c, e: c.update(class_name="os.system"),
    "no model": lambda c, e: c.pop("model"),
    "null model": lambda c, e: c.update(model=None),
    "seed": lambda c, e: c.update(seed="x"),
    "epochs": lambda c, e: c.update(epochs_trained=-1.5),
    "class of a layer": lambda c, e: c["model"]["layers"][0].update(class_name="Model"),
    "option": lambda c, e: c["model"]["layers"][0]["config"].update(evil=1),
    "input shape": lambda c, e: c["model"].update(input_shape=[None, 2]),
    "optimizer": lambda c, e: c["compile"].update(optimizer={"class_name": "eval", "config": {}}),
    "no loss": lambda c, e: c["compile"].pop("loss"),
    "missing weight": lambda c, e: c["sha256"].update({"weights/none.npy": "0"}),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_sealed_lie_is_refused_and_runs_nothing(lie):
    with pytest.raises(ModelFileError):
        saving.from_bytes(sealed(LIES[lie]))


def test_an_entry_that_claims_gigabytes_allocates_none():
    import tracemalloc

    header = npy(np.zeros(1, np.float32)).replace(b"(1,)", b"(9999999999,)")
    tracemalloc.start()
    with pytest.raises(ModelFileError):
        saving.from_bytes(sealed(lambda c, e: put(e, 0, header)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50e6


# ---- the file system -----------------------------------------------------------------------------


def test_an_existing_file_is_kept_if_asked(tmp_path):
    path = tmp_path / "m"
    tiny().save(path)
    before = path.read_bytes()
    with pytest.raises(FileExistsError, match="overwrite"):
        convnet().save(path, overwrite=False)
    assert path.read_bytes() == before
    convnet().save(path)
    assert path.read_bytes() != before


@pytest.mark.parametrize("fails", ["fsync", "replace", "chmod"])
def test_a_write_that_fails_leaves_the_old_file_and_no_other(tmp_path, monkeypatch, fails):
    path = tmp_path / "m"
    tiny().save(path)
    before = path.read_bytes()

    def fail(*arguments, **options):
        raise OSError("disk full")

    monkeypatch.setattr(os, fails, fail)
    with pytest.raises(OSError, match="disk full"):
        convnet().save(path)
    monkeypatch.undo()
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["m"]


def test_a_file_has_the_permissions_of_any_new_file(tmp_path):
    tiny().save(tmp_path / "m")
    (tmp_path / "plain").touch()
    modes = [stat.S_IMODE(os.stat(tmp_path / name).st_mode) for name in ("m", "plain")]
    assert modes[0] == modes[1]


def test_a_missing_file_is_pythons_own_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        load_model(tmp_path / "none")
    with pytest.raises(FileNotFoundError):
        tiny().save(tmp_path / "none" / "m")
