"""What is computed once is computed without a lock."""

import threading

from graphnet.common import cached_property


class Slow:
    def __init__(self, wait):
        self.wait, self.computed = wait, 0

    @cached_property
    def answer(self):
        """The answer."""
        self.wait()
        self.computed += 1
        return 42


def test_it_is_computed_once():
    slow = Slow(lambda: None)
    assert (slow.answer, slow.answer, slow.computed) == (42, 42, 1)
    assert Slow.answer.__doc__ == "The answer."


def test_one_object_does_not_wait_for_another_so_that_a_child_of_a_fork_does_not_wait_for_ever():
    begun, enough = threading.Event(), threading.Event()
    thread = threading.Thread(target=lambda: Slow(lambda: (begun.set(), enough.wait(60))).answer)
    thread.start()
    assert begun.wait(60)
    other = threading.Thread(target=lambda: Slow(lambda: None).answer, daemon=True)
    other.start()
    other.join(30)
    assert not other.is_alive()
    enough.set()
    thread.join()
