"""The engine of the page, in a browser, held to ``gn.backward``."""

import numpy as np
import pytest

import graphnet as gn
from tests.fuzz.compare import build
from tests.fuzz.grow import random_program
from tests.page.live import ENGINE, RUN, NotLive, case, complaints


@pytest.fixture(scope="module")
def answers(browser):
    """Return a function that runs cases in a bare page."""
    page = browser.new_page()
    page.add_script_tag(content=ENGINE)
    yield lambda cases: page.evaluate(RUN, cases)
    page.close()


def passes_of_random_programs(seeds):
    for seed in seeds:
        program = random_program(seed)
        network = build(program, seed % 2 == 0, np.float32 if seed % 20 == 7 else np.float64)
        yield seed, gn.backward(network.output, network.feeds, delta=program.delta)


def test_random_programs_run_as_in_graphnet(answers):
    cases, runs = [], []
    for seed, run in passes_of_random_programs(range(200)):
        try:
            cases.append(case(run))
            runs.append((seed, run))
        except NotLive:
            assert any(node.kind == "running_sum" for node in run.graph.nodes), seed  # its rules are opaque
    assert len(cases) > 190
    found = {seed: complaints(*each, run)[0] for each, (seed, run) in zip(zip(cases, answers(cases)), runs)}
    assert {seed: told for seed, told in found.items() if told} == {}
