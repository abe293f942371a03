"""The cases that the package onnx has for its operators, run by fastnn as a backend."""

import re
import unittest

import onnx.backend.test
import pytest
from onnx.backend.test.loader import load_model_tests

from fastnn.errors import UnsupportedError
from fastnn.onnx.backend import Backend
from fastnn.onnx.reader import OPERATORS, full_kind

pytestmark = pytest.mark.filterwarnings("ignore")  # onnx computes its cases when they are loaded

#: Cases of operators that fastnn has which it refuses, and why.
REFUSED = {
    r"_3d_(?!reflect)(default|dilations\w*|pad\w*)|convtranspose_3d": "windows along three axes",
    r"batchnorm_\w+_training_mode|training_dropout(_default|_mask|_default_mask)?$": "training",
    r"maxpool_with_argmax": "where the largest numbers were",
    r"lstm_with_peepholes": "peepholes",
    r"(max|min|exp)_empty_set": "the largest of no numbers",
    r"antialias|tf_crop_and_resize": "images made smaller by averages, or cut out",
    r"scan_sum": "loops of opset 8, with lengths of sequences",
}

#: Operators that fastnn does not have, up to opset 28: geometry and attention; signals; sizes that
#: depend on numbers; whole numbers and bits; texts and trees; losses and optimizers.
MISSING = """
AffineGrid Attention CausalConvWithState Col2Im DeformConv Einsum FlexAttention GatherND GridSample
LRN LinearAttention LpPool MaxUnpool ReverseSequence RoiAlign RotaryEmbedding Scatter
ScatterElements ScatterND SwiGLU TensorScatter CenterCropPad CumProd
BlackmanWindow DFT HammingWindow HannWindow MelWeightMatrix STFT
Bernoulli Compress Det If Loop NonMaxSuppression NonZero SequenceMap Unique
ConvInteger DequantizeLinear DynamicQuantizeLinear MatMulInteger QLinearConv QLinearMatMul
QuantizeLinear BitCast BitShift BitwiseAnd BitwiseNot BitwiseOr BitwiseXor
ImageDecoder LabelEncoder OptionalGetElement OptionalHasElement RegexFullMatch SequenceInsert
SplitToSequence StringConcat StringNormalizer StringSplit TfIdfVectorizer TreeEnsemble
Adagrad Adam Momentum NegativeLogLikelihoodLoss SoftmaxCrossEntropyLoss
"""

#: Cases of types of numbers that fastnn does not compute with.
TYPES = re.compile(
    r"(?i)string|identity_(sequence|opt)|float8|float4|u?int[24](_|$)|bfloat16|no_sat"
)


def cases():
    return {case.name: case for case in load_model_tests(kind="node")}


def operators(case):
    return {full_kind(node) for node in case.model.graph.node}


def refused(name):
    return next((why for pattern, why in REFUSED.items() if re.search(pattern, name)), None)


def test_cases_of_the_package_onnx():
    """Every case of an operator that fastnn has passes, or is one of those named above.

    Cases that end with ``expanded`` are the same, of operators that have cases of their own.
    """
    every = cases()
    known = [
        name
        for name, case in every.items()
        if operators(case) <= OPERATORS.keys() and not name.endswith("_expanded")
    ]
    wanted = [name for name in known if not refused(name) and not TYPES.search(name)]
    backend = onnx.backend.test.BackendTest(Backend, __name__)
    chosen = set(wanted)
    suite = unittest.TestSuite(test for test in backend.test_suite if _case(test) in chosen)
    assert suite.countTestCases() == len(wanted) > 700, len(wanted)
    result = unittest.TestResult()
    suite.run(result)
    wrong = [f"{test}: {text[-300:]}" for test, text in (*result.failures, *result.errors)]
    assert not wrong, wrong
    assert not result.skipped
    others = [name for name in known if refused(name) and not TYPES.search(name)]
    passed = ", ".join(name for name in others if not is_refused(every[name]))
    assert passed == ""


def test_operators_without_counterpart_are_the_ones_that_are_named():
    """So that none is left out by mistake, and newer ones are looked at."""
    plain = {name: case for name, case in cases().items() if not name.endswith("_expanded")}
    every = {kind for case in plain.values() for kind in operators(case)}
    unknown = {kind.split(".")[-1] for kind in every - OPERATORS.keys()}
    newest = onnx.defs.onnx_opset_version() <= 28
    assert sorted(unknown - set(MISSING.split())) == [] or not newest
    assert not {kind.split(".")[-1] for kind in OPERATORS} & set(MISSING.split())


def is_refused(case):
    (data, *_) = case.data_sets
    try:
        Backend.prepare(case.model).run(data[0])
    except UnsupportedError:
        return True
    return False


def _case(test):
    return test.id().rsplit(".", 1)[-1].removesuffix("_cpu")
