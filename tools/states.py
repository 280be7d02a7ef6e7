"""Let any number of users do with a network whatever comes to mind, and hold it to all that is promised.

    python tools/states.py --count 500 --steps 50

The tests do the same with a few.
"""

import argparse
import sys
import warnings
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.states import User


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--count", type=int, default=200, help="how many users")
    arguments.add_argument("--steps", type=int, default=50, help="how much each of them does, at most")
    chosen = arguments.parse_args()
    warnings.simplefilter("error")
    chance = settings(
        max_examples=chosen.count,
        stateful_step_count=chosen.steps,
        deadline=None,
        database=None,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(User, settings=chance)
    print(f"{chosen.count} users, nothing broken")
    return 0


if __name__ == "__main__":
    sys.exit(main())
