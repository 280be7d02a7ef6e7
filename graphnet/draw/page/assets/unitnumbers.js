// The numbers of the unit view of a live page: of one sample, or, of all samples, what they add up to.

// Return functions that give the number of a unit (by its column and its place) or of a weight (column, from, to);
// undefined where there is none.
function unitNumbers() {
  const { chain, slopes } = page.edit;
  const { values, signals } = live.result;
  const samples = values[chain.input].shape.length < 2 ? 1 : values[chain.input].shape[chain.columns ? 1 : 0];
  const only = page.live.single && samples > 1 ? (page.edit.sample ?? 0) : null; // where none can be run alone
  const isOne = only !== null || samples === 1;
  const layers = [{ a: chain.input }, ...chain.layers];
  const rows = layers.map(({ a, z, signal }) => ({
    a: rowsOf(values[a]),
    z: rowsOf(values[z]),
    delta: rowsOf(signals[z]),
    error: rowsOf(signals[a]),
    before: rowsOf(values[signal]),
  }));
  const target = rowsOf(values[chain.target]);

  // One row for each sample that counts.
  function rowsOf(array) {
    if (!array || array.shape.length < 2) return array && [array.data];
    const [high, wide] = array.shape;
    const rows = chain.columns
      ? Array.from({ length: wide }, (_, s) => Array.from({ length: high }, (_, i) => array.data[i * wide + s]))
      : Array.from({ length: high }, (_, s) => array.data.subarray(s * wide, (s + 1) * wide));
    return only === null ? rows : [rows[only]];
  }

  const ofOne = (name) => (c, n) => (isOne ? rows[c][name]?.[0]?.[n] : undefined);
  const sum = (deltas, term) => deltas?.reduce((total, delta, s) => total + term(delta, s), 0);
  const weightPlace = ({ weights, transposed }, i, j) =>
    transposed ? j * values[weights].shape[1] + i : i * values[weights].shape[1] + j;
  const placeIn = (id, n) => (only === null ? n : chain.columns ? n * samples + only : only * values[id].shape[1] + n);
  const places = {
    weight: (c, i, j) => [layers[c].weights, weightPlace(layers[c], i, j)],
    bias: (c, n) => [layers[c].bias, n],
    a: (c, n) => [layers[c].a, placeIn(layers[c].a, n)],
    target: (c, n) => [chain.target, placeIn(chain.target, n)],
    delta: (c, n) => [signalOf(layers[c].z), placeIn(layers[c].z, n)],
  };
  const held = (name, arrays) => (c, i, j) => {
    const [id, place] = places[name](c, i, j);
    return arrays[id]?.data[place];
  };
  return {
    z: ofOne("z"),
    a: ofOne("a"),
    delta: ofOne("delta"),
    error: ofOne("error"),
    target: (c, n) => (isOne ? target?.[0]?.[n] : undefined),
    bias: held("bias", values),
    newBias: held("bias", live.next),
    biasGradient: (c, n) => sum(rows[c].delta, (delta) => delta[n]),
    weight: held("weight", values),
    newWeight: held("weight", live.next),
    gradient: (c, i, j) => sum(rows[c].delta, (delta, s) => rows[c].before[s][i] * delta[j]),
    message: (c, i, j) => (isOne && rows[c].delta ? held("weight", values)(c, i, j) * rows[c].delta[0][j] : undefined),

    // What is said of a unit that lets hardly any error signal through.
    flat(c, n) {
      const found = live.slopes[layers[c].a];
      return isOne && found ? Object.keys(flatUnits([found[n]], slopes[layers[c].a], found))[0] : undefined;
    },

    isSum: !isOne,

    // Where a number is to be changed: its node, and its place; null where it can't be.
    place(name, ...at) {
      if (name === "target" && chain.target === null) return null;
      const place = places[name](...at);
      return place[0] !== null && (isOne || name === "weight" || name === "bias") ? place : null;
    },
  };
}

// What the labels of units (u) and weights (w) say; those that can be changed, and what they become with the update.
const LABELS = { ww: "weight", wg: "gradient", uo: "a", ub: "bias", ug: "biasGradient", ud: "delta", ue: "error", ut: "target" };
const TUNED = { weight: "newWeight", bias: "newBias", a: undefined, target: undefined, delta: undefined };

// Write the numbers into a part, by its id, as "u1-2d" (unit 2 of column 1: error signal) or "w1-0-2g" (weight from 0 to 2:
// gradient). Returns its tip, and what its number becomes with the update, where it has such.
function rewritten(element, drawn, of) {
  if (drawn.id === "e") element.querySelector("text").textContent = `${page.edit.names[drawn.nodes[0]]} = ${page.passes[0].error}`;
  if (drawn.classes.includes("foot")) sumsOver(element, of.isSum);
  const [, kind, ...found] = /^([uw])(\d+)-(\d+)(?:-(\d+))?(\w?)$/.exec(drawn.id) ?? [];
  if (!kind) return {};
  const at = found.slice(0, 3).filter(Boolean).map(Number);
  const piece = found[3];
  const [shape, head] = element.querySelectorAll("path, circle");
  const label = [...element.querySelectorAll("text:not(.note)")].at(-1);
  const text = (number) => (number === undefined ? "" : numberText(number, 3));
  const get = (name) => of[name](...at);

  function write(number, role) {
    const isAfter = label.childNodes.length > 1; // after its symbol
    const written = role === "inside" && text(number).length > 6 ? numberText(number, 2) : text(number);
    label.lastChild.textContent = isAfter && number !== undefined ? ` ${written}` : written;
    if (role === "inside") label.setAttribute("font-size", written.length > 6 ? 10.5 : 12);
    element.classList.toggle("empty", !isAfter && number === undefined && role !== "inside");
  }

  function tune(name) {
    const place = of.place(name, ...at);
    if (place) tunable(element, ...place);
    else element.classList.remove("tunable");
    element.classList.toggle("by-hand", Boolean(place) && live.setAt(place[0], live.placeOf(...place)));
  }

  const signalShare = (number) => Math.abs(strengthOf(number ?? 0, "signal") ?? 1);
  const colour = (role, number, share) => shade(`${role}${number < 0 ? "-below" : ""} ${Math.round(100 * Math.abs(share))}`);

  // Half of a unit, or an input.
  function half(name) {
    const number = get(name);
    const share = strengthOf(number ?? 0, "value");
    const isKnown = number !== undefined && share !== null;
    shape.setAttribute("fill", isKnown ? colour("value", number, share) : shade(share === null ? "bad" : "paper"));
    if (drawn.labelled && (name === "z" || !at[0])) write(number, "inside");
    if (!at[0]) tune("a");
    return { tip: unitTip(of, at) };
  }

  function arrow(symbol, number) {
    shape.setAttribute("stroke-width", (0.8 + 2.2 * signalShare(number)).toFixed(2));
    for (const one of [shape, head]) one.setAttribute("stroke", colour("error-signal-line", number, 1));
    head.setAttribute("fill", colour("error-signal-line", number, 1));
    return { tip: `${symbol} = ${text(number)}` };
  }

  // Beside its symbol, or alone: a number that can be changed, where it is one, and what it becomes.
  function labelled(name) {
    write(get(name));
    if (name in TUNED) tune(name);
    if (name === "weight") label.setAttribute("fill", shade(weightColour(get(name), 1)));
    if (name === "delta") {
      if (label.firstChild.nodeType !== 3) label.prepend("");
      label.firstChild.textContent = get(name) === 0 ? `${page.marks.zero} ` : "";
      const below = Number(label.getAttribute("y")) + 13;
      note(element, label.getAttribute("x"), below, "middle", get("flat") ? `${page.marks.saturated} ${get("flat")}` : "");
    }
    return { updated: TUNED[name] && text(get(TUNED[name])) };
  }

  const others = {
    w() {
      const share = Math.abs(strengthOf(get("weight"), "value", page.scales.weight) ?? 1);
      shape.setAttribute("stroke", shade(weightColour(get("weight"), share)));
      shape.setAttribute("stroke-dasharray", get("weight") < 0 ? "6 4" : "none");
      shape.setAttribute("stroke-width", (0.5 + drawn.heaviest * share).toFixed(2));
      return { tip: `w = ${text(get("weight"))}, ∂E/∂w = ${text(get("gradient"))}` };
    },
    u() {
      const delta = get("delta");
      if (!at[0] || !drawn.classes.includes("backward")) return {};
      const width = 1.2 + (drawn.labelled ? 5 : 3.5) * signalShare(delta);
      shape.setAttribute("stroke", colour("error-signal-line", delta, signalShare(delta)));
      shape.setAttribute("stroke-width", width.toFixed(2));
      shape.setAttribute("r", drawn.radius + width / 2);
      if (drawn.labelled) return {};
      const [x, y] = ["cx", "cy"].map((name) => Number(shape.getAttribute(name)));
      const marks = `${get("flat") ? page.marks.saturated : ""}${delta === 0 ? page.marks.zero : ""}`;
      return note(element, x + drawn.radius + 5, y + 3.5, "start", marks);
    },
    ua: () => half("a"),
    uz: () => half("z"),
    wm: () => arrow("δ w", get("message")),
    um: () => arrow("∂E/∂a", get("error")),
    uk() {
      label.textContent = ""; // the notes say it
      element.classList.add("empty");
      return {};
    },
  };
  const name = LABELS[kind + piece];
  return name ? labelled(name) : (others[kind + piece]?.() ?? {});
}

// The marks of a unit, with words where there is room.
function note(element, x, y, anchor, words) {
  if (!element.querySelector(".note"))
    element.append(svg("text", { class: "note", x, y, "text-anchor": anchor, "font-size": 12, fill: shade("error-signal-ink") }));
  element.querySelector(".note").textContent = words;
  return {};
}

function weightColour(weight, share) {
  if (!Number.isFinite(weight)) return "error-signal-ink";
  return `${weight < 0 ? "negative" : "positive"} ${Math.round(100 * share)}`;
}

function unitTip(of, at) {
  const numbers = at[0] ? { z: of.z(...at), a: of.a(...at), δ: of.delta(...at) } : { a: of.a(...at) };
  const known = Object.entries(numbers).filter(([, number]) => number !== undefined);
  const words = [...known.map(([name, number]) => `${name} = ${numberText(number, 3)}`), at[0] && of.flat(...at)].filter(Boolean);
  return words.length ? `unit ${at[1]}: ${words.join(", ")}` : "";
}

// Gradients of all samples are sums over them.
function sumsOver(element, isSum) {
  for (const text of element.querySelectorAll("text")) {
    const equals = [...text.childNodes].find((node) => node.textContent.includes("="));
    if (/^∂E\/∂[wb]/.test(text.textContent)) equals.textContent = isSum ? " = Σₙ " : " = ";
  }
}
