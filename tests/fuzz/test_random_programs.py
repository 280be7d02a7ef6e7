"""Random networks, held to an independent library, to themselves as graphs, and to their own messages."""

import pytest

from tests.fuzz import dialect, oracle
from tests.fuzz.compare import skipped, survey
from tests.fuzz.grow import random_program
from tests.fuzz.programs import Step

CHUNK = 100


@pytest.mark.parametrize("first", range(0, 1000, CHUNK))
def test_passes_of_random_programs_agree_with_the_oracle(first):
    counts = survey(range(first, first + CHUNK))
    assert skipped(counts) < 0.001 * CHUNK, counts


def test_the_programs_use_every_operation_in_every_spelling():
    steps = [item for seed in range(1000) for item in random_program(seed).items if isinstance(item, Step)]
    used = {(step.op, step.spelling % len(dialect.DIALECT[step.op])) for step in steps}
    assert used == {(op, i) for op, spellings in dialect.DIALECT.items() for i in range(len(spellings))}


def test_a_program_is_the_same_for_the_same_seed():
    assert repr(random_program(5)) == repr(random_program(5)) != repr(random_program(6))


def test_the_oracle_covers_the_dialect():
    assert oracle.DIALECT.keys() == dialect.DIALECT.keys()
