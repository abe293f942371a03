"""Weights in files of others: npz, safetensors, Keras's HDF5 and zip; what is refused of them."""

import copy
import io
import json
import os
import sys
import zipfile
from contextlib import nullcontext

import h5py
import numpy as np
import pytest
import safetensors.numpy

import fastnn
from fastnn import layers
from fastnn.errors import ModelFileError, ShapeError
from fastnn.interchange import keras_export

X = np.random.default_rng(1).normal(size=(5, 6, 3)).astype("float32")


def branching(dtype="float32", units=4):
    """A model of branches, wrappers, cells and a model inside."""
    x = fastnn.Input((6, 3), dtype=dtype)
    y = layers.Bidirectional(layers.LSTM(3, return_sequences=True), name="both")(x)
    z = layers.TimeDistributed(layers.Dense(6), name="each")(x)
    y = layers.LayerNormalization(name="norm")(layers.Add()([y, z]))
    y = layers.RNN([layers.GRUCell(4), layers.SimpleRNNCell(3)], name="stack")(y)
    inner = fastnn.Sequential([layers.Dense(units, "relu"), layers.BatchNormalization()], name="in")
    return fastnn.Model(x, layers.Dense(2, name="last")(inner(y)))


def random_weights(model, seed=3):
    rng = np.random.default_rng(seed)
    model.set_weights([rng.uniform(0.1, 0.9, w.shape) for w in model.get_weights()])
    return model


def equal(a, b):
    return all(map(np.array_equal, a, b))


FORMATS = {
    "w.npz": None,
    "w.NPZ": None,
    "w.safetensors": None,
    "w.weights.h5": "keras",
    "any": "safetensors",
    "w.keras": "npz",
}


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_weights_come_back(tmp_path, name, dtype):
    model, path = random_weights(branching(dtype)), tmp_path / name
    model.save_weights(path, format=FORMATS[name])
    other = branching(dtype)
    other.load_weights(path)
    assert equal(other.get_weights(), model.get_weights())
    assert os.listdir(tmp_path) == [name]


def test_others_read_what_is_written(tmp_path):
    model = random_weights(branching())
    named = {path: variable.numpy() for path, variable in model.named_weights().items()}
    model.save_weights(tmp_path / "w.npz")
    model.save_weights(tmp_path / "w.safetensors")
    with np.load(tmp_path / "w.npz", allow_pickle=False) as npz:
        assert equal([npz[name] for name in named], named.values())
    tensors = safetensors.numpy.load_file(tmp_path / "w.safetensors")
    assert tensors.keys() == named.keys()
    assert equal([tensors[name] for name in named], named.values())
    model.save_weights(tmp_path / "w.h5", format="keras")
    with h5py.File(tmp_path / "w.h5") as file:
        assert np.array_equal(file["layers/dense/vars/0"], named["last/kernel"])
        assert file["layers/dense/vars"].attrs["name"] == "last"


@pytest.mark.parametrize(
    ("suffix", "mend"),
    [
        (".onnx", "fastnn.onnx.export(model, path)"),
        (".c", "fastnn.export_c(model, path)"),
        (".PT", "fastnn.state_dict(model)"),
        (".pth", "torch.save"),
        (".tflite", "fastnn.onnx.export"),
    ],
)
def test_a_suffix_of_another_program_is_refused(tmp_path, suffix, mend):
    model, path = branching(), tmp_path / f"m{suffix}"
    model.compile("sgd", "mse")
    checkpoint = fastnn.callbacks.ModelCheckpoint(path, save_weights_only=True)
    writers = {
        "save": lambda: model.save(path),
        "save_weights": lambda: model.save_weights(path),
        "ModelCheckpoint": lambda: model.fit(X, np.ones((5, 2)), verbose=0, callbacks=[checkpoint]),
    }
    before = [weight.copy() for weight in model.get_weights()]
    for who, write in writers.items():
        with pytest.raises(ValueError, match=f"^{who}: .* ends in {suffix.lower()}; ") as error:
            write()
        assert mend in str(error.value)
    assert os.listdir(tmp_path) == []
    assert equal(model.get_weights(), before)


DATA = [".csv", ".TSV", ".txt", ".json", ".pkl", ".joblib", ".xlsx", ".npy", ".png", ".py", ".gz"]
HDF5 = [".h5", ".hdf5"]


@pytest.mark.parametrize("suffix", [*DATA, *HDF5])
def test_a_model_replaces_no_file_of_another_kind(tmp_path, suffix):
    model, path = branching(), tmp_path / f"m{suffix}"
    path.write_text("a,b")
    model.compile("sgd", "mse")
    checkpoint = fastnn.callbacks.ModelCheckpoint(path)
    writers = {
        "save": lambda: model.save(path),
        "save_weights": lambda: model.save_weights(str(path)),
        "ModelCheckpoint": lambda: model.fit(X, np.ones((5, 2)), verbose=0, callbacks=[checkpoint]),
    }
    mend = "is named .keras or .fastnn" if suffix in HDF5 else "name it .fastnn"
    for who, write in writers.items():
        with pytest.raises(ValueError, match=f"^{who}: .* ends in {suffix.lower()}; ") as error:
            write()
        assert mend in str(error.value)
        assert len(str(error.value)) < 400
    assert path.read_text() == "a,b"


@pytest.mark.parametrize("name", ["w.npz", "w.safetensors", "w.weights.h5"])
def test_files_of_weights_take_no_model(tmp_path, name):
    model, path = branching(), tmp_path / name
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="save_weights"):
        model.save(path)
    for weights in (False, True):
        keep = fastnn.callbacks.ModelCheckpoint(path, save_weights_only=weights)
        with nullcontext() if weights else pytest.raises(ValueError, match="save_weights"):
            model.fit(X, np.ones((5, 2)), verbose=0, callbacks=[keep])
        assert path.exists() == weights


def test_what_others_wrote_is_read(tmp_path):
    model = random_weights(branching())
    named = {path: variable.numpy() for path, variable in model.named_weights().items()}
    np.savez_compressed(tmp_path / "w", **{name.replace("\\", "/"): v for name, v in named.items()})
    other = branching()
    other.load_weights(tmp_path / "w.npz")
    assert equal(other.get_weights(), model.get_weights())
    halves = {name: array.astype("float16") for name, array in named.items()}
    safetensors.numpy.save_file(halves, tmp_path / "w.safetensors")
    other.load_weights(tmp_path / "w.safetensors")
    assert equal(other.get_weights(), halves.values())


def test_bfloat16_is_read(tmp_path):
    model = fastnn.Sequential([fastnn.Input((2,)), layers.Dense(1, use_bias=False, name="d")])
    data = np.array([1.5, -2.0], "float32").view("uint32") >> 16
    entry = {"dtype": "BF16", "shape": [2, 1], "data_offsets": [0, 4]}
    header = json.dumps({"d/kernel": entry}).encode()
    content = len(header).to_bytes(8, "little") + header + data.astype("uint16").tobytes()
    (tmp_path / "w").write_bytes(content)
    model.load_weights(tmp_path / "w")
    assert model.get_weights()[0].ravel().tolist() == [1.5, -2.0]


@pytest.mark.parametrize("name", ["w.npz", "w.safetensors", "w.h5", "w.fastnn"])
def test_a_weight_without_an_axis_stays_one(tmp_path, name):
    layer = fastnn.layers.Normalization()
    layer.adapt([[1.0], [2.0]])
    model = fastnn.Sequential([fastnn.Input((1,)), layer])
    model.save_weights(tmp_path / name, **({"format": "keras"} if name == "w.h5" else {}))
    before = model.get_weights()
    layer.mean.assign([7.0])
    model.load_weights(tmp_path / name)
    assert [each.shape for each in before] == [(1,), (1,), ()]
    assert equal(model.get_weights(), before)


@pytest.mark.parametrize("name", ["w.npz", "w.safetensors", "w"])
def test_a_file_of_weights_is_no_model(tmp_path, name):
    branching().save_weights(tmp_path / name)
    with pytest.raises(ModelFileError, match=rf"{name}: .* weights alone; use model\.load_weights"):
        fastnn.models.load_model(tmp_path / name)


@pytest.mark.parametrize("name", ["w.npz", "w.safetensors", "w.h5", "w.fastnn"])
def test_what_does_not_fit_changes_nothing(tmp_path, name):
    path = tmp_path / name
    options = {"format": "keras"} if name == "w.h5" else {}
    random_weights(branching(units=7)).save_weights(path, **options)
    model = branching()
    before = model.get_weights()
    with pytest.raises(ShapeError, match=r"\(3, 4\).*\(3, 7\)") as caught:
        model.load_weights(path)
    assert len(str(caught.value)) < 400
    assert equal(model.get_weights(), before)
    with pytest.warns(UserWarning, match="stay as they are"):
        model.load_weights(path, skip_mismatch=True)
    changed = [not np.array_equal(*pair) for pair in zip(before, model.get_weights(), strict=True)]
    assert changed.count(False) == 7  # of the model inside, and the kernel behind it


@pytest.mark.parametrize("skip", [False, True])
@pytest.mark.parametrize("name", ["w", "w.npz", "w.weights.h5"])
def test_names_none_of_which_the_file_has_are_told(tmp_path, name, skip):
    kind = "keras" if name.endswith("h5") else None
    source, other = (
        fastnn.Sequential([fastnn.Input((4,)), layers.Dense(3, name=own)]) for own in "ab"
    )
    source.save_weights(tmp_path / name, format=kind)
    before = other.get_weights()
    with pytest.warns(UserWarning, match="no layer has the name of one of the file: all 2 weights"):
        other.load_weights(tmp_path / name, by_name=True, skip_mismatch=skip)
    assert equal(before, other.get_weights())


@pytest.mark.parametrize("name", ["w.npz", "w.safetensors", "w.h5", "w.fastnn"])
def test_by_name(tmp_path, name):
    dense = layers.Dense
    source = fastnn.Sequential(
        [fastnn.Input((3,)), dense(4, name="a"), dense(4, name="b"), dense(2, name="c")]
    )
    random_weights(source)
    options = {"format": "keras"} if name == "w.h5" else {}
    source.save_weights(tmp_path / name, **options)
    model = fastnn.Sequential([fastnn.Input((4,)), dense(4, name="b"), dense(5, name="new")])
    before = model.get_weights()
    with pytest.raises((ModelFileError, ShapeError)):
        model.load_weights(tmp_path / name)
    model.load_weights(tmp_path / name, by_name=True)
    after = model.get_weights()
    assert equal(after[:2], source.get_layer("b").get_weights())
    assert equal(after[2:], before[2:])


def test_missing_and_unknown_names_are_told(tmp_path):
    model = fastnn.Sequential([fastnn.Input((3,)), layers.Dense(2, name="d")])
    kernel, bias = np.ones((3, 2)), np.ones(2)
    np.savez(tmp_path / "less.npz", **{"d/kernel": kernel})
    with pytest.raises(ModelFileError, match=r"no 'd/bias' of shape \(2,\).*there are 1: d/kernel"):
        model.load_weights(tmp_path / "less.npz")
    np.savez(tmp_path / "more.npz", **{"d/kernel": kernel, "d/bias": bias, "e/bias": bias})
    with pytest.raises(ModelFileError, match=r"no weight 'e/bias' of shape \(2,\)"):
        model.load_weights(tmp_path / "more.npz")
    np.savez(tmp_path / "text.npz", **{"d/kernel": kernel, "d/bias": bias.astype(str)})
    before = model.get_weights()
    with pytest.raises(TypeError, match="d/bias"):  # the last one of all
        model.load_weights(tmp_path / "text.npz")
    assert equal(model.get_weights(), before)


def test_nan_comes_back(tmp_path):
    model = random_weights(branching())
    weights = model.get_weights()
    weights[0][0, 0] = np.nan
    model.set_weights(weights)
    model.save_weights(tmp_path / "w.npz")
    other = branching()
    other.load_weights(tmp_path / "w.npz")
    assert np.array_equal(other.get_weights()[0], weights[0], equal_nan=True)


# ---- Keras's models ------------------------------------------------------------------------------


def test_a_model_as_keras_has_it(tmp_path):
    model = random_weights(branching())
    model.compile("adam", "mse", metrics=["mae"])
    model.save(tmp_path / "m.keras", format="keras")
    for again in (
        fastnn.from_keras(tmp_path / "m.keras"),
        fastnn.models.load_model(tmp_path / "m.keras"),
    ):
        assert np.array_equal(again.predict(X), model.predict(X))
        assert again.get_compile_config() == model.get_compile_config()
        assert [layer.name for layer in again.layers] == [layer.name for layer in model.layers]
    assert not fastnn.from_keras(tmp_path / "m.keras", compile=False).compiled
    model.save(tmp_path / "m.keras")
    with pytest.raises(ModelFileError, match=r"of the format 'fastnn'; .*load_model reads it"):
        fastnn.from_keras(tmp_path / "m.keras")


OPTIMIZERS = [
    fastnn.optimizers.SGD(0.1),
    fastnn.optimizers.SGD(0.1, momentum=0.9),
    fastnn.optimizers.RMSprop(0.01, centered=True, momentum=0.5),
    fastnn.optimizers.Nadam(0.01),
    fastnn.optimizers.Adam(
        fastnn.optimizers.schedules.ExponentialDecay(0.05, 2, 0.9),
        amsgrad=True,
        use_ema=True,
        gradient_accumulation_steps=2,
    ),
]


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda each: each.name)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_training_goes_on_after_a_file_of_kerases(optimizer, dtype, tmp_path):
    inputs = fastnn.Input((4,), dtype=dtype)
    model = fastnn.Model(inputs, layers.Dense(3)(layers.Dense(5, "tanh")(inputs)))
    model.compile(copy.copy(optimizer), "mse")
    x = np.random.default_rng(0).normal(size=(8, 4))
    for _ in range(3):
        model.train_on_batch(x, x[:, :3])
    model.save(tmp_path / "m.keras", format="keras")
    again = fastnn.from_keras(tmp_path / "m.keras")
    assert again.optimizer.iterations == model.optimizer.iterations
    for _ in range(3):
        for each in (model, again):
            each.train_on_batch(x, x[:, :3])
    for a, b in zip(model.get_weights(), again.get_weights(), strict=True):
        assert np.array_equal(a, b)


@pytest.mark.parametrize(
    "kept",
    [
        [np.array(3)],
        [np.array(3.0), np.array(0.1), np.ones((3, 2)), np.ones(2)],
        [np.array(-3), np.array(0.1), np.ones((3, 2)), np.ones(2)],
        [np.array([3]), np.array(0.1), np.ones((3, 2)), np.ones(2)],
        [np.array(3), np.array(0.1), np.ones(2), np.ones((3, 2))],
        [np.array(3), np.array(0.1), np.ones((3, 2)), np.ones(2), np.ones(2)],
    ],
)
def test_an_optimizer_of_another_kind_begins_anew(kept, tmp_path):
    model = fastnn.Sequential([fastnn.Input((3,)), layers.Dense(2)])
    model.compile(fastnn.optimizers.SGD(0.1, momentum=0.9), "mse")
    arrays = {f"layers/dense/vars/{i}": w for i, w in enumerate(model.get_weights())}
    arrays |= {f"optimizer/vars/{i}": each for i, each in enumerate(kept)}
    path = keras_file(tmp_path / "m.keras", keras_export.described(model), arrays)
    with pytest.warns(UserWarning, match="the optimizer begins anew"):
        again = fastnn.from_keras(path)
    assert again.optimizer.iterations == 0
    assert not any(each.numpy().any() for each in again.optimizer.variables)
    assert all(map(np.array_equal, again.get_weights(), model.get_weights()))
    assert not fastnn.from_keras(path, compile=False).compiled


def test_what_keras_lacks_is_told(tmp_path):
    scaled = fastnn.Sequential([fastnn.Input((3,)), layers.MinMaxScaling(name="scale")])
    with pytest.raises(ValueError, match="scale: Keras has no layer MinMaxScaling"):
        scaled.save(tmp_path / "m.keras", format="keras")
    step = fastnn.Sequential([fastnn.Input((3,)), layers.Dense(2, "step", name="d")])
    with pytest.raises(ValueError, match="d: Keras has no activation 'step'"):
        step.save(tmp_path / "m.keras", format="keras")
    assert not os.listdir(tmp_path)
    half = fastnn.Sequential([fastnn.Input((3,)), layers.Dense(2)])
    half.compile("sgd", "half_mse")
    with pytest.warns(UserWarning, match="no HalfMeanSquaredError"):
        half.save(tmp_path / "m.keras", format="keras")
    assert not fastnn.from_keras(tmp_path / "m.keras").compiled


class Doubled(layers.Layer):
    def call(self, x):
        return x * 2.0


def described(*described_layers, **more):
    """The text of a .keras file of a Sequential."""
    shape = {"batch_shape": [None, 3], "dtype": "float32", "name": "in"}
    source = {"module": "keras.layers", "class_name": "InputLayer", "config": shape}
    config = {"name": "m", "layers": [source, *described_layers]}
    return {"module": "keras", "class_name": "Sequential", "config": config, **more}


def keras_file(path, description, weights=None):
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        for name, array in (weights or {}).items():
            file[name] = array
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps(description))
        archive.writestr("model.weights.h5", content.getvalue())
    return path


def test_classes_that_are_not_kerases_have_to_be_given(tmp_path):
    own = {"module": "os", "class_name": "Doubled", "registered_name": "mine>Doubled", "config": {}}
    path = keras_file(tmp_path / "m.keras", described(own))
    with pytest.raises(ModelFileError, match=r"no class or function 'Doubled'.*custom_objects="):
        fastnn.from_keras(path)
    for name in ("Doubled", "mine>Doubled"):
        model = fastnn.from_keras(path, {name: Doubled})
        assert model.predict([[1.0, 2.0, 3.0]]).tolist() == [[2, 4, 6]]
    # one of another library that is called as one of Keras's
    path = keras_file(tmp_path / "m.keras", described({**own, "class_name": "Dense"}))
    with pytest.raises(ModelFileError, match="no class or function 'Dense'"):
        fastnn.from_keras(path)


def test_code_is_never_run(tmp_path):
    code = {"class_name": "__lambda__", "config": {"code": "4wEAAAA", "defaults": None}}
    config = {"name": "twice", "function": code, "arguments": {}}
    lambda_ = {"module": "keras.layers", "class_name": "Lambda", "config": config}
    path = keras_file(tmp_path / "m.keras", described(lambda_))
    with pytest.raises(ModelFileError, match=r"'twice' holds code, which is never run"):
        fastnn.from_keras(path)
    model = fastnn.from_keras(path, {"twice": lambda x: x * 2.0})
    assert model.predict([[1.0, 2.0, 3.0]]).tolist() == [[2, 4, 6]]


def test_sizes_that_are_left_open_have_to_be_said(tmp_path):
    dense = {"module": "keras.layers", "class_name": "Dense", "config": {"name": "d", "units": 2}}
    description = described(dense)
    description["config"]["layers"][0]["config"]["batch_shape"] = [None, None, 3]
    weights = {"layers/dense/vars/0": np.ones((3, 2)), "layers/dense/vars/1": np.ones(2)}
    path = keras_file(tmp_path / "m.keras", description, weights)
    with pytest.raises(ModelFileError, match=r"input_shape=.*got None"):
        fastnn.from_keras(path)
    for shape in ((5, 3), {"in": (5, 3)}):
        assert fastnn.from_keras(path, input_shape=shape).output_shape == (None, 5, 2)


# ---- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["w.pt", "w.pth"])
def test_pickles_are_refused_with_a_way_out(tmp_path, name):
    path, model = tmp_path / name, branching()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02}.")
    for load in (model.load_weights, fastnn.models.load_model, fastnn.from_keras):
        with pytest.raises(ModelFileError, match=r"pickle.*numpy\.savez.*load_state_dict"):
            load(path)
    path.write_bytes(b"\x80\x02}q\x00.")
    with pytest.raises(ModelFileError, match=r"pickle.*numpy\.savez"):
        model.load_weights(path)


def external(file):
    file.create_dataset("layers/dense/vars/0", (3, 2), "f4", external=[("/etc/passwd", 0, 24)])


def external_link(file):
    file["layers"] = h5py.ExternalLink("/etc/passwd", "/layers")


def soft_link(file):
    file["other"] = np.ones((3, 2))
    file["layers/dense/vars/0"] = h5py.SoftLink("/other")


def virtual(file):
    layout = h5py.VirtualLayout((3, 2), "f4")
    layout[:] = h5py.VirtualSource("other.h5", "x", (3, 2))
    file.create_virtual_dataset("layers/dense/vars/0", layout)


def compressed(file):
    file.create_dataset("layers/dense/vars/0", (3, 2), "f4", compression="gzip")


def never_written(file):
    file.create_dataset("layers/dense/vars/0", (1 << 20, 1 << 20), "f4", chunks=(1 << 10, 1 << 10))


def loop(file):
    file["layers/dense/vars/0"] = np.ones((3, 2))
    file["layers/dense/again"] = file["layers"]


def objects(file):
    file["layers/dense/vars/0"] = ["a", "b"]


def deep(file):
    file["/".join("a" * 70)] = np.ones(2)


H5_ATTACKS = {
    external: "other files",
    external_link: "is a link",
    soft_link: "is a link",
    virtual: "other files",
    compressed: "compressed or was never written",
    never_written: "compressed or was never written",
    loop: "there twice",
    objects: "no numbers",
    deep: "too deep",
}


@pytest.mark.parametrize("attack", H5_ATTACKS, ids=lambda each: each.__name__)
def test_what_no_weights_need_is_refused_in_hdf5(tmp_path, attack):
    model = fastnn.Sequential([fastnn.Input((3,)), layers.Dense(2)])
    before, path = model.get_weights(), tmp_path / "w.h5"
    with h5py.File(path, "w") as file:
        attack(file)
    for options in ({}, {"skip_mismatch": True}, {"by_name": True}):
        with pytest.raises(ModelFileError, match=H5_ATTACKS[attack]):
            model.load_weights(path, **options)
    assert equal(model.get_weights(), before)


@pytest.mark.parametrize("name", ["w.npz", "w.safetensors", "w.h5", "m.keras"])
def test_damage_leaves_the_model_as_it_was(tmp_path, name):
    model, path = random_weights(branching()), tmp_path / name
    if name == "m.keras":
        model.save(path, format="keras")
    else:
        model.save_weights(path, format="keras" if name == "w.h5" else None)
    content = path.read_bytes()
    for size in (*range(0, 64, 7), *range(64, len(content), len(content) // 23)):
        path.write_bytes(content[:size])
        before = model.get_weights()
        with pytest.raises((ModelFileError, ShapeError)):
            model.load_weights(path)
        assert equal(model.get_weights(), before)


def test_a_damaged_file_of_fastnns_own_is_not_taken_for_an_npz(tmp_path):
    model, path = random_weights(branching()), tmp_path / "w.fastnn"
    model.save_weights(path)
    content = path.read_bytes()
    at = content.rindex(b"config.npy")  # in the directory, which zipfile reads
    path.write_bytes(content[:at] + b"konfig.npy" + content[at + 10 :])
    with pytest.raises(ModelFileError, match="the directory of the entries is damaged"):
        model.load_weights(path, skip_mismatch=True)


def test_weights_of_keras_2_are_told(tmp_path):
    with h5py.File(tmp_path / "w.h5", "w") as file:
        file["dense/dense/kernel:0"] = np.ones((3, 2))
    with pytest.raises(ModelFileError, match="as Keras 2 wrote them"):
        branching().load_weights(tmp_path / "w.h5")


@pytest.mark.parametrize(("module", "name"), [("h5py", "h5"), ("safetensors", "safetensors")])
def test_a_library_that_is_missing_is_named(tmp_path, monkeypatch, module, name):
    model, path = branching(), tmp_path / "w"
    kind = "keras" if name == "h5" else name
    model.save_weights(path, format=kind)
    before = path.read_bytes()
    for each in (module, f"{module}.numpy"):
        monkeypatch.setitem(sys.modules, each, None)
    for call in (model.load_weights, lambda path: model.save_weights(path, format=kind)):
        with pytest.raises(ImportError, match=rf"pip install 'fastnn\[{name}\]'"):
            call(path)
    assert path.read_bytes() == before


def test_an_npz_that_unpacks_to_much_more_is_refused(tmp_path):
    np.savez_compressed(tmp_path / "w.npz", **{"d/kernel": np.zeros((5000, 1000))})
    model = fastnn.Sequential([fastnn.Input((5000,)), layers.Dense(1000, name="d")])
    with pytest.raises(ModelFileError, match="unpacked, it has more than"):
        model.load_weights(tmp_path / "w.npz")


def test_a_description_asks_for_no_more_than_there_is(tmp_path):
    dense = {"module": "keras.layers", "class_name": "Dense"}
    dense["config"] = {"name": "d", "units": 10**9}
    path = keras_file(tmp_path / "m.keras", described(dense))
    with pytest.raises(ModelFileError, match="more memory than the file has"):
        fastnn.from_keras(path)


def test_a_compressed_keras_file_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "m.keras", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", "{}")
        archive.writestr("model.weights.h5", bytes(1000))
    with pytest.raises(ModelFileError, match="compressed; Keras stores it"):
        fastnn.from_keras(tmp_path / "m.keras")


@pytest.mark.parametrize(
    "nodes",
    [
        [["d", 0, 0]],  # of itself
        [["nobody", 0, 0]],
        [["in", 7, 0]],
        [["in", 0, 5]],
    ],
)
def test_networks_that_are_none_are_refused(tmp_path, nodes):
    tensors = [
        {"class_name": "__keras_tensor__", "config": {"keras_history": node}} for node in nodes
    ]
    dense = {"module": "keras.layers", "class_name": "Dense", "config": {"name": "d", "units": 2}}
    dense |= {"name": "d", "inbound_nodes": [{"args": tensors, "kwargs": {}}]}
    source = {**described()["config"]["layers"][0], "name": "in", "inbound_nodes": []}
    config = {"name": "m", "layers": [source, dense]}
    config |= {"input_layers": ["in", 0, 0], "output_layers": ["d", 0, 0]}
    description = {"module": "keras", "class_name": "Functional", "config": config}
    with pytest.raises(ModelFileError):
        fastnn.from_keras(keras_file(tmp_path / "m.keras", description))


def test_who_is_no_model_of_kerases():
    with pytest.raises(TypeError, match=r"expected the path of a \.keras file or a model of Keras"):
        fastnn.from_keras(3)


def test_formats_are_named(tmp_path):
    model = branching()
    with pytest.raises(ValueError, match="format must be one of fastnn, npz, safetensors, keras"):
        model.save_weights(tmp_path / "w", format="h5")
    with pytest.raises(ValueError, match="format must be one of fastnn, keras"):
        model.save(tmp_path / "w", format="npz")
    with pytest.raises(FileExistsError):
        model.save_weights(tmp_path, overwrite=False, format="npz")
