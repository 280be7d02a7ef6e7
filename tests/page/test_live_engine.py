"""The engine of the page, in a browser, held to ``gn.backward``."""

import contextlib
import re
from importlib.resources import files

import numpy as np
import pytest

import graphnet as gn
from graphnet.core.registry import OPS
from graphnet.draw.page.live import live_data
from tests.fuzz.compare import build
from tests.fuzz.grow import random_program
from tests.page.live import ENGINE, RATE, RUN, case, differences, passes_of_ops, wrong

RECORDED = {"accuracy"}
"""The ops whose rules can't be read as a graph."""


@pytest.fixture(scope="module")
def differing(browser):
    """Return a function that runs {what: (case, pass)} in a bare page, and tells where its numbers are not the pass's."""
    page = browser.new_page()
    page.add_script_tag(content=ENGINE)

    def differing(cases):
        answers = page.evaluate(RUN, [one for one, _ in cases.values()])
        told = {
            what: wrong(one["live"]["real"], differences(one, answer, run))
            for (what, (one, run)), answer in zip(cases.items(), answers, strict=True)
        }
        return {what: words for what, words in told.items() if words}

    yield differing
    page.close()


def networks(seeds):
    """Yield random networks, half of which have inputs of any number of samples, with the error signals they start with."""
    for seed in seeds:
        program = random_program(seed)
        network = build(program, seed % 2 == 0, np.float32 if seed % 20 == 7 else np.float64)
        if program.smooth:
            yield seed, network, program.delta


def test_random_networks_run_as_in_graphnet(differing):
    runs = {seed: gn.backward(net.output, net.feeds, delta=delta) for seed, net, delta in networks(range(200))}
    assert differing({seed: (case(run), run) for seed, run in runs.items()}) == {}


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_all_ops_run_as_in_graphnet_but_those_that_are_known(differing, dtype):
    cases, seen = {}, set()
    for what, run in passes_of_ops(dtype):
        if not RECORDED & {node.kind for node in run.graph.nodes}:
            cases[what] = case(run), run
            seen |= {node.kind for node in run.graph.nodes} | set(primitives(cases[what][0]))
    assert OPS.keys() - seen == RECORDED
    assert differing(cases) == {}


def primitives(case):
    return {name for program in case["live"]["programs"] for name, *_ in program["steps"]}


def test_what_is_set_by_hand_is_a_constant_of_the_run(differing):
    cases = {}
    for seed, net, delta in networks(range(0, 200, 2)):
        rng = np.random.default_rng(seed)
        run = gn.backward(net.output, net.feeds, delta=delta)
        nodes = [node for node in run.graph.nodes if node.dtype.kind == "f" and node.kind != "constant"]
        reached = [node for node in nodes if node in run.error_signals]  # the page has no way back from the others
        node, other = nodes[rng.integers(len(nodes))], reached[rng.integers(len(reached))]
        by, signal = rng.normal(size=run[node].shape), rng.normal(size=run[other].shape)
        options = {"delta": delta, "replace": {node: by}, "replace_error_signal": {other: signal}}
        with np.errstate(all="ignore"):
            replaced = gn.backward(net.output, net.feeds, **options)
        if all(np.isfinite(array).all() for array in replaced.error_signals.values()):
            cases[seed, "in the pass"] = case(replaced), replaced
            set_there = {"set": given(run, {node: by}), "setSignal": given(run, {other: signal})}
            cases[seed, "in the page"] = case(run, **set_there), replaced
    assert len(cases) > 150
    assert differing(cases) == {}


def given(run, arrays):
    """Return arrays by node as the page is given them."""
    id_of = {node: f"n{place}" for place, node in enumerate(run.graph.nodes)}
    return {id_of[node]: {"shape": array.shape, "data": array.ravel().tolist()} for node, array in arrays.items()}


def test_a_part_that_is_set_by_hand_lets_the_rest_depend_on_what_is_before(differing, network):
    E, feeds = network
    run = gn.backward(E, feeds)
    a1, z1 = run.graph["a1"], run.graph["z1"]
    replaced = gn.backward(E, feeds, replace={a1[:, 1]: 0.5}, replace_error_signal={z1[0]: 2.0})
    value, signal = np.where([0, 1, 0], 0.5, np.full((3, 3), np.nan)), np.full((3, 3), 2.0)
    there = {"set": given(run, {a1: np.nan_to_num(value)}), "setSignal": given(run, {z1: signal})}
    (in_set,), (in_signal,) = there["set"].values(), there["setSignal"].values()
    in_set["mask"], in_signal["mask"] = [0, 1, 0] * 3, [1, 1, 1, 0, 0, 0, 0, 0, 0]
    assert differing({"pass": (case(replaced), replaced), "page": (case(run, **there), replaced)}) == {}


def test_a_sample_alone_runs_as_if_it_were_fed_alone(differing):
    cases = {}
    for seed, net, delta in networks(range(0, 300, 2)):
        run = gn.backward(net.output, net.feeds, delta=delta)
        one = case(run, batch=0)
        if one["live"]["samples"] > 1 and not one["live"]["single"]:
            i = one["options"]["batch"] = one["live"]["samples"] - 1
            feeds = {x: value[i : i + 1] if x.shape[:1] == (None,) else value for x, value in net.feeds.items()}
            start = delta[i : i + 1] if delta is not None and net.output.shape[:1] == (None,) else delta
            with contextlib.suppress(gn.errors.ShapeError):  # it picks the second of two samples
                cases[seed] = one, gn.backward(net.output, feeds, delta=start)
    assert len(cases) > 25
    assert differing(cases) == {}


def test_other_leaves_give_another_pass(differing, network):
    E, feeds = network
    run = gn.backward(E, feeds)
    x, W1 = run.graph["x"], run.graph["W1"]
    other = {x: feeds[x] + 1, W1: W1.value * 2}
    one = case(run, values=given(run, other))
    W1.value = other[W1]
    assert differing({"": (one, gn.backward(E, {**feeds, x: other[x]}))}) == {}


def test_what_a_rule_refuses_is_an_error_in_the_page_too(browser):
    x, i = gn.input("x", (3,)), gn.input("i", (2,), dtype=int)
    run = gn.backward(gn.sum(gn.take(x, i)), {x: [1, 2, 3], i: [0, 2]})
    page = browser.new_page()
    page.add_script_tag(content=ENGINE)
    found = page.evaluate(RUN, [case(run, values=given(run, {i: np.array([0, at])})) for at in (3, -1)])
    page.close()
    assert [re.search("position .* 3", each["error"])[0] for each in found] == [
        f"position {at} along an axis of size 3" for at in (3, -1)
    ]


# What is not computed -----------------------------------------------------------------------------------------------------


@gn.op
def loop(z):
    return np.add.accumulate(z)


@loop.backward
def loop_backward(delta, a, z):
    return np.add.accumulate(delta[::-1])[::-1]


def test_an_opaque_rule_on_the_way_keeps_the_page_as_it_was_recorded(network):
    x = gn.input("x", (3,))
    live = live_data(*of(gn.backward(gn.sum(loop(x, name="sums")), {x: [1, 2, 3]})))
    assert list(live) == ["recorded"]
    (why,) = live["recorded"]
    assert why == "the forward rule of 'sums' (loop): it can't be read as a graph of NumPy's functions"


def of(run):
    return run.graph, run, RATE


def test_an_opaque_metric_beside_the_loss_is_recorded_alone(differing):
    x = gn.input("x", (3,))
    E, share = gn.sum(gn.tanh(x), name="E"), gn.max(loop(x, name="sums"), name="share")
    run = gn.backward(gn.Graph(E, share), {x: [1, 2, 3]}, delta={E: 1.0})
    one = case(run)
    kept = {run.graph.nodes[int(key[1:])].name for key, node in one["live"]["nodes"].items() if "recorded" in node}
    assert kept == {"sums", "share"}
    assert differing({"": (one, run)}) == {}


def test_a_network_that_is_too_large_says_so():
    x = gn.input("x", (1500, 1500))
    (why,) = live_data(*of(gn.backward(gn.sum(x), {x: np.zeros((1500, 1500))})))["recorded"]
    assert why == "A page computes up to 2,000 nodes and 2,000,000 numbers: here are 2 nodes and 2,250,001 numbers."


def test_inputs_of_unequal_batches_have_no_single_sample():
    x, y = gn.input("x", (None,)), gn.input("y", (None,))
    live = live_data(*of(gn.backward(gn.sum(x) * gn.sum(y), {x: [1, 2], y: [1, 2, 3]})))
    assert live["single"] == "the inputs have different numbers of samples"


def test_a_page_is_recorded_where_that_is_asked_for_and_where_it_has_several_passes(network, tmp_path):
    run = gn.backward(*network)
    forward = gn.forward(*network)
    kept = [gn.draw(run).to_html(live=False), gn.draw({"a": run, "b": run}).to_html(), gn.draw(forward).to_html()]
    kept.append(gn.draw(run).save(tmp_path / "page.html", live=False).read_text())
    assert ['"live":null' in page for page in [*kept, gn.draw(run).to_html()]] == [True] * 4 + [False]


def test_equal_rules_travel_once():
    x = gn.input("x", (4, 4))
    a = x
    for _ in range(20):
        a = gn.tanh(a)
    live = live_data(*of(gn.backward(gn.sum(a), {x: np.zeros((4, 4))})))
    assert len(live["programs"]) == 4  # forward and backward, of tanh and of the sum


def test_no_two_scripts_use_one_name():
    folder = files("graphnet.draw.page").joinpath("assets")
    scripts = "\n".join(each.read_text() for each in folder.iterdir() if each.name.endswith(".js"))
    names = re.findall(r"^(?:const|let|function|async function) (\w+)", scripts, re.MULTILINE)
    assert sorted(names) == sorted(set(names))
