"""A share of what tools/states.py does: users who do anything in any order."""

from hypothesis import HealthCheck, settings

from tests.states import User

TestUser = User.TestCase
TestUser.settings = settings(
    max_examples=12, stateful_step_count=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
