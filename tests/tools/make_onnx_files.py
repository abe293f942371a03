"""Makes tests/onnx_files: small models as exporters of others write them, and what they compute.

    KERAS_BACKEND=torch python -W ignore tests/tools/make_onnx_files.py

It needs torch, onnxscript, skl2onnx, scikit-learn, keras and onnxruntime; the tests do not.  Each
``name.onnx`` has a ``name.npz`` beside it: the inputs ``x0, x1, ...``, and the outputs
``y0, y1, ...`` of the library that the model is from.
"""

from pathlib import Path

import keras
import numpy as np
import onnx
import skl2onnx
import torch
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from torch import nn

FOLDER = Path(__file__).parents[1] / "onnx_files"
RNG = np.random.default_rng(0)


def keep(name, xs, ys):
    known = {f"x{i}": np.asarray(x) for i, x in enumerate(xs)}
    known |= {f"y{i}": np.asarray(y) for i, y in enumerate(ys)}
    np.savez_compressed(FOLDER / f"{name}.npz", **known)


def strip(path):
    """Take out what an exporter says of the source files that it was run on."""
    proto = onnx.load(path)
    for node in proto.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    for each in (*proto.graph.value_info, *proto.graph.input, *proto.graph.output):
        del each.metadata_props[:]
    del proto.metadata_props[:]
    del proto.graph.metadata_props[:]
    for tensor in proto.graph.initializer:
        del tensor.metadata_props[:]
    path.write_bytes(proto.SerializeToString())


# ---- PyTorch -------------------------------------------------------------------------------------


class Residual(nn.Module):
    """A small residual net, with all that such nets have."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 6, 3, stride=2, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(6)
        self.pool = nn.MaxPool2d(3, 2, 1)
        self.depth = nn.Conv2d(6, 6, 3, padding=1, groups=6)
        self.point = nn.Conv2d(6, 6, 1)
        self.head = nn.Linear(6, 4)

    def forward(self, x):
        x = self.pool(torch.relu(self.norm(self.first(x))))
        y = self.point(nn.functional.hardswish(self.depth(x)))
        x = torch.relu(x + y)
        x = nn.functional.adaptive_avg_pool2d(x, 1)
        return torch.softmax(self.head(torch.flatten(x, 1)), 1)


class Words(nn.Module):
    """A table of words, a recurrent layer both ways, the last step."""

    def __init__(self, kind):
        super().__init__()
        self.table = nn.Embedding(11, 5)
        self.walk = kind(5, 4, batch_first=True, bidirectional=True)
        self.norm = nn.LayerNorm(8)
        self.head = nn.Linear(8, 2)

    def forward(self, ids):
        y, _ = self.walk(self.table(ids))
        return self.head(self.norm(y[:, -1]))


class Decoder(nn.Module):
    """Numbers to images, by transposed convolutions and upsampling."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(5, 3 * 4 * 4)
        self.up = nn.ConvTranspose2d(3, 4, 3, stride=2, padding=1, output_padding=1)
        self.slope = nn.PReLU(4)
        self.last = nn.Conv2d(4, 2, 3, padding="same")

    def forward(self, x):
        x = self.first(x).reshape(-1, 3, 4, 4)
        x = self.slope(self.up(x))
        x = nn.functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
        return torch.sigmoid(self.last(x))


class Series(nn.Module):
    """Convolutions of sequences, groups, and a mean over the steps."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv1d(2, 4, 3, padding=2, dilation=2),
            nn.GroupNorm(2, 4),
            nn.GELU(),
            nn.AvgPool1d(2),
            nn.Conv1d(4, 3, 2),
            nn.ELU(),
        )

    def forward(self, x):
        y = self.layers(x)
        return y.mean(-1), y.amax(-1)


def torch_file(name, module, *xs, dynamo):
    torch.manual_seed(0)
    for parameter in module.parameters():
        nn.init.normal_(parameter, 0.1, 0.5)
    for each in module.modules():
        if isinstance(each, nn.BatchNorm2d):
            each.running_mean.normal_(0, 0.5)
            each.running_var.uniform_(0.5, 2)
    module.eval()
    tensors = tuple(torch.from_numpy(x) for x in xs)
    path = FOLDER / f"{name}.onnx"
    if dynamo:
        shapes = tuple({0: torch.export.Dim("batch")} for _ in xs)
        program = torch.onnx.export(module, tensors, dynamo=True, dynamic_shapes=shapes)
        program.save(path, external_data=False)
    else:
        axes = {f"x{i}": {0: "batch"} for i in range(len(xs))}
        names = list(axes)
        torch.onnx.export(
            module, tensors, str(path), dynamo=False, dynamic_axes=axes, input_names=names
        )
    strip(path)
    with torch.no_grad():
        ys = module(*tensors)
    ys = ys if isinstance(ys, tuple) else (ys,)
    keep(name, xs, [y.numpy() for y in ys])


def torch_files():
    images = RNG.normal(size=(3, 3, 16, 16)).astype("float32")
    ids = RNG.integers(0, 11, (3, 6))
    modules = {
        "residual": (Residual, images),
        "lstm": (lambda: Words(nn.LSTM), ids),
        "gru": (lambda: Words(nn.GRU), ids),
        "decoder": (Decoder, RNG.normal(size=(3, 5)).astype("float32")),
        "series": (Series, RNG.normal(size=(3, 2, 12)).astype("float32")),
    }
    for name, (make, x) in modules.items():
        torch_file(f"torch_{name}", make(), x, dynamo=True)
        torch_file(f"torchscript_{name}", make(), x, dynamo=False)


# ---- Keras ---------------------------------------------------------------------------------------


def keras_file(name, model, x):
    path, y = FOLDER / f"keras_{name}.onnx", model.predict(x, verbose=0)
    model.export(str(path), format="onnx", verbose=False)
    strip(path)
    keep(f"keras_{name}", [x], [y])


def keras_files():
    layers = keras.layers
    keras.utils.set_random_seed(0)
    convnet = keras.Sequential(
        [
            keras.Input((8, 8, 2)),
            layers.Conv2D(4, 3, padding="same", activation="relu"),
            layers.BatchNormalization(),
            layers.MaxPooling2D(2),
            layers.DepthwiseConv2D(3, padding="same"),
            layers.Flatten(),
            layers.Dense(3, activation="softmax"),
        ]
    )
    keras_file("convnet", convnet, RNG.normal(size=(3, 8, 8, 2)).astype("float32"))
    dense = keras.Sequential(
        [
            keras.Input((5,)),
            layers.Dense(6, activation="elu"),
            layers.Dense(2, activation="sigmoid"),
        ]
    )
    keras_file("dense", dense, RNG.normal(size=(3, 5)).astype("float32"))


# ---- scikit-learn --------------------------------------------------------------------------------


def sklearn_file(name, model, x, y):
    model.fit(x, y)
    options = {id(model): {"zipmap": False}} if hasattr(model, "predict_proba") else None
    first = skl2onnx.common.data_types.FloatTensorType([None, x.shape[1]])
    proto = skl2onnx.convert_sklearn(
        model, initial_types=[("x", first)], options=options, target_opset=18
    )
    (FOLDER / f"sklearn_{name}.onnx").write_bytes(proto.SerializeToString())
    made = [model.predict(x)]
    if hasattr(model, "predict_proba"):
        made.append(model.predict_proba(x))
    keep(f"sklearn_{name}", [x], made)


def sklearn_files():
    x = RNG.normal(size=(60, 4)).astype("float32")
    three, two = x[:, :3].argmax(1), (x[:, 0] + x[:, 1] > 0).astype(int)
    number = x @ np.array([1.0, -2.0, 0.5, 0.0])
    net = {"hidden_layer_sizes": (6, 5), "max_iter": 50, "random_state": 0}
    sklearn_file("mlp", make_pipeline(StandardScaler(), MLPClassifier(**net)), x, three)
    sklearn_file("mlp_of_two", MLPClassifier(**net, activation="tanh"), x, two)
    sklearn_file("mlp_of_numbers", make_pipeline(MinMaxScaler(), MLPRegressor(**net)), x, number)
    sklearn_file("logistic", LogisticRegression(), x, three)
    sklearn_file("logistic_of_two", LogisticRegression(), x, two)
    sklearn_file("linear", make_pipeline(StandardScaler(), LinearRegression()), x, number)


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    torch_files()
    sklearn_files()
    keras_files()
