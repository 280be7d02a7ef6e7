"""Where the effects of rows or columns stay apart: found by moving them, for rules of any kind."""

import numpy as np
import pytest

from graphnet.core.function_op import FunctionOp
from graphnet.engine.perturb.cuts import TRIED, OpCall, Search


def searched(z, *functions, outputs=()):
    """Return the search in a chain of functions, each of them given what the one before it gave and the array itself."""
    values, calls = {"z": z}, []
    for i, function in enumerate(functions):
        before = (f"a{i - 1}" if i else "z",)
        calls.append(OpCall(FunctionOp(function, None), before, f"a{i}"))
        values[f"a{i}"] = np.asarray(function(values[before[0]]))
    far = np.random.default_rng(0).uniform(0.01, 0.02, z.shape)
    return Search(calls, values, "z", outputs or [f"a{len(functions) - 1}"], far)


Z = np.random.default_rng(1).normal(size=(5, 6))


def test_every_entry_owns_what_is_made_of_it_alone():
    cut = searched(Z, lambda z: np.tanh(z), lambda z: z.T * 2).cut()
    assert (cut.key, cut.calls, cut.apart, cut.slabs) == ("a1", 2, (0, 1), 30)
    np.testing.assert_array_equal(cut.owner, np.arange(30).reshape(5, 6).T.ravel())


def test_rows_stay_apart_up_to_where_they_meet():
    W = np.random.default_rng(2).normal(size=(6, 3))
    cut = searched(Z, lambda z: z @ W, lambda z: np.tanh(z), lambda z: z.sum(axis=0)).cut()
    assert (cut.key, cut.calls, cut.apart, cut.slabs) == ("a1", 2, (0,), 5)
    np.testing.assert_array_equal(cut.owner, np.arange(5).repeat(3))


def test_the_last_place_where_as_many_stay_apart_as_at_first():
    cut = searched(Z, lambda z: np.tanh(z), lambda z: z - z.mean(axis=0), lambda z: z * 2).cut()
    assert (cut.key, cut.apart, cut.slabs) == ("a0", (0, 1), 30)


def test_entries_that_all_meet_at_once_have_no_cut():
    assert searched(Z, lambda z: z * z.sum()).cut() is None
    assert searched(np.ones((1, 1)), lambda z: z * 2).cut() is None


def test_numbers_that_depend_on_nothing_have_no_owner():
    cut = searched(Z, lambda z: np.concatenate([np.tanh(z[1:]), np.ones((2, 6))])).cut()
    assert cut.slabs == 30
    np.testing.assert_array_equal(cut.owner, [*range(6, 30), *[30] * 12])


@pytest.mark.parametrize("size", [2, 3, 1000, 1025, 3000])
def test_slabs_are_told_apart_whatever_their_number(size):
    cut = searched(np.linspace(1, 2, size), lambda z: z[::-1] * 3).cut()
    np.testing.assert_array_equal(cut.owner, np.arange(size)[::-1])


@pytest.mark.parametrize(("bent", "elsewhere"), [(np.maximum, 1.0), (np.minimum, -1.0)])
def test_a_side_of_a_kink_on_which_nothing_moves(bent, elsewhere):
    z = np.where(np.arange(30).reshape(5, 6) % 2, 0.0, elsewhere)
    cut = searched(z, lambda z: bent(z, 0)).cut()
    np.testing.assert_array_equal(cut.owner, np.arange(30))


def test_the_way_may_be_long_but_not_the_way_from_dominator_to_dominator():
    chain = [lambda z: np.sin(z)] * 50
    assert searched(Z, *chain).cut().calls == 50
    assert searched(Z, *chain, outputs=["a2", "a49"]).cut().calls == 3


def branching(length):
    """Return the search where the array is used once more after a chain of calls."""
    calls = [
        OpCall(FunctionOp(lambda z: z * 2, None), ("z" if not i else f"a{i - 1}",), f"a{i}") for i in range(length)
    ]
    calls.append(OpCall(FunctionOp(lambda a, z: a + z, None), (f"a{length - 1}", "z"), "sum"))
    values = {"z": Z, "sum": Z * 2**length + Z, **{f"a{i}": Z * 2 ** (i + 1) for i in range(length)}}
    return Search(calls, values, "z", ["sum"], np.full(Z.shape, 0.01))


def test_no_dominator_between_two_uses():
    cut = branching(3).cut()
    assert (cut.key, cut.calls, cut.slabs) == ("sum", 4, 30)
    assert branching(TRIED - 1).cut().calls == TRIED
    assert branching(TRIED + 1).cut() is None


def test_how_many_runs_a_search_takes():
    seen = []

    def counted(z):
        seen.append(z)
        return np.tanh(z)

    search = searched(np.ones((8, 6)), counted)  # 8 are told apart by three bits
    seen.clear()
    search.cut()
    assert len(seen) == search.runs == 2 * (2 + 4 * 3)
