"""Model files are untrusted: damage and attacks are refused, cost little, and run nothing."""

import contextlib
import io
import os
import re
import sys
import tracemalloc
import zipfile

import attacks
import numpy as np
import pytest

import fastnn
from fastnn import archive, saving
from fastnn.errors import ModelFileError
from fastnn.layers import Dense
from fastnn.models import load_model

FREE = 8 << 20  # bytes that reading may take beside twice the file

#: What code would have to do to do harm, as CPython's audit events call it.
HARM = (
    "import",
    "exec",
    "compile",
    "open",
    "pickle",
    "os.",
    "subprocess",
    "socket",
    "ctypes",
    "code",
)


class Watch:
    """Notes what happens in the interpreter meanwhile."""

    def __init__(self):
        self.seen, self.on = [], False

    def __call__(self, event, arguments):
        if self.on and event.startswith(HARM):
            self.seen.append((event, str(arguments)[:80]))

    @contextlib.contextmanager
    def watching(self):
        self.seen, self.on = [], True
        try:
            yield self.seen
        finally:
            self.on = False


WATCH = Watch()
sys.addaudithook(WATCH)


def refusal(content):
    """The message that refuses a file, which must cost little and run nothing."""
    tracemalloc.start()
    try:
        with WATCH.watching() as seen, pytest.raises(ModelFileError) as caught:
            saving.from_bytes(content)
        assert tracemalloc.get_traced_memory()[1] <= 2 * len(content) + FREE
    finally:
        tracemalloc.stop()
    assert seen == []
    assert len(str(caught.value)) <= 400
    return str(caught.value)


def test_the_watch_sees_what_code_would_do():
    with WATCH.watching() as seen:
        eval("0")
        io.open_code(__file__).close()
    assert len(seen) >= 2


@pytest.fixture(scope="module", autouse=True)
def warm():
    """What is imported when it is first needed is no attack's doing."""
    saving.from_bytes(attacks.Forgery().bytes())
    for name in ("an activation of a module", "a schema of one class"):
        with pytest.raises(ModelFileError):
            saving.from_bytes(attacks.forged(name)[0])


def test_there_are_enough_attacks():
    assert len(attacks.FORGED) + len(attacks.FOREIGN) >= 140


def test_a_forgery_without_a_lie_is_the_model():
    assert attacks.Forgery().bytes() == saving.to_bytes(attacks.tiny())


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("name", attacks.FORGED)
def test_an_attack_is_refused_and_named(name):
    content, message = attacks.forged(name)
    assert re.search(message, refusal(content))


@pytest.mark.parametrize("name", attacks.FOREIGN)
def test_a_foreign_file_is_refused_and_named(tmp_path, name):
    content, message = attacks.FOREIGN[name]
    assert re.search(message, refusal(content))
    (tmp_path / "junk").write_bytes(content)
    with pytest.raises(ModelFileError, match=f"junk: .*({message})"):
        load_model(tmp_path / "junk")


def test_every_flipped_bit_is_noticed_and_the_tensor_is_named():
    content = bytearray(saving.to_bytes(attacks.tiny()))
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        names = [info.filename for info in file.infolist()]
        begins = [info.header_offset for info in file.infolist()]
        ends = [*begins[1:], file.start_dir]
        heads = [30 + len(name) for name in names]
    for place in range(8 * len(content)):
        at = place // 8
        content[at] ^= 1 << place % 8
        with pytest.raises(ModelFileError) as caught:
            saving.from_bytes(bytes(content))
        content[at] ^= 1 << place % 8
        for name, begin, end, head in zip(names, begins, ends, heads, strict=True):
            if begin + head <= at < end:
                assert name in str(caught.value)
    saving.from_bytes(bytes(content))


def test_every_truncation_is_noticed():
    content = saving.to_bytes(attacks.tiny())
    for length in range(len(content)):
        with pytest.raises(ModelFileError, match=r"truncated|empty|not a fastnn"):
            saving.from_bytes(content[:length])


def test_random_damage_is_noticed():
    """Runs of bytes that are lost, doubled, swapped or noise, anywhere."""
    random = np.random.default_rng(3)
    content = saving.to_bytes(attacks.tiny())
    for _ in range(2000):
        begin, end = sorted(random.integers(0, len(content) + 1, 2))
        piece = content[begin:end]
        changed = random.choice(
            [b"", piece * 2, piece[::-1], random.bytes(len(piece)), bytes(len(piece))]
        )
        mutant = content[:begin] + bytes(changed) + content[end:]
        if mutant != content:
            with pytest.raises(ModelFileError):
                saving.from_bytes(mutant)


# ---- what it costs -------------------------------------------------------------------------------


def peak(call):
    tracemalloc.start()
    try:
        result = call()
        return tracemalloc.get_traced_memory()[1], result
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_reading_takes_twice_the_file_and_writing_next_to_nothing(tmp_path, optimizer):
    model = fastnn.Sequential([fastnn.Input((2000,)), Dense(2000), Dense(1500, "relu"), Dense(1)])
    model.compile(optimizer, "mse")
    model.fit(np.zeros((2, 2000)), np.zeros(2), verbose=0)
    written, _ = peak(lambda: model.save(tmp_path / "m"))
    size = os.path.getsize(tmp_path / "m")
    assert size > 4 * model.count_params()
    assert written < FREE
    gradients = model.count_params() * 4  # which are not in the file, and not touched
    read, again = peak(lambda: load_model(tmp_path / "m"))
    assert read <= 2 * size + gradients + FREE
    assert all(map(np.array_equal, again.get_weights(), model.get_weights()))


def test_a_config_of_a_deep_model_is_not_too_large():
    layers = [Dense(64, "relu", name=f"layer_{index}") for index in range(400)]
    model = fastnn.Sequential([fastnn.Input((64,)), *layers])
    assert len(saving.from_bytes(saving.to_bytes(model)).layers) == 400


def test_a_model_whose_config_no_reader_takes_is_not_written(tmp_path):
    layers = [Dense(1, "relu", name=f"layer_{index}") for index in range(2000)]
    model = fastnn.Sequential([fastnn.Input((1,)), *layers])
    with pytest.raises(ValueError, match="config has"):
        model.save(tmp_path / "m")
    assert os.listdir(tmp_path) == []


# ---- archives ------------------------------------------------------------------------------------


def unpacked(content):
    return archive.read(io.BytesIO(content), len(content))


def packed(config, arrays):
    return b"".join(archive.pieces(config, arrays))


ARRAYS = {
    "float32": np.arange(6, dtype="<f4").reshape(2, 3),
    "float64": np.array([np.nan, np.inf, -0.0, 5e-324]),
    "no axes": np.array(3, "<i8"),
    "empty": np.zeros((0, 4), "<f4"),
    "strided": np.arange(10, dtype="<i4")[::3],
    "Fortran's": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "letters é/中": np.zeros(5, "u1"),
}


def test_arrays_and_config_come_back():
    config, arrays = unpacked(packed({"a": [1, None, "é", {"b": 0.1}]}, ARRAYS))
    assert config == {"a": [1, None, "é", {"b": 0.1}]}
    assert list(arrays) == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert arrays[name].dtype == array.dtype
        assert arrays[name].shape == array.shape
        assert arrays[name].tobytes() == array.tobytes()


def test_numpy_and_zipfile_write_the_same_bytes():
    content = packed({"a": 1}, ARRAYS)
    file = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as read,
        zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as written,
    ):
        assert read.testzip() is None
        written.comment = read.comment
        for name in read.namelist():
            entry = read.read(name)
            assert attacks.npy(np.load(io.BytesIO(entry))) == entry
            written.writestr(zipfile.ZipInfo(name), entry)
    assert file.getvalue() == content


def test_sizes_beyond_32_bits_are_in_fields_of_64():
    """Nobody has to write so much to know how it is written: what zipfile reads is right."""
    entry = archive.Entry("a.npy", 1, (1 << 32) + 5, (1 << 33) + 7)
    assert (
        archive._local(entry)[-20:]
        == np.array([(1, 16)], "<u2").tobytes()
        + np.array([entry.size, entry.size], "<u8").tobytes()
    )
    end = archive._directory([entry], (1 << 33) + (1 << 32))
    info = zipfile.ZipFile(Sparse(end, (1 << 33) + (1 << 32))).infolist()[0]
    assert (info.file_size, info.header_offset) == entry[2:]
    assert archive._directory([], 0)[:4] == b"PK\5\6"


class Sparse(io.RawIOBase):
    """A file that begins with ``hole`` bytes that nobody reads, before an end and its comment."""

    def __init__(self, end, hole):
        super().__init__()
        self._end, self._hole, self._at = end + bytes(64), hole, 0

    def seekable(self):
        return True

    def seek(self, to, whence=0):
        base = (0, self._at, self._hole + len(self._end))[whence]
        self._at = base + to
        return self._at

    def tell(self):
        return self._at

    def read(self, count=-1):
        left = self._hole + len(self._end) - self._at
        count = left if count < 0 else min(count, left)
        begin = self._at - self._hole
        part = bytes(min(count, max(-begin, 0)))
        part += self._end[max(begin, 0) : max(begin + count, 0)]
        self._at += count
        return part


def test_a_large_entry_is_read_by_its_field_of_64_bits():
    entry = archive.Entry("a.npy", 1, (1 << 32) + 5, 0)
    content = archive._local(entry)
    found = archive._Source(io.BytesIO(content), len(content)).entry(first=True)
    assert found == entry


def test_a_file_that_shrinks_meanwhile_is_truncated():
    content = packed({}, {"a": np.zeros(1000)})
    with pytest.raises(ModelFileError, match=r"truncated: of the entry 'a.npy'"):
        archive.read(io.BytesIO(content[:500]), len(content))
    with pytest.raises(ModelFileError, match="truncated: of the directory"):
        archive.read(io.BytesIO(content[:-100]), len(content))


def test_arrays_of_other_types_are_not_written():
    with pytest.raises(TypeError, match="complex128"):
        packed({}, {"a": np.zeros(3, complex)})


@pytest.mark.parametrize("kind", ["folder", "pipe", "device"])
def test_what_is_no_file_is_refused_at_once(tmp_path, kind):
    path = {"folder": tmp_path, "pipe": tmp_path / "p", "device": "/dev/zero"}[kind]
    if kind == "pipe":
        os.mkfifo(path)
    with pytest.raises(ModelFileError, match=r"device, a pipe|a folder, expected a file"):
        load_model(path)


def test_a_link_to_a_file_is_the_file(tmp_path):
    attacks.tiny().save(tmp_path / "m")
    os.symlink(tmp_path / "m", tmp_path / "link")
    assert saving.to_bytes(load_model(tmp_path / "link")) == (tmp_path / "m").read_bytes()


# ---- what a config asks for ----------------------------------------------------------------------


def test_weights_of_another_file_are_refused_and_named(tmp_path):
    attacks.tiny().save_weights(tmp_path / "w")
    other = fastnn.Sequential([fastnn.Input((2,)), Dense(1, use_bias=False)])
    before = other.get_weights()
    with pytest.raises(fastnn.errors.ShapeError, match=r"kernel has the shape \(2, 1\).*\(1, 1\)"):
        other.load_weights(tmp_path / "w")
    more = fastnn.Sequential([fastnn.Input((1,)), Dense(1)])
    with pytest.raises(fastnn.errors.ShapeError, match="2 weights, the file has 1"):
        more.load_weights(tmp_path / "w")
    assert all(map(np.array_equal, other.get_weights(), before))


def test_first_values_are_not_drawn_for_a_model_that_is_read():
    content = saving.to_bytes(attacks.tiny())
    fastnn.set_seed(4)
    first = Dense(3)
    first.build((None, 2))
    fastnn.set_seed(4)
    saving.from_bytes(content)
    assert fastnn.config._drawn == 1  # the model's own seed
    assert first.get_weights()[0].any()
