"""Steps of training on the devices of JAX: an epoch is one scan, its batches split over all devices of all processes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from graphnet.core.graph import Graph
from graphnet.core.leaves import Constant, Parameter
from graphnet.errors import TrainingError, shown
from graphnet.files.exchange import to_description
from graphnet.interop.jax_arrays import Traced
from graphnet.interop.jax_graphs import function

State = dict[str, dict[str, Any]]
"""{parameter: {"value": array, what an optimiser remembers: array}}."""

Change = Callable[[Any, Any, Sequence[Any], Sequence[Any]], None]
"""What changes a value in place, given its gradient, the numbers of the step, and what is remembered."""


def join(coordinator: str, processes: int, process: int, lost_after: int) -> None:
    """Be one of several processes; raise `TrainingError` if that is not possible."""
    if process >= processes:
        raise TrainingError(f"process {process} of {processes}", repair="They are numbered from 0.")
    try:
        jax.distributed.initialize(coordinator, processes, process, heartbeat_timeout_seconds=lost_after)
    except (RuntimeError, ValueError) as error:
        raise TrainingError(
            f"process {process} can't join the others at {coordinator}: {error}",
            repair="Process 0 must run on that machine, and the port be free there and open to all others.",
        ) from error


def mesh_of(devices: Any, mesh: Any) -> Mesh:
    """Return the devices in a mesh, or raise `TrainingError` if there are no such devices."""
    if mesh is not None:
        if devices is not None or not isinstance(mesh, Mesh):
            raise TrainingError(f"mesh is {shown(mesh)}", repair="Give devices, or a jax.sharding.Mesh, not both.")
        return mesh
    try:
        found = jax.devices(devices) if isinstance(devices, str) else jax.devices()
    except RuntimeError as error:
        raise TrainingError(f"JAX has no {devices!r}: {error}", repair=f"It has {_listed(jax.devices())}.") from error
    if isinstance(devices, (list, tuple)):
        found = list(devices)
    elif isinstance(devices, int) and not isinstance(devices, bool):
        if not 1 <= devices <= len(found):
            raise TrainingError(f"{devices} devices are asked for", repair=f"There are {_listed(found)}.")
        found = found[:devices]
    elif devices is not None and not isinstance(devices, str):
        found = []
    if not found or not all(isinstance(device, jax.Device) for device in found):
        raise TrainingError(
            f"devices is {shown(devices)}", repair="Give how many, a platform, or some of jax.devices()."
        )
    return Mesh(np.array(found), ("batch",))


def _listed(devices: Sequence[Any]) -> str:
    return f"{len(devices)} of {devices[0].platform}"


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
    batched
        The names of the inputs whose first axis is that of the samples.
    change
        The optimiser's rule.
    remembers
        The names of what it is given of each parameter, beside the value.
    clip
        The most that the length of all gradients, and that an entry of one may be; None for no bound.
    raising
        Whether the state is to stay as it is from the first step on that has an infinity or NaN.
    """

    def __init__(
        self,
        graph: Graph,
        mesh: Mesh,
        batched: frozenset[str],
        change: Change,
        remembers: tuple[str, ...],
        clip: tuple[float | None, float | None],
        *,
        raising: bool,
    ) -> None:
        self.graph, self.mesh, self.batched, self.raising = graph, mesh, batched, raising
        self.change, self.remembers, self.clip = change, remembers, clip
        self.reached: tuple[str, ...] = ()
        self._scans: dict[np.dtype[Any], Any] = {}
        self._whole = jax.jit(lambda state: state, out_shardings=NamedSharding(mesh, PartitionSpec()))

    @property
    def writes(self) -> bool:
        """Whether this is the first process."""
        return bool(jax.process_index() == 0)

    def describe(self) -> str:
        """Return in words what the steps run on."""
        processes = f" of {jax.process_count()} processes" if jax.process_count() > 1 else ""
        return f"jax on {_listed(self.mesh.devices.ravel())}{processes}"

    def agree(self, data: Sequence[np.ndarray[Any, Any]], settings: object) -> None:
        """Raise `TrainingError` unless all processes have been given the same."""
        if jax.process_count() == 1:
            return
        leaves: tuple[Parameter | Constant, ...] = (*self.graph.parameters, *self.graph.constants)
        described = [{**to_description(self.graph, node), "value": None} for node in self.graph.nodes]
        parts = {
            "the graph": repr(described).encode(),
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

    def put(self, state: Mapping[str, Mapping[str, np.ndarray[Any, Any]]]) -> State:
        """Bring values, and what is remembered of them, to the devices."""
        with jax.enable_x64(True):
            return {
                label: {name: self._placed(array, self._split(array.shape)) for name, array in kept.items()}
                for label, kept in state.items()
            }

    def fetch(self, state: State) -> dict[str, dict[str, np.ndarray[Any, Any]]]:
        """Return values, and what is remembered of them, as arrays of NumPy's."""
        with jax.enable_x64(True):
            whole = state if len(self.mesh.axis_names) == 1 else self._whole(state)
            fetched: dict[str, dict[str, Any]] = jax.tree.map(lambda each: np.asarray(each.addressable_data(0)), whole)
        return fetched

    def run(
        self, state: State, fixed: Mapping[str, Any], batches: Mapping[str, Any], numbers: Any, dtype: np.dtype[Any]
    ) -> tuple[State, np.ndarray[Any, Any], int]:
        """Take steps.

        Parameters
        ----------
        state
            On the devices; it is used up.
        fixed
            The feeds that are the same in each step, by name.
        batches
            The others: an array of those of all steps each.
        numbers
            What the rule takes besides arrays, a row for each step.
        dtype
            What to compute in.

        Returns
        -------
        state, losses, taken
            The state after as many steps as were taken: all, or those before the first that is not finite.
        """
        with jax.enable_x64(True):
            try:
                given = [
                    {name: self._fed(name, array, n) for name, array in feeds.items()}
                    for n, feeds in enumerate((fixed, batches))
                ]
                state, (losses, good) = self._scan(dtype)(state, *given, self._placed(numbers, PartitionSpec()))
                losses, good = np.asarray(losses.addressable_data(0)), np.asarray(good.addressable_data(0))
            except jax.errors.JaxRuntimeError as error:
                if jax.process_count() == 1:
                    raise
                raise TrainingError(
                    f"a process has ended, or can't be reached: {str(error).splitlines()[0]}",
                    repair="Start all of them again, from the file that was saved last.",
                ) from error
        return state, losses.astype(float), int(good.sum())

    def lower(self, state: Any, fixed: Any, batches: Any, numbers: Any, dtype: np.dtype[Any]) -> Any:
        """Return the scan for arrays of these shapes, lowered but not compiled: each may be a `jax.ShapeDtypeStruct`."""
        with jax.enable_x64(True):
            state = {
                label: {n: self._shaped(array, self._split(array.shape)) for n, array in kept.items()}
                for label, kept in state.items()
            }
            given = [
                {name: self._shaped(array, self._along(name, array.shape, n)) for name, array in feeds.items()}
                for n, feeds in enumerate((fixed, batches))
            ]
            return self._scan(dtype).lower(state, *given, self._shaped(numbers, PartitionSpec()))

    def _shaped(self, array: Any, spec: Any) -> Any:
        return jax.ShapeDtypeStruct(array.shape, array.dtype, sharding=NamedSharding(self.mesh, spec))

    def _placed(self, array: Any, spec: Any) -> Any:
        array = np.asarray(array)
        return jax.make_array_from_callback(array.shape, NamedSharding(self.mesh, spec), array.__getitem__)

    def _fed(self, name: str, array: Any, axis: int) -> Any:
        return self._placed(array, self._along(name, array.shape, axis))

    def _along(self, name: str, shape: tuple[int, ...], axis: int) -> Any:
        """Return how an input is split: along the axis of its samples, if that goes evenly; else the step does it."""
        first = self.mesh.axis_names[0]
        if name not in self.batched or shape[axis] % self.mesh.shape[first]:
            return PartitionSpec()
        return PartitionSpec(*[None] * axis, first)

    def _split(self, shape: tuple[int, ...]) -> Any:
        if len(self.mesh.axis_names) < 2:
            return PartitionSpec()
        second = self.mesh.axis_names[1]
        even = [axis for axis, size in enumerate(shape) if size and size % self.mesh.shape[second] == 0]
        if not even:
            return PartitionSpec()
        return PartitionSpec(*[None] * max(even, key=shape.__getitem__), second)

    def _scan(self, dtype: np.dtype[Any]) -> Any:
        """Return the compiled scan over steps."""
        if dtype in self._scans:
            return self._scans[dtype]
        run = function(self.graph, self.graph.parameters, dtype, callback=False)
        samples = NamedSharding(self.mesh, PartitionSpec(self.mesh.axis_names[0]))

        def step(carried: Any, given: Any) -> Any:
            state, alive, fixed = carried
            feeds, numbers = given
            feeds = {
                name: jax.lax.with_sharding_constraint(array, samples) if name in self.batched else array
                for name, array in {**fixed, **feeds}.items()
            }
            loss, gradients = run({label: kept["value"] for label, kept in state.items()}, feeds)
            self.reached = tuple(gradients)
            changed = {**state, **self._changed(state, self._clipped(gradients), numbers)}
            if self.raising:
                finite = [jnp.isfinite(each).all() for each in jax.tree.leaves((loss, gradients, changed))]
                alive = alive & jnp.stack(finite).all()
                changed = jax.tree.map(lambda new, old: jnp.where(alive, new, old), changed, state)
            return (changed, alive, fixed), (loss, alive)

        def steps(state: State, fixed: Any, batches: Any, numbers: Any) -> Any:
            (state, _, _), told = jax.lax.scan(step, (state, jnp.array(True), fixed), (batches, numbers))
            places = jax.tree.map(lambda array: NamedSharding(self.mesh, self._split(array.shape)), state)
            everywhere = NamedSharding(self.mesh, PartitionSpec())
            return (
                jax.lax.with_sharding_constraint(state, places),
                jax.lax.with_sharding_constraint(told, (everywhere, everywhere)),
            )

        self._scans[dtype] = jax.jit(steps, donate_argnums=0)
        return self._scans[dtype]

    def _clipped(self, gradients: dict[str, Any]) -> dict[str, Any]:
        """Return gradients that are no larger than allowed, as an optimiser's own do."""
        norm, value = self.clip
        if value is not None:
            gradients = {label: jnp.clip(gradient, -value, value) for label, gradient in gradients.items()}
        if norm is not None and gradients:
            largest = jnp.stack([jnp.abs(gradient).max(initial=0) for gradient in gradients.values()]).max()
            unit = jnp.where(largest == 0, 1, largest)
            length = jnp.sqrt(sum(jnp.square(gradient / unit).sum() for gradient in gradients.values()))
            by = jnp.where(length * largest > norm, norm / jnp.where(length == 0, 1, length) / unit, 1)
            gradients = {label: gradient * by for label, gradient in gradients.items()}
        return gradients

    def _changed(self, state: State, gradients: dict[str, Any], numbers: Any) -> State:
        """Apply the optimiser's rule, which writes into what it is given."""
        changed: State = {}
        for label, gradient in gradients.items():
            kept = {name: Traced(array, own=True) for name, array in state[label].items()}
            value, remembered = kept["value"], [kept[name] for name in self.remembers]
            self.change(value, Traced(gradient), [Traced(n.astype(value.dtype)) for n in numbers], remembered)
            changed[label] = {name: traced.array for name, traced in kept.items()}
        return changed
