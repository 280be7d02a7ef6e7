"""The page: one self-contained HTML file that steps through a pass.

`steps` says what happens in which order, with which numbers and words. `scenery` brings the steps to the boxes of a picture,
and finds places for them. `runs` bounds what the page carries of arrays, `formulas` makes plain data of rules, and `data`
gathers all. The style and the scripts in ``assets`` show these data; they compute nothing.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from graphnet.draw.text import markup

_SCRIPTS = (
    "dom", "state", "arrays", "formula", "hover", "camera", "graph", "units", "views", "panel", "player", "main",
)  # fmt: skip
"""In the order in which they are needed."""

_AS_ESCAPES = str.maketrans({"&": "\\u0026", "<": "\\u003c", ">": "\\u003e"})


def write_html(data: Mapping[str, Any]) -> str:
    """Return the page as one HTML document, given what `page_data` returns.

    Nothing in it is loaded from elsewhere, and its Content-Security-Policy lets only the style and the script run that
    this function put in, told by their hashes. The data are a block of JSON in which no character can end the block.
    """
    script = '"use strict";\n(() => {\n' + "\n".join(_asset(f"{name}.js") for name in _SCRIPTS) + "})();\n"
    style = _asset("style.css")
    policy = (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    parts = {
        "policy": policy,
        "title": markup(data["title"]),
        "style": style,
        "script": script,
        "data": json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":")).translate(_AS_ESCAPES),
    }
    return re.sub(r"{{(\w+)}}", lambda place: parts[place[1]], _asset("page.html"))  # in one go: no part is looked into


def _asset(name: str) -> str:
    return files("graphnet.draw.page").joinpath("assets", name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
