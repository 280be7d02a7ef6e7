"""Rules written for PyTorch: what `torch.autograd.Function` and `torch.library` have for the way back."""

from __future__ import annotations

import copy
import functools
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch.utils import _pytree
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from graphnet.core.node import Numbers
from graphnet.interop.foreign import Library, signature_names


class _Torch(Library):
    name = "torch"

    def claims(self, value: Any) -> bool:
        of_torch = isinstance(value, (torch.Tensor, torch.nn.Module)) or _class_of(value) is not None
        return of_torch or super().claims(value)

    def array(self, value: Any) -> Numbers:
        tensor = value.detach().cpu().resolve_conj().resolve_neg()
        return np.asarray((tensor.float() if tensor.dtype in (torch.bfloat16, torch.float16) else tensor).numpy())

    def flattened(self, arguments: Sequence[Any]) -> tuple[list[tuple[list[str], Any]], Any]:
        leaves, tree = _pytree.tree_flatten_with_path(list(arguments))
        return [
            ([str(getattr(key, "key", getattr(key, "idx", key))) for key in path], leaf) for path, leaf in leaves
        ], tree

    def joined(self, leaves: Sequence[Any], tree: Any) -> Sequence[Any]:
        arguments: Sequence[Any] = _pytree.tree_unflatten(leaves, tree)
        return arguments

    def outputs(self, function: Callable[..., Any], inputs: Sequence[Any]) -> list[Numbers | None]:
        try:
            with torch.no_grad():
                given = function(*map(_tensor, inputs))
        except RuntimeError:  # it differentiates something itself
            with torch.enable_grad():
                given = function(*self._tensors(inputs)[1])
        return [self.array(each) if isinstance(each, torch.Tensor) else None for each in several(given)]

    def messages(
        self, function: Callable[..., Any], inputs: Sequence[Any], output: int, delta: Numbers
    ) -> list[Numbers | None]:
        with torch.enable_grad():
            leaves, tensors = self._tensors(inputs)
            given = several(function(*tensors))[output]
            if not given.requires_grad:
                return [None] * len(leaves)
            asked = [leaf for leaf in leaves if leaf.requires_grad]
            signal = _strided(delta)
            found = iter(torch.autograd.grad(given, asked, signal, allow_unused=True))
            if not np.array_equal(self.array(signal), delta, equal_nan=True):
                delta[...] = self.array(signal)  # a rule that writes into δ is to be seen to do so
        signals = [next(found) if leaf.requires_grad else None for leaf in leaves]
        return [None if signal is None else self.array(signal) for signal in signals]

    def work(self, function: Callable[..., Any], inputs: Sequence[Any]) -> int:
        with FlopCounterMode(display=False) as products, _Calls() as calls:
            function(*self._tensors(inputs)[1])
        return int(products.get_total_flops() // 2 + calls.written * 10 + len(calls.made) * _CALL)

    def calls(self, function: Callable[..., Any], inputs: Sequence[Any]) -> Iterator[tuple[Any, Sequence[Any]]]:
        found: list[tuple[Any, Sequence[Any]]] = []
        with torch.enable_grad(), rewritten(functools.partial(_recording, found)), _Calls() as calls:
            function(*self._tensors(inputs)[1])
        yield from found
        for operator, arguments in calls.made:
            if operator.namespace not in _OF_TORCH and self._has_rule(operator, arguments):
                yield operator, arguments

    def with_parameters(self, function: Any, inputs: Sequence[Any]) -> tuple[Any, Sequence[Any]]:
        if not isinstance(function, torch.nn.Module):
            return function, inputs
        parameters = dict(function.named_parameters())
        return _OfModule(function, list(parameters), len(inputs)), [*inputs, *parameters.values()]

    def _has_rule(self, operator: Any, arguments: Sequence[Any]) -> bool:
        given = [each.detach() if isinstance(each, torch.Tensor) else each for each in arguments]
        given = [each.requires_grad_() if _is_real(each) else each for each in given]
        return any(each.requires_grad for each in several(operator(*given)) if isinstance(each, torch.Tensor))

    def callable(self, function: Any) -> Any:
        return function if _class_of(function) is None else _class_of(function).apply

    def called(self, function: Any) -> str:
        return super().called(_class_of(function) or _rules(function)[0])

    def rule(self, function: Any) -> Any:
        return _rules(function)[1]

    def parameters(self, function: Any) -> Any:
        of, (forward, _) = _class_of(function), _rules(function)
        if of is not None and not _has_no_context(of):
            return _WithoutFirst(forward)
        return forward.forward if isinstance(forward, torch.nn.Module) else forward

    def _tensors(self, inputs: Sequence[Any]) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        """Return leaves, and what is made of them to be given on: a leaf may not be written into."""
        leaves = [_tensor(array) for array in inputs]
        leaves = [leaf.requires_grad_() if leaf.is_floating_point() else leaf for leaf in leaves]
        return leaves, [leaf.clone() if leaf.requires_grad else leaf for leaf in leaves]


LIBRARY = _Torch()
_CALL = 5_000
"""The multiply-adds that the call of one function of torch takes as long as."""


_OF_TORCH = ("aten", "prim", "prims", "c10d", "_c10d_functional", "inductor", "quantized", "rngprims")


class _OfModule:
    """A module as a function of its inputs and its parameters. Its buffers are as they were in each call."""

    def __init__(self, module: torch.nn.Module, parameters: Sequence[str], inputs: int) -> None:
        self.module, self.inputs, self.parameters = copy.deepcopy(module), inputs, parameters
        self.__name__ = type(module).__name__
        given = [*signature_names(module.forward)][:inputs]
        given += [f"input {place}" for place in range(len(given), inputs)]
        self.names = [*given, *(name.replace(".", "/") for name in parameters)]

    def __call__(self, *arguments: Any) -> Any:
        held = dict(zip(self.parameters, arguments[self.inputs :], strict=True))
        dtype = next((each.dtype for each in held.values() if each.is_floating_point()), torch.float64)
        for name, buffer in self.module.named_buffers():
            held[name] = buffer.detach().to(dtype if buffer.is_floating_point() else buffer.dtype, copy=True)
        return torch.func.functional_call(self.module, held, arguments[: self.inputs])


@contextmanager
def rewritten(write: Callable[[Any, Callable[..., Any]], Callable[..., Any]]) -> Iterator[None]:
    """Let each `torch.autograd.Function` that is not torch's own have another forward rule, wherever its ``apply`` is kept.

    `write` makes it of the class and its own rule.
    """
    of_users = {of for of in _subclasses(torch.autograd.Function) if not of.__module__.startswith("torch.")}
    rules = {of: (of.forward, vars(of).get("forward")) for of in of_users}  # what it inherits, and what is its own
    for of, (rule, _) in rules.items():
        of.forward = staticmethod(write(of, rule))
    try:
        yield
    finally:
        for of, (_, own) in rules.items():
            if own is None:
                del of.forward
            else:
                of.forward = own


def _recording(found: list[tuple[Any, Sequence[Any]]], of: Any, rule: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(rule)
    def recorded(*arguments: Any) -> Any:
        own = own_arguments(of, arguments)
        found.append((of, [each.detach().clone() if isinstance(each, torch.Tensor) else each for each in own]))
        return rule(*arguments)

    return recorded


def own_arguments(of: Any, arguments: Sequence[Any]) -> Sequence[Any]:
    """Return what a forward rule is given, without the context."""
    return arguments if _has_no_context(of) else arguments[1:]


def _subclasses(of: Any) -> Iterator[Any]:
    for each in of.__subclasses__():
        yield each
        yield from _subclasses(each)


class _Calls(TorchDispatchMode):  # type: ignore[misc]
    """Writes down which functions of torch are called."""

    def __init__(self) -> None:
        super().__init__()
        self.made: list[tuple[Any, tuple[Any, ...]]] = []
        self.written = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.made.append((function, args))
        given = function(*args, **(kwargs or {}))
        self.written += sum(each.numel() for each in several(given) if isinstance(each, torch.Tensor))
        return given


class _WithoutFirst:
    """What has the parameters of a function but its first, the context."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.names = signature_names(function)[1:]


def _has_no_context(of: Any) -> bool:
    """Tell whether the forward rule of a class is given its inputs alone, and the context is set up elsewhere."""
    return bool(of.setup_context is not torch.autograd.Function.setup_context)


def _is_real(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and value.is_floating_point()


def _class_of(value: Any) -> Any:
    """Return the class of which a value is, or is the ``apply``."""
    of = getattr(value, "__self__", value)
    return of if isinstance(of, type) and issubclass(of, torch.autograd.Function) else None


def _rules(function: Any) -> tuple[Any, Any]:
    """Return the forward and the backward rule of a class or of an operator, or a function itself."""
    if (of := _class_of(function)) is not None:
        return of.forward, of.backward
    is_overload = isinstance(function, torch._ops.OpOverload)
    known = getattr(
        sys.modules.get("torch._library.custom_ops"), "OPDEFS", {}
    )  # private: without it torch's own name is said
    kept = known.get(function.name() if is_overload else getattr(function, "_qualname", ""))
    return (kept._init_fn, kept._backward_fn or kept._init_fn) if kept else (function, function)


def _tensor(array: Any) -> torch.Tensor:
    return torch.from_numpy(np.array(array, order="K"))


def _strided(array: Any) -> torch.Tensor:
    """Return a copy that lies in memory as the array does, gaps and all: some rules go wrong by that."""
    steps = [stride // array.itemsize for stride in array.strides]
    if array.flags.c_contiguous or min(steps) <= 0:
        return _tensor(array)
    return torch.empty_strided(array.shape, steps, dtype=_tensor(array).dtype).copy_(_tensor(array))


def several(given: Any) -> list[Any]:
    """Return the outputs of a function, those within tuples, lists and dicts too."""
    found: list[Any] = _pytree.tree_leaves(given)
    return found
