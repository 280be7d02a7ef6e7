"""Promises not kept yet: each becomes a failure of the suite, and its line goes, on the day it is kept."""

import pytest

TO_COME = {
    "test_memory.py::test_a_program_too_large_is_refused_with_its_bytes[a layer-True]": "ones for a sum are made first",
    "test_memory.py::test_a_program_too_large_is_refused_with_its_bytes[a sum of products-True]": "constants are made first",
    "test_memory.py::test_a_program_too_large_is_refused_with_its_bytes[a mean of products-True]": "constants are made first",
    "test_memory.py::test_a_program_too_large_is_refused_with_its_bytes[ones-False]": "constants are made first",
    "test_memory.py::test_a_program_too_large_is_refused_with_its_bytes[ones-True]": "constants are made first",
    "test_memory.py::test_the_gradient_of_a_sum_by_a_huge_input_is_refused": "constants are made first",
    "test_memory.py::test_bytes_are_counted_beyond_64_bits": "entries are counted in 64 bits",
    "test_scalar_graphs.py::test_what_nothing_smooth_reaches_is_left_out": "gradients of zero are handed out",
    "test_scalar_graphs.py::test_what_nothing_smooth_reaches_is_named_when_asked_for": "gradients of zero are handed out",
    "test_scalar_graphs.py::test_it_explains_itself_with_its_totals": "its bytes are not counted",
    "test_training.py::test_training_of_graphs_of_many_kinds[a_parameter_gradient_is_a_parameter]": "gradients share memory",
    "test_training.py::test_all_parameters_change_at_once[shape0]": "gradients share memory with parameters",
    "test_training.py::test_an_infinity_that_comes_to_nothing_is_named_too": "only losses and gradients are looked at",
    "test_training.py::test_large_but_finite_gradients_are_no_fault": "the square of a gradient overflows",
}


def pytest_collection_modifyitems(items):
    for item in items:
        for name, reason in TO_COME.items():
            if item.nodeid.endswith(f"plan/{name}"):
                item.add_marker(pytest.mark.xfail(strict=True, reason=reason))
