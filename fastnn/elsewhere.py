"""What people type who come from Keras, PyTorch or scikit-learn, and what does so here.

The tables are read where a name is not there; docs/coming_from.md tells the same at length.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__all__ = ["ABSENT", "ARGUMENTS", "NAMES", "NO_ARGUMENTS", "VALUES", "Elsewhere", "not_here"]

#: What is in the names that Keras has and fastnn has not, and what to call that.
ABSENT = {
    "attention": "attention",
    "ctc": "CTC",
    "circle": "Circle loss",
    "3d": "layers of volumes",
}

_WORDS = "fastnn.utils.class_ids makes numbers of words"
_BATCHES = "give fit arrays and batch_size, or a fastnn.utils.PyDataset"

#: Names of modules, classes and functions -> what does instead.
NAMES = {
    "applications": "there are no pretrained models; fastnn.from_keras takes over those of Keras",
    "random": "fastnn.set_seed, initializers and layers such as GaussianNoise are for chance",
    **dict.fromkeys(("TextVectorization", "StringLookup", "IntegerLookup", "Hashing"), _WORDS),
    "GradientTape": "fastnn.grad gives gradients, of functions and of models",
    "no_grad": "model.predict records nothing for gradients",
    "nn": "layers are in fastnn.layers (docs/coming_from.md)",
    "optim": "it is fastnn.optimizers",
    "lr_scheduler": "there are fastnn.optimizers.schedules, and callbacks.LearningRateScheduler",
    "Module": "sub-class fastnn.Model, or fastnn.layers.Layer",
    "Linear": "it is layers.Dense(units)",
    **dict.fromkeys(("data", "DataLoader", "Dataset", "TensorDataset"), _BATCHES),
    **dict.fromkeys(("tensor", "from_numpy", "Tensor"), "arrays are NumPy's"),
    "manual_seed": "it is fastnn.set_seed",
    "save": "it is model.save(path)",
    **dict.fromkeys(("load", "load_model"), "it is fastnn.models.load_model(path)"),
    "to_keras": "it is model.save(path, format='keras')",
    "np_utils": "it is fastnn.utils",
    "load_csv": "it is fastnn.datasets.read_csv(path)",
    **dict.fromkeys(
        ("load_iris", "load_wine", "load_breast_cancer", "load_diabetes", "fetch_openml"),
        "sklearn.datasets has it; fit takes its arrays",
    ),
    **dict.fromkeys(
        ("imdb", "reuters", "boston_housing", "california_housing"),
        "keras.datasets has it; fit takes its arrays",
    ),
    "BCELoss": "it is losses.BinaryCrossentropy",
    "BCEWithLogitsLoss": "it is losses.BinaryCrossentropy(from_logits=True)",
    "CrossEntropyLoss": "it is losses.SparseCategoricalCrossentropy(from_logits=True)",
    "NLLLoss": "it is losses.SparseCategoricalCrossentropy, of a softmax",
    "MSELoss": "it is losses.MeanSquaredError",
    "L1Loss": "it is losses.MeanAbsoluteError",
    **dict.fromkeys(("HuberLoss", "SmoothL1Loss"), "it is losses.Huber"),
    "KLDivLoss": "it is losses.KLDivergence",
    "Variable": "a layer's add_weight makes one",
    "convert_to_numpy": "functions of arrays return arrays; of a weight, weight.numpy()",
    "einsum": "ops.matmul, ops.transpose and ops.sum together are that",
}

#: What arguments are called elsewhere -> what they are called here.
ARGUMENTS = {"random_state": "seed", "save_format": "format", "alpha": "negative_slope"}

#: What arguments there are elsewhere -> the argument that does so here, and what that is.
NO_ARGUMENTS = {
    "train_size": ("test_size", "is the share of the others, 1 - train_size"),
}

#: What things that are given by name are called elsewhere -> what they are called here.
VALUES = {"logistic": "sigmoid", "identity": "linear"}

_MODES = "fit trains; predict and evaluate do not"
_STEPS = "fit and train_on_batch make steps; fastnn.grad gives gradients"
_DEVICES = "all is computed on the CPU"

#: Methods and attributes of layers, models and optimizers -> what does instead.
_MEMBERS = {
    "state_dict": "it is fastnn.state_dict(model)",
    "load_state_dict": "it is fastnn.load_state_dict(model, mapping)",
    **dict.fromkeys(("parameters", "named_parameters"), "there is trainable_weights"),
    **dict.fromkeys(("train", "eval"), _MODES),
    **dict.fromkeys(("zero_grad", "backward", "step", "train_step"), _STEPS),
    **dict.fromkeys(("to", "cpu", "cuda"), _DEVICES),
    "lr": "it is learning_rate",
    **dict.fromkeys(("fit_generator", "evaluate_generator"), "fit and evaluate take generators"),
    "predict_generator": "predict takes generators",
    "export": "fastnn.export_c(model, path) writes C, and fastnn.onnx.export ONNX",
    "quantize": "mixed_bfloat16 is the one policy of less precision (Sequential(dtype=...))",
    "save_model": "it is save(path)",
    "to_yaml": "it is to_json()",
    "score": "it is evaluate, which gives the loss, and metrics if compile had some",
    "predict_classes": "it is predict(x).argmax(-1), or predict(x) > 0.5 for one unit",
}


def not_here(thing: Any, name: str) -> AttributeError:
    """Return the exception for an attribute that is there elsewhere."""
    return AttributeError(
        f"{type(thing).__name__!r} object has no attribute {name!r}; {_MEMBERS[name]} "
        "(docs/coming_from.md)"
    )


class Elsewhere:
    """What says of methods that are there elsewhere what does so here."""

    if not TYPE_CHECKING:  # or every name would be one to a type checker

        def __getattr__(self, name: str) -> Any:
            if name in _MEMBERS:
                raise not_here(self, name)
            return self.__getattribute__(name)  # raises what it has raised
