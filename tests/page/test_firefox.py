"""The live page in Firefox, where there is one: its own protocol, Marionette, needs no other package."""

import json
import shutil
import socket
import subprocess
import time

import pytest

import graphnet as gn
from tests.page.conftest import two_three_one
from tests.page.test_live import changed, held

FIREFOX = next(filter(None, map(shutil.which, ("firefox", "firefox-esr"))), None)


class Marionette:
    """A Firefox without a window, driven through a socket: each message is its length, a colon, and JSON."""

    def __init__(self, folder):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        (folder / "user.js").write_text(f'user_pref("marionette.port", {port});\n')
        self.process = subprocess.Popen(
            [FIREFOX, "--headless", "--marionette", "--no-remote", "--profile", folder],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.socket = self._connected(port)
        self.stream = self.socket.makefile("rwb")
        self._read()  # a greeting
        self("WebDriver:NewSession", {})

    def _connected(self, port):
        until = time.monotonic() + 120
        while True:
            try:
                return socket.create_connection(("127.0.0.1", port), timeout=120)
            except OSError:
                if time.monotonic() > until or self.process.poll() is not None:
                    raise
                time.sleep(0.2)

    def _read(self):
        length = b"".join(iter(lambda: self.stream.read(1), b":"))
        return json.loads(self.stream.read(int(length)))

    def __call__(self, command, parameters):
        message = json.dumps([0, 1, command, parameters]).encode()
        self.stream.write(b"%d:%s" % (len(message), message))
        self.stream.flush()
        _, _, error, result = self._read()
        assert error is None, error
        return result

    def evaluate(self, function):
        return self("WebDriver:ExecuteScript", {"script": f"return ({function})()", "args": []})["value"]

    def press(self, *keys):
        """Press and release keys, each one after the other."""
        actions = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        self("WebDriver:PerformActions", {"actions": [{"type": "key", "id": "keys", "actions": actions}]})


@pytest.fixture
def firefox(tmp_path):
    if FIREFOX is None:
        pytest.skip("no Firefox on the PATH")
    browser = Marionette(tmp_path)
    yield browser
    browser.stream.close()
    browser.socket.close()
    browser.process.kill()
    browser.process.wait()


def test_its_numbers_are_those_of_the_engine_at_first_by_a_link_and_typed(firefox, tmp_path):
    made = two_three_one()
    run = gn.backward(*made)
    path = gn.draw(run).save(tmp_path / "page.html")
    place = next(i for i, node in enumerate(run.graph.nodes) if node is run.graph["W1"])
    for link, expected in (("#sample=all", run), (f"#sample=all&n{place}.1=0.5", changed(made, W1={(0, 1): 0.5}))):
        firefox("WebDriver:Navigate", {"url": "about:blank"})
        firefox("WebDriver:Navigate", {"url": path.as_uri() + link})
        held(firefox, expected)
    firefox.evaluate(
        "() => [...document.querySelectorAll('.card')].find((card) => card.textContent.startsWith('W2')).click()"
    )
    firefox.evaluate("() => document.querySelector('#panel .number').focus()")
    firefox.press(*"0.25")
    held(firefox, changed(made, W1={(0, 1): 0.5}, W2={(0, 0): 0.25}))
