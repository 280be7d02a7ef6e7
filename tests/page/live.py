"""Networks run by the engine of the page, in a browser or by node, and held to ``gn.backward``."""

import base64
import json
import subprocess
from importlib.resources import files

import numpy as np

from graphnet.draw.page.live import live_data

ENGINE = files("graphnet.draw.page").joinpath("assets", "engine.js").read_text(encoding="utf-8")

RUN = """(cases) => cases.map(({ live, options }) => {
  const text = ({ shape, data }) => {
    const bytes = new Uint8Array(Float64Array.from(data).buffer);
    let letters = "";
    for (const byte of bytes) letters += String.fromCharCode(byte);
    return [shape, btoa(letters)];
  };
  const each = (arrays) => Object.fromEntries(Object.entries(arrays).map(([id, one]) => [id, text(one)]));
  try {
    const engine = makeEngine(live);
    const { values, signals, messages } = engine.run(options);
    const sent = Object.values(messages).flatMap((list, place) => list.map((m) => [place, m.from, m.slot, text(m.tensor)]));
    const stepped = engine.step(values, signals, live.rate);
    return { values: each(values), signals: each(signals), messages: sent, stepped: each(stepped) };
  } catch (error) { return { error: String(error.stack) }; }
})"""
"""Runs each of many networks, and tells every number as base64 of float64."""

RATE = 0.1
TOLERANCE = {"f8": 1e-12, "f4": 1e-5}


class NotLive(Exception):
    """The page would stay recorded."""


def case(run, **options):
    """Return what the browser is given to repeat a pass, all but the arrays that `options` replace."""
    live = live_data(run.graph, run, RATE)
    if "recorded" in live:
        raise NotLive("; ".join(live["recorded"]))
    return {"live": live, "options": options}


def by_node(cases):
    """Run cases with node."""
    script = f"{ENGINE}\nconst cases = JSON.parse(require('fs').readFileSync(0));"
    script += f"process.stdout.write(JSON.stringify(({RUN})(cases)));"
    done = subprocess.run(["node", "-e", script], input=json.dumps(cases), capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def array(told):
    """Return an array that the browser told."""
    shape, data = told
    return np.frombuffer(base64.b64decode(data)).reshape(shape)


def complaints(case, found, run):
    """Return in words where the page's numbers are not those of a pass, with the largest difference."""
    if "error" in found:
        return [found["error"]], 0.0
    graph, real = run.graph, case["live"]["real"]
    id_of = {node: f"n{place}" for place, node in enumerate(graph.nodes)}
    told, worst = [], 0.0

    def compare(what, mine, expected):
        nonlocal worst
        mine, expected = array(mine), np.asarray(expected, float)
        if mine.shape != expected.shape:
            told.append(f"{what}: shape {mine.shape}, expected {expected.shape}")
            return
        with np.errstate(all="ignore"):
            error = np.abs(mine - expected) / np.maximum(1, np.abs(expected))
        alike = (mine == expected) | (np.isnan(mine) & np.isnan(expected))
        off = float(np.where(alike, 0, error).max(initial=0))
        worst = max(worst, off)
        if not off <= TOLERANCE[real]:
            told.append(f"{what}: off by {off:.2g}")

    for node in graph.nodes:
        compare(f"value of {graph.label(node)}", found["values"][id_of[node]], run.values[node])
    signals = {id_of[node]: node for node in run.error_signals if node.kind != "constant"}
    if signals.keys() != found["signals"].keys():
        told.append(f"error signals of {sorted(found['signals'])}, expected {sorted(signals)}")
    for key, node in signals.items():
        if key not in found["signals"]:
            continue
        compare(f"error signal of {graph.label(node)}", found["signals"][key], run.error_signals[node])
        mine = [message for message in found["messages"] if f"n{message[0]}" == key]
        expected = [(id_of.get(m.consumer), m.slot) for m in run.messages(node)]
        if [(m[1], m[2]) for m in mine] != expected:
            told.append(f"messages to {graph.label(node)} from {mine}, expected {expected}")
        for message, one in zip(run.messages(node), mine, strict=False):
            compare(f"message to {graph.label(node)} from {one[1]}", one[3], message.delta)
    for node in graph.parameters:
        if node in run.error_signals:
            stepped = run.values[node] - RATE * run.error_signals[node]
            compare(f"step of {graph.label(node)}", found["stepped"][id_of[node]], stepped)
    return told, worst
