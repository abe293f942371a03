"""The compiler: shapes and their messages, each rewrite alone, gradients, the memory plan."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fastnn
from fastnn import Input, Sequential, ops
from fastnn.compiler import bind, fusion, geometry, lower, memory
from fastnn.compiler.gradients import differentiate, rules
from fastnn.compiler.graph import Graph, Size, size_of
from fastnn.compiler.program import Program
from fastnn.errors import ShapeError
from fastnn.layers import Activation, Conv2D, Dense, Dropout, Flatten, Layer, MaxPooling2D
from fastnn.ops.table import Op, Operand, table
from fastnn.variables import Variable


def source(graph, *shape):
    return graph.emit("gather", graph.place("x", (None, *shape), "source", dtype="any"))[0]


def weight(*shape, name="w"):
    return Variable(shape, lambda s, d: np.ones(s, d), name)


def names(nodes):
    return [node.op.name for node in nodes]


def stored(graph, tensor):
    """Mark a tensor as one that the outside reads."""
    (out,) = graph.emit("scale", tensor, factor=1)
    out.home = "out"
    return graph


# ---- the table -----------------------------------------------------------------------------------


def test_an_operand_is_parsed():
    got = Operand.parse("t:i32[r,n*]?~")
    assert (got.name, got.dtype, got.axes, got.stars) == ("t", "i32", ("r", "n"), ("n",))
    assert got.optional
    assert got.inplace
    assert Operand.parse("y[n*]=x").alias == "x"
    with pytest.raises(ValueError, match="is not name"):
        Operand.parse("x(r)")


def test_every_row_is_consistent():
    for op in table().values():
        known = {o.name for o in op.inputs}
        assert len(known | {o.name for o in op.outputs}) == len(op.inputs) + len(op.outputs)
        assert {o.alias for o in op.outputs} - {None} <= known
        assert all(set(letters) <= set(op.axes) for _, letters in op.flops)
        assert not any(o.inplace for o in op.outputs)
        axes = {o.name: o.axes for o in op.inputs}
        assert all(axes[name] == o.axes for o in op.outputs for name in o.over)


def test_flops_are_those_of_the_formula():
    graph = Graph()
    ops.dense(source(graph, 5), weight(5, 7))
    assert graph.nodes[-1].flops(3) == 2 * 3 * 5 * 7


# ---- shapes --------------------------------------------------------------------------------------


def test_sizes_count_elements_a_row_and_in_all():
    assert size_of((None, 3, 5)) == Size(15, True)
    assert size_of((None, 3, 5)).at(7) == 105
    assert size_of((3, 5)).at(7) == 15
    assert size_of(()) == Size(1, False)


def test_outputs_have_the_shape_of_the_signature():
    graph = Graph()
    x = source(graph, 6, 8, 2)
    y = ops.conv(x, weight(3, 3, 2, 5), strides=(1, 2), bias=weight(5))
    assert y.shape == (None, 4, 3, 5)
    assert ops.max_pool(y, 2).shape == (None, 2, 1, 5)
    assert ops.dense(x, weight(2, 9)).shape == (None, 6, 8, 9)
    flat = ops.reshape(x, (None, 96))
    assert flat.shape == (None, 96)
    assert flat.root is x
    assert ops.batch_mean(ops.mean_squared_error(x, x)).shape == ()


def test_a_clash_names_layer_operation_axis_and_both_operands():
    graph = Graph()
    with graph.scope("scores"), pytest.raises(ShapeError) as caught:
        ops.dense(source(graph, 11), weight(32, 7))
    assert str(caught.value) == (
        "scores: dense_fwd: axis 'i' is 11 in x(rows, 11) but 32 in w(32, 7)"
    )


@pytest.mark.parametrize("shape", [(3, 2), (6,), (2, 4)])
def test_tensors_of_one_size_but_two_shapes_do_not_add(shape):
    graph = Graph()
    with pytest.raises(ShapeError, match=r"add: shapes .* do not go together"):
        ops.add(source(graph, 2, 3), source(graph, *shape))


def test_a_clash_of_starred_axes_shows_them_all():
    graph = Graph()
    with pytest.raises(
        ShapeError, match=r"axis 'n' is rowsx2x3 in a\(rows, 2, 3\) but rowsx6 in b"
    ):
        graph.emit("add", source(graph, 2, 3), source(graph, 6))


def test_a_wrong_rank_names_the_axes_expected():
    graph = Graph()
    with pytest.raises(ShapeError, match=r"w has shape \(5\), expected 2 axes \[i,o\]"):
        ops.dense(source(graph, 5), weight(5))


def test_a_failed_operation_adds_no_node():
    graph = Graph()
    x = source(graph, 5)
    with pytest.raises(ShapeError):
        ops.dense(x, weight(4, 3))
    assert names(graph.nodes) == ["gather"]


@settings(deadline=None)  # a machine may be busy
@given(
    extent=st.integers(1, 40),
    size=st.integers(1, 9),
    stride=st.integers(1, 9),
    padding=st.sampled_from(["valid", "same"]),
)
def test_windows_stay_inside_and_leave_no_place_out(extent, size, stride, padding):
    if padding == "valid" and size > extent:
        with pytest.raises(ShapeError, match="smaller than"):
            geometry.Window.of("x", (None, extent, 9, 1), size, stride, padding)
        return
    window = geometry.Window.of("x", (None, extent, extent, 1), size, stride, padding)
    out, pad = window.out[0], window.pads[0]
    if padding == "same":
        assert out == math.ceil(extent / stride)
    else:
        assert pad == 0
        assert (out - 1) * stride + size <= extent < out * stride + size
    for place in range(out):  # each window reads at least one pixel of the image
        begin = place * stride - pad
        assert begin < extent
        assert begin + size > 0


# ---- rewrites ------------------------------------------------------------------------------------


def test_an_activation_behind_a_reshape_is_absorbed():
    """So a convolution of sequences applies its own, as one of images does."""
    graph = Graph()
    y = ops.relu(ops.conv(source(graph, 9, 2), weight(3, 2, 4)))
    fused = fusion.fuse(stored(graph, y).nodes)
    assert "activation_fwd" not in names(fused)
    (product,) = (node for node in fused if node.op.name == "conv2d_fwd")
    assert product.attrs["activation"] == "relu"
    assert y.alias is product.outputs[0]


def test_a_products_only_reader_is_absorbed():
    graph = Graph()
    y = ops.relu(ops.dense(source(graph, 5), weight(5, 3)))
    nodes = fusion.fuse_epilogues(stored(graph, y).nodes)
    assert names(nodes) == ["gather", "dense_fwd", "scale"]
    assert nodes[1].attrs["activation"] == "relu"
    assert nodes[1].outputs == [y]
    assert y.producer is nodes[1]


def test_a_product_that_is_read_elsewhere_keeps_its_output():
    graph = Graph()
    z = ops.dense(source(graph, 5), weight(5, 3))
    nodes = fusion.fuse_epilogues(stored(graph, ops.add(z, ops.relu(z))).nodes)
    assert names(nodes) == ["gather", "dense_fwd", "activation_fwd", "add", "scale"]


def test_only_one_activation_is_absorbed():
    graph = Graph()
    z = ops.dense(source(graph, 5), weight(5, 3))
    nodes = fusion.fuse_epilogues(stored(graph, ops.relu(ops.tanh(z))).nodes)
    assert names(nodes) == ["gather", "dense_fwd", "activation_fwd", "scale"]
    assert [node.attrs["activation"] for node in nodes[1:3]] == ["tanh", "relu"]


def test_a_softmax_is_not_an_epilogue():
    graph = Graph()
    y = ops.softmax(ops.dense(source(graph, 5), weight(5, 3)))
    assert "softmax_fwd" in names(fusion.fuse(stored(graph, y).nodes))


def backward(activation, *, frozen=False):
    """The graph of a dense layer with an activation, and of its gradients."""
    graph = Graph()
    x, w = source(graph, 5), weight(5, 3)
    v = weight(5, 5, name="v")
    y = activation(ops.dense(ops.dense(x, v), w))
    mean = ops.batch_mean(ops.mean_squared_error(y, y))
    wrt = [graph.parameter(w)] + ([] if frozen else [graph.parameter(v)])
    for gradient in differentiate(graph, mean, wrt).values():
        gradient.home = "grads"
    return graph


def test_a_derivative_goes_into_the_products_that_read_it():
    graph = backward(ops.tanh)
    nodes = fusion.fuse_derivatives(fusion.fuse_epilogues(graph.nodes))
    assert "activation_bwd" not in names(nodes)
    derived = [n.op.name for n in nodes if n.attrs.get("activation") == "tanh"]
    assert sorted(derived) == ["dense_bwd_w", "dense_bwd_x", "dense_fwd"]


def test_a_derivative_that_something_else_reads_stays():
    graph = Graph()
    x, w = source(graph, 5), weight(5, 5)
    z = ops.dense(x, w)
    y = ops.add(ops.tanh(z), z)
    gradients = differentiate(
        graph, ops.batch_mean(ops.mean_squared_error(y, y)), [graph.parameter(w)]
    )
    gradients[graph.parameter(w)].home = "grads"
    assert "activation_bwd" in names(fusion.fuse(graph.nodes))


def test_a_loss_of_which_the_mean_alone_is_minimised_needs_no_gradient_of_each_row():
    graph = backward(ops.tanh)
    nodes = fusion.fuse(graph.nodes)
    assert not {"fill", "mean_bwd"} & set(names(nodes))
    (slope,) = (node.inputs[2] for node in nodes if node.op.name == "loss_bwd")
    assert slope is None


def test_a_gradient_of_each_row_that_is_not_the_mean_s_stays():
    graph = Graph()
    x, w = source(graph, 5), weight(5, 5)
    error = ops.mean_squared_error(ops.dense(x, w), x)
    loss = ops.batch_mean(ops.add(error, error))
    gradients = differentiate(graph, loss, [graph.parameter(w)])
    gradients[graph.parameter(w)].home = "grads"
    nodes = fusion.fuse(graph.nodes)
    assert [name for name in names(nodes) if name in ("fill", "mean_bwd", "add", "loss_bwd")] == [
        "fill",
        "mean_bwd",
        "add",
        "loss_bwd",
    ]


def test_dead_nodes_are_dropped_and_chains_of_them():
    graph = Graph()
    x = source(graph, 5)
    ops.relu(ops.tanh(x))
    stored(graph, ops.sigmoid(x))
    assert names(fusion.drop_dead(graph.nodes)) == ["gather", "activation_fwd", "scale"]


def test_nodes_that_write_in_place_live():
    graph = Graph()
    values = ops.mean_squared_error(source(graph, 5), source(graph, 5))
    total = graph.place("t", (2,), "totals", dtype="f64")
    graph.emit("accumulate", values, None, None, total, watched=1)
    assert "accumulate" in names(fusion.drop_dead(graph.nodes))


@pytest.mark.parametrize("rewrite", [fusion.fuse_epilogues, fusion.fuse_derivatives, fusion.fuse])
def test_rewriting_again_changes_nothing(rewrite):
    once = rewrite(backward(ops.tanh).nodes)
    assert names(rewrite(once)) == names(once)


# ---- gradients -----------------------------------------------------------------------------------


def test_every_operation_between_weights_and_loss_has_a_rule():
    forward = {n for n in table() if n.endswith("_fwd")} | {"add", "reshape", "dropout", "mean"}
    assert forward | {"softmax_ce_sparse", "softmax_ce_dense", "sigmoid_bce", "loss_fwd"} <= rules()


def test_an_operation_without_a_rule_is_named():
    graph = Graph()
    z = ops.dense(source(graph, 3), weight(3, 2))
    hits = ops.categorical_accuracy(z, z)
    with pytest.raises(NotImplementedError, match="accuracy_dense"):
        differentiate(graph, ops.batch_mean(hits), graph.parameters.values())


def test_a_tensor_read_twice_gets_the_sum():
    graph = Graph()
    w = weight(3, 3)
    h = ops.dense(source(graph, 3), w)
    y = ops.add(ops.tanh(h), ops.relu(h))
    before = len(graph.nodes)
    differentiate(
        graph,
        ops.batch_mean(ops.mean_squared_error(y, source(graph, 3))),
        graph.parameters.values(),
    )
    assert names(graph.nodes[before:]).count("add") == 1


def test_gradients_towards_data_are_not_computed():
    model = Sequential([Input((4,)), Dense(5, "relu"), Dense(2)])
    model.compile("sgd", "mse")
    kinds = names(Program.of(model.runtime.graph("train"), 8, "float32").nodes)
    assert kinds.count("dense_bwd_w") == 2
    assert kinds.count("dense_bwd_x") == 1


def test_gradients_below_a_frozen_layer_end_there():
    model = Sequential([Input((4,)), Dense(5), Dense(5), Dense(2)])
    for layer in model.layers[:2]:
        layer.trainable = False
    model.compile("sgd", "mse")
    kinds = names(Program.of(model.runtime.graph("train"), 8, "float32").nodes)
    assert kinds.count("dense_bwd_w") == 1
    assert "dense_bwd_x" not in kinds


class Unused(Layer):
    def build(self, input_shape):
        self.used = self.add_weight((input_shape[-1], 2), name="used")
        self.unused = self.add_weight((7,), "ones", name="unused")

    def call(self, x):
        return ops.dense(x, self.used)


def test_a_parameter_that_the_loss_does_not_see_has_gradient_zero_and_stays():
    model = Sequential([Input((4,)), Unused(), Dense(1)])
    model.compile("adam", "mse")
    model.fit(np.ones((5, 4)), np.ones(5), epochs=3, verbose=0)
    assert (model.layers[0].unused.numpy() == 1).all()


def test_evaluation_has_no_dropout_and_training_has_two():
    model = Sequential([Input((4,)), Dense(5), Dropout(0.5), Dense(2)])
    model.compile("sgd", "mse")
    assert "dropout" not in names(model.runtime.graph("evaluate").nodes)
    assert "dropout" not in names(model.runtime.graph("predict").nodes)
    assert names(model.runtime.graph("train").nodes).count("dropout") == 2


def test_two_dropouts_have_streams_of_their_own():
    model = Sequential([Input((4,)), Dropout(0.5), Dense(4), Dropout(0.5), Dense(2)])
    model.compile("sgd", "mse")
    streams = {
        n.attrs["stream"] for n in model.runtime.graph("train").nodes if n.op.name == "dropout"
    }
    assert streams == {0, 1}


# ---- memory --------------------------------------------------------------------------------------


def test_lifetimes_span_from_the_writer_to_the_last_reader():
    graph = Graph()
    x = source(graph, 5)
    y = ops.relu(x)
    stored(graph, ops.add(ops.tanh(y), x))
    lives = {life.tensor: (life.first, life.last) for life in memory.lifetimes(graph.nodes)}
    assert lives[x] == (0, 3)
    assert lives[y] == (1, 2)


def test_a_reshape_lives_in_the_memory_of_its_input():
    graph = Graph()
    x = source(graph, 2, 3)
    y = ops.reshape(x, (None, 6))
    stored(graph, y)
    (life,) = memory.lifetimes(graph.nodes)
    assert life.tensor is x
    assert life.last == 2


def test_a_chain_needs_two_places_only():
    graph = Graph()
    x = source(graph, 16)
    for _ in range(9):
        x = ops.softmax(x)
    assert memory.plan(stored(graph, x).nodes, 4, 4) == 2 * 16 * 4 * 4


def test_a_chain_of_operations_that_write_over_their_input_needs_one_place():
    graph = Graph()
    x = source(graph, 16)
    for _ in range(9):
        x = ops.tanh(x)
    assert memory.plan(stored(graph, x).nodes, 4, 4) == 16 * 4 * 4


def test_an_input_that_is_read_later_is_not_written_over():
    graph = Graph()
    x = source(graph, 16)
    y = ops.relu(x)
    stored(graph, ops.add(ops.tanh(y), x))
    place, kept = memory.places(graph.nodes, 4, 4)
    assert [life.tensor for life in place.lives] == [x]
    assert [life.tensor for life in kept.lives][:1] == [y]
    assert len(kept.lives) == 3  # tanh(y) over y, the sum over tanh(y)


def test_the_plan_of_a_convnet_takes_no_more_than_lives_at_once():
    same = {"padding": "same", "activation": "relu"}
    model = Sequential(
        [
            *(Input((32, 32, 3)), Conv2D(32, 3, **same), Conv2D(32, 3, activation="relu")),
            *(MaxPooling2D(), Conv2D(64, 3, **same), Conv2D(64, 3, activation="relu")),
            *(MaxPooling2D(), Flatten(), Dense(512, "relu"), Dense(10, "softmax")),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    program = Program.of(model.runtime.graph("train"), 64, "float32")
    every = memory.places(program.nodes, 64, 4)
    at_once = (
        sum(place.size for place in every if place.first <= node <= place.last)
        for node in range(len(program.nodes))
    )
    assert program.arena_bytes == max(at_once)


@st.composite
def graphs(draw):
    """Random graphs of element-wise operations, products and reshapes, some results stored."""
    graph = Graph()
    tensors = [source(graph, draw(st.sampled_from([1, 6, 24])))]
    for _ in range(draw(st.integers(1, 14))):
        x = draw(st.sampled_from(tensors))
        kind = draw(st.sampled_from(["relu", "add", "dense", "reshape", "label"]))
        if kind == "relu":
            tensors.append(ops.relu(x))
        elif kind == "add":
            tensors.append(
                ops.add(x, draw(st.sampled_from([t for t in tensors if t.shape == x.shape])))
            )
        elif kind == "dense":
            tensors.append(ops.dense(x, weight(x.shape[-1], draw(st.integers(1, 40)))))
        elif kind == "reshape":
            tensors.append(ops.reshape(x, (None, 1, x.size.base)))
        else:
            place = graph.place("t", (None,), "source", dtype="any")
            graph.emit("gather_labels", place, classes=3)
    stored(graph, tensors[-1])
    return graph


@settings(max_examples=60, deadline=None)
@given(graph=graphs(), rows=st.integers(1, 40), real=st.sampled_from([4, 8]))
def test_no_two_tensors_that_live_at_once_overlap(graph, rows, real):
    end = memory.plan(graph.nodes, rows, real)
    placed = []
    for place in memory.places(graph.nodes, rows, real):
        for life in place.lives:
            item = memory.item_bytes(life.tensor, real)
            begin = life.tensor.offset * item
            size = life.tensor.size.at(rows) * item
            assert begin % memory.ALIGN == 0
            assert begin + size <= end
        placed.append((place, begin, begin + size))
        for before, after in itertools.pairwise(place.lives):
            assert before.last == after.first
            assert before.tensor.offset == after.tensor.offset
    for a, begin_a, end_a in placed:
        for b, begin_b, end_b in placed:
            together = a is not b and a.first <= b.last and b.first <= a.last
            assert not together or end_a <= begin_b or end_b <= begin_a


@settings(max_examples=40, deadline=None)
@given(graph=graphs(), rows=st.integers(1, 9))
def test_a_random_program_gives_what_the_reference_gives(graph, rows):
    from fastnn import _core, config
    from fastnn.compiler.bind import Compiled
    from fastnn.compiler.program import Memory
    from fastnn.reference.interpreter import Interpreter

    program = Program.of(graph, rows, "float64")
    for variable, tensor in graph.parameters.items():
        tensor.offset = variable.size  # anywhere: all weights are 1
    params = _core.aligned_zeros(4000, "float64")
    params[:] = 0.125
    n = graph.nodes[0].outputs[0].shape[1]
    lent = {
        "x": np.linspace(-1, 2, rows * n).reshape(rows, n),
        "t": np.zeros(rows, np.int64),
    }
    out = next(
        t for node in program.nodes for t in node.outputs if t is not None and t.home == "out"
    )
    results = []
    for make in (
        lambda memory: Compiled(program, memory, config.isa(), 1),
        lambda memory: Interpreter(program, memory),
    ):
        executable = make(Memory(program, {"params": params}))
        lent[out.name] = np.full((rows, *out.shape[1:]), np.nan)
        executable.lend(dict(lent))
        assert executable.run(_core.Run(rows, rows)) == _core.DONE
        results.append(lent[out.name])
    assert np.allclose(*results, rtol=1e-12, atol=1e-300, equal_nan=True)


# ---- programs ------------------------------------------------------------------------------------


def test_a_program_lists_what_it_borrows():
    model = Sequential([Input((4,)), Dense(2)])
    model.compile("sgd", "mse")
    assert set(Program.of(model.runtime.graph("train"), 8, "float32").lent) == {"x0", "y0"}
    assert set(Program.of(model.runtime.graph("predict"), 8, "float32").lent) == {"x0", "out0"}


def test_a_listing_shows_layer_operation_places_and_shapes():
    model = Sequential([Input((4,)), Dense(2, "relu", name="d")])
    listing = Program.of(model.runtime.graph("predict"), 8, "float32").listing()
    assert listing[1] == (
        "d",
        "dense_fwd(activation=relu)",
        "arena@0(rows, 4) params@0(4, 2) params@16(2) -> out(rows, 2)",
    )


def predicting(*layers, direct=True):
    """Return the nodes of a program that predicts, and what it leaves in the arena."""
    model = Sequential([Input((4, 3)), *layers])
    program = Program.of(model.runtime.graph("predict", direct), 8, "float32")
    return names(program.nodes), program.arena_bytes


def test_samples_are_read_and_results_are_written_where_they_lie():
    dense = Dense(2, "relu")
    assert predicting(dense) == (["dense_fwd"], 0)
    assert predicting(Flatten(), Dense(2, "softmax"))[0] == ["reshape", "dense_fwd", "softmax_fwd"]
    assert predicting(Dense(2, "relu"), direct=False)[0] == ["gather", "dense_fwd"]


def test_a_result_that_is_the_input_or_shares_memory_is_copied():
    assert predicting(Flatten())[0] == ["reshape", "activation_fwd"]
    assert predicting(Activation("relu"), Flatten())[0][-2:] == ["reshape", "activation_fwd"]


def of_images():
    layers = [Conv2D(16, 3, activation="relu"), MaxPooling2D(), Flatten(), Dense(3)]
    return Sequential([Input((34, 34, 2)), *layers])


def test_a_prediction_takes_steps_whose_temporaries_stay_in_the_caches():
    model = of_images()
    one = Program.of(model.runtime.graph("predict"), 1, "float32")
    rows = bind.step_rows(one, 1)
    assert one.arena_bytes * rows <= bind._CACHE < one.arena_bytes * (rows + 1)
    assert bind.step_rows(one, 4) == 4 * rows
    for asked, held in ((rows - 1, rows - 1), (rows + 1, rows), (10 * rows, rows)):
        threads = fastnn.get_num_threads()
        with of_images().runtime.borrow("predict", asked * threads) as executable:
            assert executable.program.rows == held * threads
    x = np.random.default_rng(0).normal(size=(3 * rows + 1, 34, 34, 2)).astype(np.float32)
    every = model.predict(x, batch_size=len(x))
    assert every.tobytes() == b"".join(model.predict_one(row).tobytes() for row in x)


def test_a_prediction_does_not_read_many_weights_for_few_rows():
    model = Sequential([Input((500,)), Dense(2000, "relu"), Dense(2000, "relu"), Dense(3)])
    one = Program.of(model.runtime.graph("predict"), 1, "float32")
    assert bind.step_rows(one, 1) is None


class Double(Layer):
    def forward(self, x):
        return 2 * x


def test_user_code_sees_no_memory_but_the_programs_own():
    nodes, _ = predicting(Double())
    assert nodes == ["activation_fwd", "python_call", "activation_fwd"]


def test_the_gradient_program_ends_before_the_optimizer():
    model = Sequential([Input((4,)), Dense(2)])
    model.compile("adam", "mse")
    assert "adam" in names(model.runtime.graph("train").nodes)
    runtime = model.runtime
    graph = lower.training(
        runtime.call, runtime.input_shapes, runtime.objective, runtime.parameters, None
    )
    assert "adam" not in names(graph.nodes)


def test_a_convnets_program_is_what_one_expects():
    model = Sequential(
        [
            Input((8, 8, 1)),
            Conv2D(3, 3, activation="relu"),
            MaxPooling2D(),
            Flatten(),
            Dense(4, "softmax"),
        ]
    )
    model.compile("sgd", "sparse_categorical_crossentropy", ["accuracy"])
    nodes = Program.of(model.runtime.graph("train"), 8, "float32").nodes
    assert [name for name in names(nodes) if name != "reshape"] == [
        "gather",
        "conv2d_fwd",
        "maxpool2d_fwd",
        "dense_fwd",
        "gather_labels",
        "softmax_ce_sparse",
        "accumulate",
        "accuracy_sparse",
        "accumulate",
        "softmax_ce_sparse_bwd",
        "dense_bwd_x",
        "dense_bwd_w",
        "maxpool2d_bwd",
        "conv2d_bwd_w",
        "sgd",
        "advance",
    ]


def test_operations_of_arrays_are_their_numbers():
    assert np.array_equal(ops.relu(np.array([-1.0, 2.0])), [0, 2])
    assert isinstance(table()["add"], Op)
    assert fastnn.ops.add is ops.add


def test_an_operand_that_has_to_be_there_is_refused_if_it_is_none():
    """Kernels trust their operands: none of them looks whether its memory is there."""
    graph = Graph()
    with pytest.raises(TypeError, match=r"sgd: w must be a tensor or an array, got None"):
        graph.emit("sgd", None, None, None, None, momentum=0.0, nesterov=0)
