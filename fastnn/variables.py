"""Variables: the numbers a layer learns, and the contiguous buffers that hold them.

The variables of a model lie in one buffer, its store.  Models that share layers share a store: when
a model joins variables of several stores, these become one, and programs that were made for the old
ones are made anew.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import weakref
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from fastnn import _core, locks
from fastnn._typing import Array
from fastnn.allowance import charge
from fastnn.copying import Attributes, state_of
from fastnn.data.arrays import as_array, require_range
from fastnn.errors import ShapeError
from fastnn.operators import OPERATORS, Operators, apply

__all__ = ["Parameters", "State", "Store", "Variable", "padded"]

#: Variables start at multiples of this many elements: 64 bytes of float32.
_ALIGN = 16


class _Numbers:
    """What holds numbers that change, and gives NumPy's functions a copy of them.

    Attributes:
        path: the layer's name and its own.
    """

    path: str
    trains = False
    _value: Array

    @property
    def layer(self) -> str:
        """The name of the layer, for messages and listings."""
        return self.path.rpartition("/")[0]

    @property
    def value(self) -> Any:
        """The live value: a view that training changes, for reading; see ``numpy``, ``assign``.
        While a layer is called, that of a weight which trains is the weight itself, whose numbers
        are those of each call."""
        return self if self.trains and _is_composed() else self.live

    @property
    def live(self) -> Array:
        """A view of the numbers, whatever is going on."""
        view = self._value.view()
        view.flags.writeable = False
        return view

    def numpy(self) -> Array:
        """Return a copy of the value."""
        return self._value.copy()

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> Array:
        """Return what ``numpy`` returns; without a copy what ``value`` is.

        Raises:
            TypeError: while a layer is called, whose result would keep the numbers of now.
        """
        if _is_composed():
            raise TypeError(
                f"{self.path}: NumPy would take the numbers of now for those of every call; use "
                "the functions of fastnn.ops on it"
            )
        return np.array(self.live, dtype, copy=copy is not False)


def _of_numbers(name: str) -> Callable[..., Any]:
    """Return an operator of weights: NumPy's of their numbers, or in a layer's ``call``, and of
    what stands for numbers, that of ``Operators``."""
    composing, plain = getattr(Operators, name), getattr(np.ndarray, name)

    def operator(self: Variable, *operands: Any) -> Any:
        others = [each for each in operands if not isinstance(each, Variable)]
        if _is_composed() or any(isinstance(each, Operators) for each in others):
            return composing(self, *operands)
        known = (np.asarray(each) if isinstance(each, Variable) else each for each in operands)
        return plain(np.asarray(self), *known)

    operator.__name__ = name
    return operator


def _in_place(name: str) -> Callable[..., Any]:
    """Return an operator that would put an array in the place of a weight; in ``call`` it has a
    result as any other."""
    composing = getattr(Operators, name)

    def operator(self: Variable, other: Any) -> Any:
        if _is_composed():
            return composing(self, other)
        raise TypeError(
            f"{self.path}: a weight is not changed in place; give its assign(value) the result"
        )

    return operator


def _is_composed() -> bool:
    """Return whether a layer is called, whose operations are noted to be computed later."""
    from fastnn.compiler.graph import Graph  # which comes later

    graph = Graph.composed()
    return graph is not None and not graph.builds


class Variable(_Numbers, Operators):
    """A weight of a layer, which computes as a NumPy array does: ``layer.kernel * 2`` is an array,
    and in a layer's ``call`` what the weight then is, twice.

    Args:
        shape: its shape.
        initializer: ``initializer(shape, dtype)`` returns the first value.
        name: its name in the layer, such as ``"kernel"``.
        trainable: whether ``fit`` changes it.
        dtype: its precision.
        regularizer: ``regularizer(tensor)`` composes what its size costs while it is trainable.
        constraint: ``constraint(tensor)`` composes what it becomes after each update.

    The value lives in an array of the variable's own until a model packs it into a store.

    Attributes:
        assigned: whether another value has taken the place of the first, but for training; of
            older pickles, which do not say, it is taken to have.
    """

    assigned = True

    def __init__(
        self,
        shape: Sequence[int],
        initializer: Callable[[tuple[int, ...], np.dtype], Array],
        name: str = "variable",
        trainable: bool = True,
        dtype: str = "float32",
        regularizer: Callable[[Any], Any] | None = None,
        constraint: Callable[[Any], Any] | None = None,
    ):
        self.shape = tuple(int(n) for n in shape)
        self.name = name
        self.path = name
        self.trainable = trainable
        self.regularizer, self.constraint = regularizer, constraint
        self.own_trainable = trainable  # what it would be in a layer that trains
        self.store: Store | None = None
        self.offset = -1
        self.assigned = False
        first = np.ascontiguousarray(_first(self.path, self.shape, initializer, dtype), dtype)
        self._value = first.reshape(self.shape)  # which a number without axes would lose

    @property
    def trains(self) -> bool:  # type: ignore[override]
        """Whether it learns in a layer that is not frozen."""
        return self.own_trainable

    @property
    def dtype(self) -> np.dtype:
        """The NumPy type of the value."""
        return self._value.dtype

    @property
    def size(self) -> int:
        """The number of elements."""
        return self._value.size

    def assign(self, value: ArrayLike) -> None:
        """Replace the value.

        Args:
            value: an array of the variable's shape.

        Raises:
            ShapeError: if it has another shape.
            DTypeError: if it does not hold real numbers in the range of the precision.
        """
        self.fill(self.check(value))

    def fill(self, value: Array) -> None:
        """Replace the value by one that ``check`` returned; this cannot fail."""
        self._value[...] = value
        self.assigned = True
        if self.store is not None:
            self.store.changes += 1

    def check(self, value: ArrayLike) -> Array:
        """Return ``value`` in the variable's shape and precision.

        Raises:
            ShapeError: if it has another shape.
            DTypeError: if it does not hold real numbers in the range of the precision.
        """
        array = as_array(self.path, "the value", value)
        if array.shape != self.shape:
            raise ShapeError(
                f"{self.path}: expected an array of shape {self.shape}, got {array.shape}"
            )
        require_range(self.path, "the value", array, self.dtype)
        return array.astype(self.dtype, copy=False)

    def move(self, store: Store, offset: int) -> None:
        """Move the value into the buffer of ``store``, at ``offset`` elements."""
        place = store.buffer[offset : offset + self.size].reshape(self.shape)
        place[...] = self._value
        self._value, self.store, self.offset = place, store, offset

    def __array_ufunc__(self, ufunc: Any, method: str, *operands: Any, **options: Any) -> Any:
        """Return what NumPy's function makes of the numbers; in a layer's ``call`` what an operator
        stands for."""
        if _is_composed():
            if method == "__call__" and ufunc.__name__ in OPERATORS and not options:
                return apply(OPERATORS[ufunc.__name__], *operands)
            return self.__array__()  # which refuses it
        written = [*options.get("out", ()), *(operands[:1] if method == "at" else ())]
        if any(isinstance(each, Variable) for each in written):
            raise TypeError(f"{self.path}: NumPy cannot write into a weight; use its assign(value)")
        plain = (np.asarray(each) if isinstance(each, Variable) else each for each in operands)
        return getattr(ufunc, method)(*plain, **options)

    def __float__(self) -> float:
        return float(np.asarray(self))

    def __bool__(self) -> bool:
        raise TypeError(
            f"{self.path}: a weight is neither true nor false; to see whether there is one, use "
            "`is not None`"
        )

    def __getstate__(self) -> Attributes:
        """Return a copy, which is in no store: that is of models."""
        return state_of(self, _value=self.numpy(), store=None, offset=-1)

    def __repr__(self) -> str:
        return f"<Variable {self.path}, shape={self.shape}, dtype={self.dtype}>"


_BINARY = ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul")
_OTHERS = ("neg", "pos", "abs", "lt", "le", "gt", "ge", "getitem")
for _name in (*_BINARY, *(f"r{each}" for each in _BINARY), *_OTHERS):
    setattr(Variable, f"__{_name}__", _of_numbers(f"__{_name}__"))
for _name in _BINARY:
    setattr(Variable, f"__i{_name}__", _in_place(f"__{_name}__"))


class State(_Numbers):
    """What a layer keeps from batch to batch, a row for each of the batch; no weight.

    Args:
        shape: its shape.
        path: the layer's name and its own.
        dtype: its precision.

    It begins with zeros.  Programs read and write ``storage``, which stays where it is.
    """

    def __init__(self, shape: Sequence[int], path: str, dtype: str):
        self.shape, self.path = tuple(shape), path
        charge(math.prod(self.shape), f"{path} of shape {self.shape}")
        self._value = np.zeros(self.shape, dtype)

    @property
    def storage(self) -> Array:
        """The numbers, for programs."""
        return self._value

    def assign(self, value: ArrayLike) -> None:
        """Replace the value.

        Raises:
            ShapeError: if it has another shape.
        """
        array = as_array(self.path, "the value", value)
        if array.shape != self.shape:
            raise ShapeError(
                f"{self.path}: expected an array of shape {self.shape}, got {array.shape}"
            )
        self.storage[...] = array

    def __repr__(self) -> str:
        return f"<State {self.path}, shape={self.shape}, dtype={self.storage.dtype}>"


def _first(
    path: str,
    shape: tuple[int, ...],
    initializer: Callable[[tuple[int, ...], np.dtype], Array],
    dtype: str,
) -> Array:
    """Return the first value of a variable."""
    if charge(math.prod(shape), f"{path} of shape {shape}"):
        return np.zeros(shape, dtype)  # until it gets what is in the file
    first = np.asarray(initializer(shape, np.dtype(dtype)))
    if first.shape != shape:
        raise ShapeError(
            f"{path}: the initializer returned an array of shape {first.shape}, the weight has "
            f"shape {shape}"
        )
    return first


class User(Protocol):
    """A model, as a store knows it."""

    def still(self) -> AbstractContextManager[None]:
        """Keep the weights from being trained meanwhile; fails if they are."""
        ...


class Follower(Protocol):
    """What has programs that know where the variables are."""

    def follow(self) -> None:
        """Go where the variables have gone."""
        ...


class Store:
    """Variables in one contiguous buffer: trainable ones first, then frozen ones.

    Gaps that align the variables hold zeros and stay zero.  A store does not keep alive the
    variables that only models of the past knew.

    Raises:
        DTypeError: if a value, which a layer may have in float64, is beyond the range of ``dtype``.

    Attributes:
        buffer: the numbers.
        changes: times that a value was assigned, or trained by a model that has just ended.
        users: the guards of the models whose weights lie here.
        followers: what has to know when they move on to another store.
    """

    def __init__(self, variables: Iterable[Variable], dtype: str):
        order = sorted(variables, key=lambda variable: not variable.trainable)
        for variable in order:  # before the first of them moves
            require_range(variable.path, "the value", variable.live, dtype)
        offsets = np.cumsum([0, *(padded(v.size) for v in order)])
        self.buffer = _core.aligned_zeros(int(offsets[-1]), dtype)
        self.changes = 0
        self.users: weakref.WeakSet[User] = weakref.WeakSet()
        self.followers: weakref.WeakSet[Follower] = weakref.WeakSet()
        self._variables = [weakref.ref(variable) for variable in order]
        for variable, offset in zip(order, offsets, strict=False):
            variable.move(self, int(offset))

    @property
    def variables(self) -> list[Variable]:
        """The variables that are left, in the order of the buffer."""
        known = (each() for each in self._variables)
        return [variable for variable in known if variable is not None]


#: Held while variables move, and while programs are made that have to know where they are.
MOVING = locks.lock()


def _joined(variables: Sequence[Variable], dtype: str, user: User) -> Store:
    """Return the store of all the variables, which move into one if they are in several.

    Raises:
        ConcurrentUseError: if another model whose weights would move is in training.
    """
    with MOVING, contextlib.ExitStack() as stack:
        stores = list(dict.fromkeys(v.store for v in variables if v.store is not None))
        whole = len(stores) == 1 and all(v.store is not None for v in variables)
        scattered = len(_runs(v for v in variables if v.trainable)) > 1
        if whole and not (scattered and len(stores[0].variables) == len(variables)):
            return stores[0]
        users = {user: None for store in stores for user in store.users}
        for other in users:
            if other is not user:
                stack.enter_context(other.still())
        neighbours = (v.store.variables if v.store else [v] for v in variables)
        every = dict.fromkeys(itertools.chain(variables, *neighbours))
        made = Store(every, dtype)
        made.users.update(users)
        for store in stores:
            for follower in list(store.followers):
                follower.follow()
        return made


class Run(NamedTuple):
    """Trainable variables side by side: where they are in the store, and their gradients."""

    offset: int
    place: int
    size: int


def _runs(variables: Iterable[Variable]) -> list[Run]:
    """Return the runs that variables make whose gradients lie side by side in their order."""
    runs: list[Run] = []
    place = 0
    for variable in variables:
        size = padded(variable.size)
        if runs and runs[-1].offset + runs[-1].size == variable.offset:
            runs[-1] = runs[-1]._replace(size=runs[-1].size + size)
        else:
            runs.append(Run(variable.offset, place, size))
        place += size
    return runs


class Parameters:
    """A model's variables, those of them that it trains, and the layout of their gradients.

    Gradients, and what an optimizer remembers, lie as the trainable variables do in the list of the
    model's weights.  Where these lie side by side in the store too, an optimizer is one kernel over
    one range; else there is one for each run of them.

    Args:
        variables: the model's variables, in order.
        dtype: their precision.
        user: the model's guard.

    Attributes:
        places: where the gradient of each trainable variable begins; what was trainable when this
            was made counts, not what has become so.
        trained: the size of that layout.
    """

    def __init__(self, variables: Iterable[Variable], dtype: str, user: User):
        self.variables = tuple(variables)
        self._nothing = Store((), dtype)
        self._trainable = [variable.trainable for variable in self.variables]
        self.places: dict[Variable, int] = {}
        self.trained = 0
        for variable in self.variables:
            if variable.trainable:
                self.places[variable] = self.trained
                self.trained += padded(variable.size)
        store = _joined(self.variables, dtype, user) if self.variables else self._nothing
        store.users.add(user)

    @property
    def store(self) -> Store:
        """Where the variables are."""
        return (self.variables and self.variables[0].store) or self._nothing

    @property
    def runs(self) -> list[Run]:
        """The runs of the variables that are trained."""
        return _runs(self.places)

    def runs_of(self, chosen: Callable[[Variable], bool]) -> list[Run]:
        """Return the runs of some of the variables that are trained; of their places only those in
        the store count."""
        return _runs(variable for variable in self.places if chosen(variable))

    @property
    def changed(self) -> list[Variable]:
        """The variables that have become trainable or frozen since this was made."""
        pairs = zip(self.variables, self._trainable, strict=True)
        return [variable for variable, before in pairs if variable.trainable != before]

    @property
    def stale(self) -> bool:
        """Whether there are such."""
        return bool(self.changed)


def padded(size: int) -> int:
    """Return the elements that a variable of ``size`` takes in a buffer."""
    return -(-size // _ALIGN) * _ALIGN
