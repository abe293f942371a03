"""Compilable: how a model learns, and the programs that do it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from fastnn import config, locks, losses, metrics, nests, objectives, optimizers, registry
from fastnn._warnings import warn_caller
from fastnn.compiler import lower
from fastnn.errors import CollapseWarning, NotCompiledError
from fastnn.functional import Composed, Network
from fastnn.metrics import Metric
from fastnn.models.connected import Connected
from fastnn.models.shapes import shapes_of
from fastnn.naming import knowing_arguments
from fastnn.runtime import Runtime
from fastnn.variables import Parameters, Variable

__all__ = ["Compilable"]

#: Held while a model makes its first programs.
_STARTING = locks.lock()


class Compilable(Connected):
    """The part of a model that ``compile`` makes."""

    def __init__(self, **options: Any):
        super().__init__(**options)
        self._runtime: Runtime | None = None
        self._recipe: dict[str, Any] | None = None
        self._outdated = False  # whether layers have changed since it was compiled
        self._told: list[Variable] = []

    @property
    def runtime(self) -> Runtime:
        """The programs and buffers of a built model."""
        if self._runtime is None:
            self._require_built()
            with _STARTING:
                if self._runtime is None:
                    self._runtime = Runtime(
                        self.network,
                        self.input_shapes,
                        self._packed(),
                        self.dtype_policy,
                        kept_rows=self.kept_rows,
                    )
        return self._runtime

    def _settle(self, network: Network | Composed) -> None:
        super()._settle(network)
        self._runtime = None

    def build(self, input_shape: Any) -> None:
        """Make the weights for inputs of ``input_shape``, whose first axis is ``None``.

        Args:
            input_shape: the shape of the input; a sub-classed model of several inputs takes a list
                or a dict of them.

        Raises:
            ShapeError: if a layer cannot take what the one before it gives.
        """
        super().build(input_shape)
        if self._recipe is not None:
            recipe, self._recipe = self._recipe, None  # not compiled, if it does not fit
            self._start(self.dtype_policy, **recipe)
            self._recipe = recipe

    def _build_for(self, who: str, x: Any) -> None:
        """Build for the shapes of samples, if there is nothing to run yet."""
        if self._network is None:
            shapes = shapes_of(who, x, several=self._several_inputs)
            if not self.built:
                self.build(shapes)
            if self._network is None:  # a build of the model's own makes weights alone
                Compilable.build(self, shapes)

    @knowing_arguments
    def compile(
        self,
        optimizer: Any = "adam",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int | str = 1,
        jit_compile: bool | str = "auto",
        auto_scale_loss: bool = True,
        dtype: str | None = None,
    ) -> None:
        """Choose how the model learns.

        Args:
            optimizer: name, class or object.
            loss: name, class, function or object; for several outputs a list, or a dict by their
                names, with ``None`` for an output that is compared with nothing; their sum is
                minimised.  ``None`` is for models whose layers say by ``add_loss`` what is to be
                small; ``fit`` then needs no targets.
            loss_weights: what each output's loss is multiplied by in the sum: numbers in a list, or
                a dict by the outputs' names.  A list of metrics in this place, as in older notes,
                is that.
            metrics: names, classes, functions or objects; ``"accuracy"`` picks the one that fits
                the loss; for several outputs a list of such lists, or a dict by their names.
            weighted_metrics: metrics in which samples count by ``sample_weight`` or
                ``class_weight``; in those of ``metrics`` all count alike.
            run_eagerly: run the NumPy reference instead of the compiled kernels: slow, for doubts.
            steps_per_execution: accepted as in Keras: an epoch is one execution in any case.
            jit_compile: accepted likewise: what is not eager is compiled.
            auto_scale_loss: accepted likewise: no gradient is too small for its type.
            dtype: ``"mixed_bfloat16"`` rounds the factors of products to bfloat16, here and in
                ``predict``; ``"float32"`` ends that; ``None`` leaves it as it is.

        Raises:
            ValueError: if the loss does not go with the last layer; says which does.

        Example:
            >>> import fastnn
            >>> model = fastnn.Sequential([fastnn.Input((4,)), fastnn.layers.Dense(3, "softmax")])
            >>> model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
        """
        if metrics is None and objectives.are_metrics(loss_weights):
            metrics, loss_weights = loss_weights, None
        recipe = {
            "optimizer": optimizers.get(optimizer),
            "loss": objectives.loss_of(loss),
            "loss_weights": loss_weights,
            "metrics": objectives.metrics_of(metrics),
            "weighted_metrics": objectives.metrics_of(weighted_metrics),
            "eager": bool(run_eagerly),
        }
        policy = self._policy_for_compile(dtype)
        with self._guard.training("compile"):
            if self.built:
                self._start(policy, **recipe)
            self.dtype_policy, self._recipe, self._outdated = policy, recipe, False

    def _policy_for_compile(self, dtype: str | None) -> str:
        """Return the policy that ``compile`` is asked for: one of the weights' own type."""
        policy = self.dtype_policy if dtype is None else config.check_policy("compile", dtype)
        if config.real_dtype(policy) != self.dtype:
            raise ValueError(
                f"compile: dtype={policy!r} needs {config.real_dtype(policy)} weights, those of "
                f"{self.name!r} are {self.dtype}; make the model with Sequential(..., "
                f"dtype={policy!r})"
            )
        return policy

    def _start(
        self,
        policy: str,
        optimizer: Any,
        loss: Any,
        metrics: Any,
        eager: bool,
        loss_weights: Any = None,
        weighted_metrics: Any = None,
    ) -> None:
        """Start a runtime with a loss and an optimizer, after trying whether they fit the model."""
        objective = objectives.Objective.of(
            self.output_names, loss, metrics, weighted_metrics, loss_weights
        )
        parameters = self._parameters
        if parameters is None or parameters.stale:
            parameters = Parameters(self.weights, self.dtype, self._guard)
        lower.training(self.network, self.input_shapes, objective, parameters, None)
        heads, linear = lower.heads(self.network, self.input_shapes)
        if linear:
            curved = next((head for head in heads if head != "linear"), None)
            amounts = f"before its {curved}" if curved else "(collapse() makes it)"
            warn_caller(
                f"compile: every hidden layer of {self.name!r} is linear, so that the model is one "
                f"linear layer {amounts}; give them an activation, such as 'relu'",
                CollapseWarning,
            )
        objective = replace(objective, heads=heads, shapes=tuple(self.output_shapes))
        self._parameters, self._told = parameters, []
        self._runtime = Runtime(
            self.network,
            self.input_shapes,
            self._parameters,
            policy,
            objective=objective,
            optimizer=optimizer,
            eager=eager,
            kept_rows=self.kept_rows,
        )

    @property
    def optimizer(self) -> optimizers.Optimizer | None:
        """The optimizer that ``compile`` was given."""
        return None if self._recipe is None else self._recipe["optimizer"]

    @property
    def loss(self) -> Any:
        """The loss that ``compile`` was given; for several outputs, a nest of them."""
        return None if self._recipe is None else self._recipe["loss"]

    @property
    def compiled(self) -> bool:
        """Whether ``compile`` has been called."""
        return self._recipe is not None

    @property
    def run_eagerly(self) -> bool:
        """Whether the NumPy reference runs instead of the compiled kernels."""
        return self._recipe is not None and bool(self._recipe["eager"])

    @property
    def metrics(self) -> list[Metric]:
        """The metrics that ``compile`` was given, of all outputs; their values are in the logs of
        ``fit``, and in what ``evaluate`` returns."""
        if self._runtime is not None and self._runtime.objective is not None:
            return [metric for _, metric, _ in self._runtime.objective.watched]
        keys = ("metrics", "weighted_metrics")
        return [] if self._recipe is None else nests.flatten([self._recipe[key] for key in keys])

    @property
    def metrics_names(self) -> list[str]:
        """The names of what ``evaluate`` returns."""
        if self._runtime is not None and self._runtime.objective is not None:
            return self._runtime.objective.log_names
        return ["loss", *(metric.name for metric in self.metrics)]

    def _compiled(self, who: str, x: Any) -> Runtime:
        if self._recipe is None:
            if self._outdated:
                why = "has other layers than when it was compiled; call compile again"
            else:
                why = "has no loss yet; call compile(optimizer, loss) first"
            raise NotCompiledError(f"{who}: the model {self.name!r} {why}")
        self._build_for(who, x)
        return self.runtime

    def _tell_of_changed(self) -> None:
        """Warn once of what has become trainable or frozen since ``compile``."""
        changed = self.runtime.parameters.changed
        if changed and changed != self._told:
            layers = ", ".join(dict.fromkeys(variable.layer for variable in changed))
            warn_caller(
                f"fit: what compile found trainable still counts; call compile() again after "
                f"changing trainable, here of {layers[:200]}",
                UserWarning,
            )
        self._told = changed

    def compile_from_config(self, config: Mapping[str, Any]) -> None:
        """Compile as ``get_compile_config`` of a model said."""
        from fastnn import saving

        self.compile(**saving.compile_options(config, None))

    def compiled_parts(self) -> list[Any]:
        """Return the optimizer, the losses and the metrics that ``compile`` was given."""
        keys = ("optimizer", "loss", "metrics", "weighted_metrics")
        parts = nests.flatten([(self._recipe or {}).get(key) for key in keys])
        return [part for part in parts if part is not None]

    def get_compile_config(self) -> dict[str, Any] | None:
        """Return what ``compile`` was given, as JSON can hold it; ``None`` before ``compile``."""
        if self._recipe is None:
            return None
        registry.require_distinct(self.compiled_parts())
        return {
            "optimizer": optimizers.serialize(self._recipe["optimizer"]),
            "loss": objectives.serialize(self._recipe["loss"], losses.serialize),
            "loss_weights": self._recipe["loss_weights"],
            "metrics": objectives.serialize(self._recipe["metrics"], metrics.serialize),
            "weighted_metrics": objectives.serialize(
                self._recipe["weighted_metrics"], metrics.serialize
            ),
        }
