"""What the tests share: the seed of their data, and buffers between pages that nobody may touch."""

import ctypes
import gc
import mmap
import os
import signal
import zlib
from itertools import cycle, islice

import numpy as np
import pytest

from fastnn import _core

PROT_NONE = 0
PAGE = mmap.PAGESIZE
LIBC = ctypes.CDLL(None) if os.name == "posix" else None


def pytest_configure():
    """Interrupts reach the tests even where a shell started them in its background, and threads
    are as many as a test asks for, on any machine."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    _core.crowd(True)


def pytest_collection_modifyitems(items):
    """What takes a minute comes first, so that nobody waits for it alone at the end."""
    items.sort(key=lambda item: not item.name.startswith("test_recipes_in_a_copy"))


def pytest_collection_finish():
    """What thousands of tests are made of stays: the garbage collector need not look at it."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def seed():
    """The seed of the tests' data; another one makes other tests of the same things."""
    return int(os.environ.get("FASTNN_TESTS_SEED", "0"))


@pytest.fixture
def some(request, seed):
    """Chooses each so many'th of many cases, other ones for each test and seed.

    FASTNN_TESTS_WHOLE=1, as at night, takes all of them.
    """
    if os.environ.get("FASTNN_TESTS_WHOLE") == "1":
        return lambda cases, every: list(cases)
    turn = seed + zlib.crc32(request.node.name.encode())

    def chosen(cases, every):
        cases = list(cases)
        assert cases
        return cases[turn % min(every, len(cases)) :: every]

    return chosen


def _begin(place, room, array):
    return {"below": room - array.nbytes, "above": 0, "odd": array.itemsize}[place]


def _fenced(place, array):
    """Return a copy that is flush with the page above it or below it, or off by one element."""
    room = -(-(array.nbytes + array.itemsize) // PAGE) * PAGE
    memory = mmap.mmap(-1, room + 2 * PAGE)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    for page in (address, address + PAGE + room):
        assert LIBC.mprotect(ctypes.c_void_p(page), PAGE, PROT_NONE) == 0
    begin = PAGE + _begin(place, room, array)
    copy = np.ndarray(array.shape, array.dtype, memory, begin)
    copy[...] = array
    return copy


@pytest.fixture(scope="session")
def fences():
    """Ways to place an array between two pages whose every access is a segmentation fault.

    ``below`` ends where the upper page begins, ``above`` begins where the lower one ends, ``odd``
    begins one element later.
    """
    if os.name != "posix":
        pytest.skip("needs mprotect")
    return {
        place: lambda array, place=place: _fenced(place, array)
        for place in ("below", "above", "odd")
    }


@pytest.fixture(scope="session")
def fences_in_turn(fences):
    """Names and fences for one case after the other, begun at another for each instruction set:
    three of them see a case at every fence."""

    def turns(policy, isa, seed):
        first = seed + _core.isa_names(policy).index(isa)
        return islice(cycle(fences.items()), first % len(fences), None)

    return turns


@pytest.fixture
def uncollected():
    """No garbage is collected: Python loses an interrupt in what others do at a collection, such
    as hypothesis, which takes the time of it."""
    gc.disable()
    yield
    gc.enable()
