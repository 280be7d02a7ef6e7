"""Everything that users do with a network, in any order: grow it, run, change, compile, train, save, draw, pickle, derive.

Hypothesis chooses what is done and makes what fails short. Whatever happened before, a pass is right (by the oracle's formulas
at complex numbers), a compiled step and gradients as nodes say the same, what was saved, pickled or copied gives the same
bytes, and nothing that was handed out ever changes.
"""

from __future__ import annotations

import copy
import pickle
import tempfile
import warnings
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

import graphnet as gn
from graphnet.errors import GraphnetError
from tests.fuzz import dialect
from tests.fuzz.compare import COMPILED, Network, check_against_complex_step, difference, not_comparable, scale
from tests.fuzz.grow import DRAWS, Grower
from tests.fuzz.programs import Leaf, Program, Step, carry_out

KEPT = 300
"""How many arrays that were handed out are watched, the latest."""

seeds = st.integers(0, 2**32 - 1)
places = st.integers(0, 1000)
DRAWN = list(DRAWS)


class User(RuleBasedStateMachine):
    """One who has a network, and does with it whatever comes to mind."""

    def __init__(self) -> None:
        super().__init__()
        self.results: list[Any] = []
        self.leaves: list[Any] = []
        self.feeds: dict[gn.Node, Any] = {}
        self.values: list[Any] = []  # what the leaves stand for now
        self.losses: dict[int, gn.Node] = {}
        self.steps: dict[int, Any] = {}
        self.watched: list[tuple[Any, bytes]] = []
        self.texts: list[tuple[Callable[[], str], str]] = []
        self.folder = tempfile.TemporaryDirectory()

    def teardown(self) -> None:
        self.folder.cleanup()

    # What is there --------------------------------------------------------------------------------------------------

    def add_what_grew(self) -> None:
        for i in range(len(self.results), len(self.grower.items)):
            item = self.grower.items[i]
            if isinstance(item, Leaf):
                self.results.append(self.leaf(f"{item.kind}{i}", item))
            else:
                with warnings.catch_warnings(category=gn.errors.GraphnetWarning, action="ignore"):
                    self.results.append(carry_out(dialect.DIALECT, item, [self.results[j] for j in item.args]))

    def leaf(self, name: str, leaf: Leaf) -> Any:
        value = leaf.value[: self.grower.batch] if leaf.kind == "batch" else leaf.value
        self.values.append(value)
        if leaf.kind == "parameter":
            node = gn.parameter(name, value)
        elif leaf.kind == "constant":
            node = gn.constant(value)
        elif leaf.kind == "bare":
            node = value
        else:
            shape = (None, *value.shape[1:]) if leaf.kind == "batch" else value.shape
            node = gn.input(name, shape, dtype={"positions": int, "mask": bool}.get(leaf.kind, float))
            self.feeds[node] = value
        self.leaves.append(node)
        return node

    def loss(self, place: int) -> tuple[int, gn.Node, dict[gn.Node, Any]]:
        """Return a node of the network summed to a loss, where it is, and what its inputs are fed."""
        nodes = [i for i, node in enumerate(self.results) if isinstance(node, gn.Node) and self.grower.is_real(i)]
        i = nodes[-1 - place % min(len(nodes), 5)]
        E = self.losses.setdefault(i, gn.sum(self.results[i]))
        return i, E, {node: self.feeds[node] for node in gn.Graph(E).inputs}

    def program(self, i: int) -> Program:
        """Return what the oracle carries out: the network so far, at the values of now."""
        values = iter(self.values)
        items = [Leaf("input", next(values)) if isinstance(x, Leaf) else x for x in self.grower.items]
        return Program(0, (*items, Step("sum", (i,), {"axis": None, "keepdims": False})))

    def keep(self, *arrays: Any) -> None:
        self.watched = [*self.watched, *((array, np.asarray(array).tobytes()) for array in arrays)][-KEPT:]

    def passed(self, place: int) -> tuple[int, gn.Node, dict[gn.Node, Any], gn.BackwardPass]:
        i, E, feeds = self.loss(place)
        bwd = gn.backward(E, feeds)
        self.keep(*bwd.values.values(), *bwd.error_signals.values())
        return i, E, feeds, bwd

    # What is done ---------------------------------------------------------------------------------------------------

    @initialize(seed=seeds)
    def begin(self, seed):
        self.grower = Grower(seed)
        self.grower.batch_leaf(3)
        self.grower.step("multiply", 0, self.grower.leaf("parameter", self.grower.rng.uniform(-2, 2, size=3)))
        self.add_what_grew()

    @rule(seed=seeds, draws=st.lists(st.sampled_from(DRAWN), min_size=1, max_size=8))
    def grow(self, seed, draws):
        self.grower.rng = np.random.default_rng(seed)
        for draw in draws:
            self.grower.attempt(draw)
        self.add_what_grew()

    @rule(place=places)
    def run(self, place):
        i, E, feeds, bwd = self.passed(place)
        again = gn.backward(E, feeds)
        assert [s.tobytes() for s in again.error_signals.values()] == [s.tobytes() for s in bwd.error_signals.values()]
        assert gn.forward(E, feeds)[E].tobytes() == bwd[E].tobytes()
        if not not_comparable(bwd):
            check_against_complex_step(self.program(i), Network(E, self.leaves, feeds, self.results), bwd)

    @rule(place=places, seed=seeds, in_place=st.booleans())
    def change(self, place, seed, in_place):
        parameters = [(i, leaf) for i, leaf in enumerate(self.leaves) if isinstance(leaf, gn.Parameter)]
        i, parameter = parameters[place % len(parameters)]
        value = np.random.default_rng(seed).uniform(-2, 2, size=parameter.value.shape)
        if in_place:
            parameter.value[...] = value
        else:
            parameter.value = value
        self.values[i] = value

    @rule(place=places, new=st.booleans())
    def run_compiled(self, place, new):
        """Compile, or run again what was compiled at any time, at the values of now."""
        if new or not self.steps:
            i, E, feeds = self.loss(place)
            wrt = [node for node in gn.backward(E, feeds).error_signals if isinstance(node, gn.Parameter)]
            self.steps.pop(i, None)  # so that it is the last
            self.steps[i] = gn.compile(E, wrt)
        i = list(self.steps)[-1 if new else place % len(self.steps)]
        E = self.losses[i]
        feeds = {node: self.feeds[node] for node in gn.Graph(E).inputs}
        bwd, found = gn.backward(E, feeds), self.steps[i](feeds)
        value, gradients = found if isinstance(found, tuple) else (found, {})
        self.keep(value, *gradients.values())
        if not not_comparable(bwd):
            assert difference(value, bwd[E]) <= COMPILED[np.float64] * max(1.0, abs(float(value)), scale(bwd))
            for label, gradient in gradients.items():
                assert difference(gradient, bwd.gradient(label)) <= COMPILED[np.float64] * scale(bwd), label

    @rule(place=places)
    def differentiate(self, place):
        _, E, feeds, bwd = self.passed(place)
        wrt = [node for node in bwd.error_signals if isinstance(node, gn.Parameter)]
        nodes = gn.gradients(E, wrt) if wrt else []
        fwd = gn.forward([E, *nodes], feeds)
        if not not_comparable(bwd):
            for parameter, node in zip(wrt, nodes, strict=True):
                assert difference(fwd[node], bwd.gradient(parameter)) <= 1e-12 * scale(bwd), parameter

    @rule(place=places)
    def save_and_load(self, place):
        _, E, feeds, bwd = self.passed(place)
        path = Path(self.folder.name, "net.gn")
        gn.save(path, E)
        loaded = gn.load(path, ops=[dialect.swish, dialect.running_sum])
        same_pass(bwd, gn.backward(loaded, by_name(feeds)))

    @rule(place=places, seed=seeds)
    def restore_parameters(self, place, seed):
        _, E, _ = self.loss(place)
        parameters = gn.Graph(E).parameters
        if not parameters:
            return
        path, before = Path(self.folder.name, "w.gn"), [p.value.copy() for p in parameters]
        gn.save_parameters(path, E)
        for parameter in parameters:
            parameter.value = np.random.default_rng(seed).normal(size=parameter.value.shape)
        gn.load_parameters(path, E)
        assert [p.value.tobytes() for p in parameters] == [value.tobytes() for value in before]

    @rule(place=places, how=st.sampled_from([copy.deepcopy, lambda what: pickle.loads(pickle.dumps(what))]))
    def duplicate(self, place, how):
        _, _, feeds, bwd = self.passed(place)
        same_pass(bwd, how(bwd))
        same_pass(bwd, gn.backward(how(bwd.graph), by_name(feeds)))

    @rule(place=places, what=st.sampled_from(["to_text", "to_dot", "to_mermaid"]), of_pass=st.booleans())
    def draw(self, place, what, of_pass):
        _, _, _, bwd = self.passed(place)
        if of_pass:
            self.read(lambda: getattr(gn.draw(bwd), what)())
        else:
            assert getattr(gn.draw(bwd.graph), what)() == getattr(gn.draw(bwd.graph), what)()

    @rule(place=places)
    def draw_svg(self, place):
        assert gn.draw(self.passed(place)[-1]).to_svg().count("</svg>") == 1

    @rule(place=places)
    def read_pass(self, place):
        _, _, _, bwd = self.passed(place)
        self.read(lambda: repr(bwd))
        self.read(lambda: str(gn.diagnose(bwd)))

    def read(self, text: Callable[[], str]) -> None:
        self.texts.append((text, text()))

    @rule(place=places)
    def read_again(self, place):
        if self.texts:
            text, as_given = self.texts[place % len(self.texts)]
            assert text() == as_given

    @rule(place=places)
    def derive(self, place):
        _, E, _, bwd = self.passed(place)
        wrt = [node for node in bwd.error_signals if isinstance(node, gn.Parameter)]
        if not wrt or not_comparable(bwd):
            return
        derivation = gn.derive(E, wrt[0])
        assert str(derivation) == str(gn.derive(E, wrt[0]))
        with suppress(GraphnetError):  # where a rule has no formula
            value = derivation.evaluate(bwd)[wrt[0].name]
            assert difference(value, bwd.gradient(wrt[0])) <= 1e-10 * scale(bwd)

    @rule(place=places)
    def fit(self, place):
        _, E, feeds = self.loss(place)
        bwd = gn.backward(E, feeds)
        expected = {p: p.value - 0.01 * bwd.gradient(p) for p in bwd.graph.parameters if p in bwd.error_signals}
        try:
            with warnings.catch_warnings(category=gn.errors.GraphnetWarning, action="ignore"):
                gn.fit(E, feeds, optimizer=gn.GradientDescent(0.01), epochs=1, progress=False)
        except GraphnetError:  # no parameter, no row, nothing finite
            expected = {}
        if not not_comparable(bwd):
            for parameter, value in expected.items():
                assert difference(parameter.value, value) <= 1e-12 * scale(bwd), parameter
        for i, leaf in enumerate(self.leaves):
            if isinstance(leaf, gn.Parameter):
                self.values[i] = leaf.value.copy()

    @rule(place=places)
    def mistake(self, place):
        _, E, feeds, bwd = self.passed(place)
        stranger = gn.parameter("stranger", 1.0)
        for call in (
            partial(gn.backward, E, {**feeds, stranger: 2.0}),
            partial(gn.compile, E, [stranger]),
            partial(gn.gradients, E, [stranger]),
            partial(bwd.gradient, "stranger"),
            partial(gn.draw(bwd).save, Path(self.folder.name, "no", "such.svg")),
            partial(gn.load, Path(self.folder.name, "none")),
            partial(gn.forward, E, {"stranger": 1.0}),
        ):
            with pytest.raises(GraphnetError):
                call()

    # What holds -----------------------------------------------------------------------------------------------------

    @invariant()
    def nothing_handed_out_has_changed(self):
        for array, as_given in self.watched:
            assert np.asarray(array).tobytes() == as_given


def by_name(feeds: dict[gn.Node, Any]) -> dict[str | None, Any]:
    return {node.name: value for node, value in feeds.items()}


def same_pass(first: gn.BackwardPass, second: gn.BackwardPass) -> None:
    """Hold two passes to the same bytes, node by node in their order."""
    for these, those in ((first.values, second.values), (first.error_signals, second.error_signals)):
        assert [array.tobytes() for array in these.values()] == [array.tobytes() for array in those.values()]
