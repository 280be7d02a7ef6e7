"""Steps of training on the devices of JAX: an epoch is one scan, its batches split over all devices of all processes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from graphnet.common.settings import whole
from graphnet.core.graph import Graph
from graphnet.errors import TrainingError, shown
from graphnet.files.exchange import to_description
from graphnet.interop.jax_graphs import Traced, function

State = dict[str, dict[str, Any]]
"""{parameter: {"value": array, what an optimiser remembers: array}}."""

LOST_AFTER = 30
"""After how many seconds without a sign of life a process counts as lost; one that ends is noticed at once."""


def join(coordinator: str, processes: int, process: int) -> None:
    """Be one of several processes, which end within `LOST_AFTER` seconds if they are cut off; raise `TrainingError` if not."""
    if process >= processes:
        raise TrainingError(f"process {process} of {processes}", repair="They are numbered from 0.")
    try:
        jax.distributed.initialize(coordinator, processes, process, heartbeat_timeout_seconds=LOST_AFTER)
    except (RuntimeError, ValueError) as error:
        raise TrainingError(
            f"process {process} can't join the others at {coordinator}: {error}",
            repair="Process 0 must run on that machine, and the port be free there and open to all others.",
        ) from error


def mesh_of(devices: Any, mesh: Any) -> Mesh:
    """Return the devices in a mesh, or raise `TrainingError` if there are no such devices."""
    if mesh is not None:
        if devices is None and isinstance(mesh, Mesh):
            return mesh
        raise TrainingError(f"mesh is {shown(mesh)}", repair="Give devices, or a jax.sharding.Mesh, not both.")
    try:
        found = jax.devices(devices if isinstance(devices, str) else None)
    except RuntimeError as error:
        raise TrainingError(
            f"JAX has no {devices!r}: {error}", repair="Leave devices out to use what it has."
        ) from error
    if isinstance(devices, (list, tuple)):
        if not devices or not all(isinstance(device, jax.Device) for device in devices):
            raise TrainingError(f"devices is {shown(devices)}", repair="Give some of jax.devices().")
        found = list(devices)
    elif devices is not None and not isinstance(devices, str):
        found = found[: whole(devices, "devices", least=1, most=len(found), error=TrainingError)]
    return Mesh(np.array(found), ("batch",))


def put(array: Any, sharding: NamedSharding) -> Any:
    """Bring an array to the devices: each part to those that are to have it."""
    array = np.asarray(array)
    return jax.make_array_from_callback(array.shape, sharding, array.__getitem__)


def _bytes(array: np.ndarray[Any, Any]) -> bytes:
    return f"{array.shape}{array.dtype}".encode() + np.ascontiguousarray(array).tobytes()


class Runner:
    """Runs steps of training.

    The first axis of a mesh splits the samples of a batch; where it does not divide them, the compiler pads, and leaves the
    padding out of every sum. Along the second axis, if there is one, a parameter is split on the longest of its axes that it
    divides; all others are on every device.

    Parameters
    ----------
    graph
        Of the loss.
    mesh
        The devices.
    optimizer
        Whose rule, memory and bounds of gradients it is.
    raising
        Whether the state is to stay as it is from the first step on that has an infinity or NaN.
    """

    def __init__(self, graph: Graph, mesh: Mesh, optimizer: Any, *, raising: bool) -> None:
        self.graph, self.mesh, self.optimizer, self.raising = graph, mesh, optimizer, raising
        self.batched = {graph.label(node) for node in graph.inputs if node.shape[:1] == (None,)}
        self.reached: tuple[str, ...] = ()
        self.scan = jax.jit(self._steps, static_argnums=0, donate_argnums=1)

    @property
    def writes(self) -> bool:
        """Whether this is the first process."""
        return bool(jax.process_index() == 0)

    def describe(self) -> str:
        """Return in words what the steps run on."""
        processes = f" of {jax.process_count()} processes" if jax.process_count() > 1 else ""
        return f"jax on {self.mesh.size} of {self.mesh.devices.flat[0].platform}{processes}"

    def agree(self, data: Sequence[np.ndarray[Any, Any]], settings: object) -> None:
        """Raise `TrainingError` unless all processes have been given the same."""
        if jax.process_count() == 1:
            return
        nodes = [{**to_description(self.graph, node), "value": None} for node in self.graph.nodes]
        leaves: tuple[Any, ...] = (*self.graph.parameters, *self.graph.constants)
        parts = {
            "the graph": repr(nodes).encode(),
            "the values of parameters and constants": b"".join(_bytes(leaf.value) for leaf in leaves),
            "the data": b"".join(map(_bytes, data)),
            "batch size, optimiser or random numbers": repr(settings).encode(),
        }
        digests = np.stack([np.frombuffer(hashlib.sha256(part).digest(), np.uint8) for part in parts.values()])
        everywhere = multihost_utils.process_allgather(digests)
        for what, same in zip(parts, (everywhere == digests).all(axis=(0, 2)), strict=True):
            if not same:
                raise TrainingError(
                    f"the processes differ in {what}",
                    repair="Start each with the same file and the same data; random numbers need the same seed.",
                )

    def run(self, state: State, *given: Any, dtype: np.dtype[Any]) -> tuple[State, list[float]]:
        """Take steps, from arrays of NumPy's to such arrays.

        Parameters
        ----------
        state, given
            As for `arguments`.
        dtype
            What to compute in.

        Returns
        -------
        state, losses
            After as many steps as were taken: all, or those before the first that is not finite.
        """
        with jax.enable_x64(True):
            try:
                made = self.scan(dtype, *self.arguments(put, state, *given))
                state, losses, good = multihost_utils.process_allgather(made, tiled=True)
            except jax.errors.JaxRuntimeError as error:
                if jax.process_count() == 1:
                    raise
                raise TrainingError(
                    f"a process has ended, or can't be reached: {str(error).splitlines()[0]}",
                    repair="Start all of them again, from the file that was saved last.",
                ) from error
        return state, losses[good].astype(float).tolist()

    def arguments(self, place: Callable[..., Any], state: State, fixed: Any, batches: Any, numbers: Any) -> Any:
        """Return what the scan takes, each array as `place` makes it for where it belongs.

        Parameters
        ----------
        place
            `put`, or ``jax.ShapeDtypeStruct.update``, for what stands for arrays: enough to lower the scan.
        state
            The values, and what is remembered of them.
        fixed
            The feeds that are the same in each step, by name.
        batches
            The others: an array of those of all steps each.
        numbers
            What the rule takes besides arrays, a row for each step.
        """
        return (
            jax.tree.map(lambda array: place(array, sharding=self._split(array.shape)), state),
            {name: place(array, sharding=self._along(name, array.shape, 0)) for name, array in fixed.items()},
            {name: place(array, sharding=self._along(name, array.shape, 1)) for name, array in batches.items()},
            place(numbers, sharding=self._over()),
        )

    def _over(self, *axes: str | None) -> NamedSharding:
        return NamedSharding(self.mesh, PartitionSpec(*axes))

    def _along(self, name: str, shape: tuple[int, ...], axis: int) -> NamedSharding:
        """Return how an input is split: along the axis of its samples, if that goes evenly; else the step does it."""
        first = self.mesh.axis_names[0]
        even = name in self.batched and shape[axis] % self.mesh.shape[first] == 0
        return self._over(*[None] * axis, first) if even else self._over()

    def _split(self, shape: tuple[int, ...]) -> NamedSharding:
        """Return how a parameter is split."""
        for second in self.mesh.axis_names[1:2]:
            even = [axis for axis, size in enumerate(shape) if size and size % self.mesh.shape[second] == 0]
            if even:
                return self._over(*[None] * max(even, key=shape.__getitem__), second)
        return self._over()

    def _steps(self, dtype: np.dtype[Any], state: State, fixed: Any, batches: Any, numbers: Any) -> Any:
        """Take steps; return the state, and of each step the loss, and whether all was finite up to it."""
        run = function(self.graph, self.graph.parameters, dtype, callback=False)
        samples = self._over(self.mesh.axis_names[0])

        def step(carried: Any, given: Any) -> Any:
            state, alive = carried
            feeds, numbers = given
            feeds = {
                name: jax.lax.with_sharding_constraint(array, samples) if name in self.batched else array
                for name, array in {**fixed, **feeds}.items()
            }
            loss, gradients = run({label: kept["value"] for label, kept in state.items()}, feeds)
            self.reached = tuple(gradients)
            changed = {**state, **self._changed(state, gradients, numbers)}
            if self.raising:
                finite = [jnp.isfinite(each).all() for each in jax.tree.leaves((loss, gradients, changed))]
                alive = alive & jnp.stack(finite).all()
                changed = jax.tree.map(lambda new, old: jnp.where(alive, new, old), changed, state)
            return (changed, alive), (loss, alive)

        (state, _), (losses, good) = jax.lax.scan(step, (state, jnp.array(True)), (batches, numbers))
        places = jax.tree.map(lambda array: self._split(array.shape), state)
        return jax.lax.with_sharding_constraint(state, places), losses, good

    def _changed(self, state: State, gradients: dict[str, Any], numbers: Any) -> State:
        """Clip gradients and apply the optimiser's rule, which writes into what it is given."""
        changed: State = {}
        clipped = self.optimizer.clipped({label: Traced(gradient) for label, gradient in gradients.items()})
        for label, gradient in clipped.items():
            kept = {name: Traced(array, own=True) for name, array in state[label].items()}
            value, remembered = kept["value"], [kept[name] for name in self.optimizer.remembers]
            self.optimizer.change(value, gradient, Traced(numbers.astype(value.dtype)), remembered)
            changed[label] = {name: traced.array for name, traced in kept.items()}
        return changed
