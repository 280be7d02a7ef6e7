// The tuner: one number of the network, to be typed, slid or dragged. Numbers that it takes are `tunable`, wherever they stand.

const DRAGGED = 3; // pixels from which on a press is no click
const STEPS = 200; // from 0 to the end of the slider

// Make an element of any view stand for an entry of a node, at its place among those on show.
function tunable(element, id, place) {
  element.classList.add("tunable");
  Object.assign(element.dataset, { node: id, place });
  return element;
}

function numberButton(within, { node, place }) {
  return within.querySelector(`.number[data-node="${node}"][data-place="${place}"]`);
}

// How an entry is written: W1[0, 1].
function entryName(id, place) {
  const { shape } = live.arrays[id];
  return live.nameOf(id) + (shape.length ? `[${placesOf(shape, place).join(", ")}]` : "");
}

const placesOf = (shape, place) => stridesOf(shape).map((stride, axis) => Math.floor(place / stride) % shape[axis]);

function makeTuner() {
  let at = null; // {id, place (over all samples), reach}
  const element = byId("tuner");
  const name = el("strong");
  const axes = el("span", { class: "axes" });
  const number = el("input", { id: "number", inputmode: "decimal", autocomplete: "off", spellcheck: "false", size: 9 });
  const slider = el("input", { id: "turn", type: "range", step: "any" });
  const said = el("span", { class: "quiet" });
  const back = iconButton("Put this number back", "", "M4 9h10a6 6 0 0 1 0 12H9M8 5L4 9l4 4", putBack);
  element.append(
    el("div", { class: "line" }, name, axes, number, back, iconButton("Close", "Esc", "M6 6l12 12M18 6L6 18", close)),
    slider,
    said,
  );

  const shown = () => live.shownPlace(at.id, at.place);
  const now = () => live.arrays[at.id].data[shown()];
  const isAt = (id, place) => at !== null && at.id === id && shown() === place;

  // Take up an entry, at its place among those on show.
  function choose(id, place, { focus = true } = {}) {
    at = { id, place: live.placeOf(id, place) };
    at.reach = reachOf(now());
    live.endGesture();
    change({});
    if (!focus) return;
    number.focus({ preventScroll: true });
    number.select();
  }

  // How far the slider goes: 1, 2 or 5 times a power of ten, and at least twice as far as the number is from 0.
  function reachOf(value) {
    const size = Math.max(1, 2 * Math.abs(Number.isFinite(value) ? value : 0));
    const ten = 10 ** Math.floor(Math.log10(size));
    return ten * [1, 2, 5, 10].find((times) => times * ten >= size * (1 - 1e-9));
  }

  function set(value, by) {
    live.set(at.id, at.place, value, by);
    showWhatFollows();
    if (live.problem) said.textContent = live.problem;
  }

  function turn(steps, by, from = now()) {
    const step = at.reach / STEPS;
    set(tidy((Math.round(from / (step / 10)) * step) / 10 + steps * step, step / 10), by);
  }

  // The multiple of a step that is nearest, without the noise of floating point.
  function tidy(value, step) {
    return Number((Math.round(value / step) * step).toFixed(Math.max(0, 1 - Math.floor(Math.log10(step)))));
  }

  function putBack() {
    live.set(at.id, at.place, live.isLeaf(at.id) ? live.initial(at.id, at.place) : null);
  }

  function close() {
    if (!at) return;
    const closed = { node: at.id, place: shown() };
    at = null;
    change({});
    (numberButton(byId("panel"), closed) ?? byId("panel")).focus({ preventScroll: true });
  }

  function show(before) {
    if (at && shown() === null) at = null; // of a sample that is no more on show
    const isHidden = ({ id }) => boxes.has(nodeOf(id)) && !isKnown(nodeOf(id), isSignal(id) ? "signal" : "value") && !live.isLeaf(id);
    element.hidden = !at || isHidden(at);
    document.querySelectorAll(".tunable").forEach((one) => one.classList.toggle("chosen", isAt(one.dataset.node, Number(one.dataset.place))));
    if (!at) return;
    const { id } = at;
    const { shape } = live.arrays[id];
    const value = now();
    const isSmall = shape.length < 3 && shape.every((size) => size <= MOST_IN_TABLE);
    name.textContent = isSmall ? entryName(id, shown()) : live.nameOf(id);
    if (axes.dataset.of !== `${id} ${isSmall ? "" : shape}`) fillAxes(isSmall ? [] : shape, `${id} ${isSmall ? "" : shape}`);
    [...axes.children].forEach((one, axis) => one !== document.activeElement && (one.value = placesOf(shape, shown())[axis]));
    const label = entryName(id, shown());
    number.setAttribute("aria-label", label);
    slider.setAttribute("aria-label", `${label}, slider`);
    if (Math.abs(value) > at.reach) at.reach = reachOf(value);
    Object.assign(slider, { min: -at.reach, max: at.reach });
    if (slider.valueAsNumber !== value) slider.value = value;
    if (document.activeElement !== number || !isSame(numberIn(number.value), value)) number.value = String(value).replace("-", "−");
    const first = live.initial(id, at.place);
    const isSet = live.setAt(id, at.place);
    back.hidden = live.isLeaf(id) ? Object.is(first, value) : !isSet;
    if (hasNewNumbers(before) || before.selected !== state.selected || !said.textContent || said.dataset.at !== label)
      said.textContent = live.isLeaf(id) ? (back.hidden ? "" : `was ${numberText(first)}`) : isSet ? "set by hand" : "computed; change it to set it by hand";
    said.dataset.at = label;
  }

  function fillAxes(shape, of) {
    axes.dataset.of = of;
    const field = (size, axis) =>
      el("input", { type: "number", min: 0, max: size - 1, "aria-label": shape.length === 2 ? ["row", "column"][axis] : `axis ${axis}`, oninput: move });
    axes.replaceChildren(...shape.map(field));
  }

  function move() {
    const { shape } = live.arrays[at.id];
    const places = [...axes.children].map((one, axis) => Math.max(0, Math.min(shape[axis] - 1, Math.round(one.valueAsNumber || 0))));
    choose(at.id, stridesOf(shape).reduce((sum, stride, axis) => sum + stride * places[axis], 0), { focus: false });
  }

  // Typing -------------------------------------------------------------------------------------------------------------

  const isSame = (typed, value) => live.arrays[at.id].data.constructor.of(typed)[0] === value;

  function numberIn(text) {
    const plain = text.trim().replaceAll("−", "-").replace(",", ".");
    return plain === "" ? NaN : Number(plain);
  }

  number.addEventListener("input", () => {
    const value = numberIn(number.value);
    number.setAttribute("aria-invalid", String(!Number.isFinite(value)));
    if (Number.isFinite(value)) set(value, "typing");
  });
  number.addEventListener("keydown", (event) => {
    const steps = { ArrowUp: 1, ArrowDown: -1, PageUp: 10, PageDown: -10 }[event.key];
    if (steps) turn(steps, "typing");
    else if (event.key === "Enter") live.endGesture();
    else if (event.key !== "Escape") return;
    event.preventDefault();
    number.setAttribute("aria-invalid", "false");
    if (event.key === "Escape" || event.key === "Enter") close();
  });
  number.addEventListener("blur", () => {
    number.setAttribute("aria-invalid", "false");
    if (at) number.value = String(now()).replace("-", "−");
    live.endGesture();
  });
  slider.addEventListener("input", () => set(tidy(slider.valueAsNumber, at.reach / STEPS), "sliding"));
  slider.addEventListener("change", live.endGesture);

  // Dragging: to the right is more; with Shift ten times finer ----------------------------------------------------------

  let drag = null;
  document.addEventListener("pointerdown", (event) => {
    const target = event.target.closest?.(".tunable");
    if (!target || event.button || drag) return;
    drag = { id: target.dataset.node, place: Number(target.dataset.place), x: event.clientX, pointer: event.pointerId, moved: false };
  });
  document.addEventListener("pointermove", (event) => {
    if (!drag || event.pointerId !== drag.pointer) return;
    const way = event.clientX - drag.x;
    if (!drag.moved && Math.abs(way) <= DRAGGED) return;
    if (!drag.moved) {
      choose(drag.id, drag.place, { focus: false });
      Object.assign(drag, { moved: true, from: now() });
      document.body.classList.add("dragging");
      getSelection().removeAllRanges();
    }
    turn(event.shiftKey ? way / 10 : way, "dragging", drag.from);
  });
  for (const end of ["pointerup", "pointercancel"])
    document.addEventListener(end, (event) => {
      if (!drag || event.pointerId !== drag.pointer) return;
      if (!drag.moved && end === "pointerup") clicked = drag;
      else document.addEventListener("click", stop, { capture: true, once: true });
      setTimeout(() => document.removeEventListener("click", stop, { capture: true }));
      drag = null;
      live.endGesture();
      document.body.classList.remove("dragging");
    });
  let clicked = null;
  const stop = (event) => event.stopPropagation();
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("button.number");
    const found = clicked ?? (button && { id: button.dataset.node, place: Number(button.dataset.place) });
    clicked = null;
    if (found) choose(found.id, found.place, { focus: Boolean(button) || live.isLeaf(found.id) }); // else the arrow keys still step
  });

  // Arrow keys walk through a table of numbers; a digit begins to type.
  document.addEventListener(
    "keydown",
    (event) => {
      const button = event.target.closest?.("button.number");
      if (!button || event.ctrlKey || event.metaKey || event.altKey) return;
      const [x, y] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key] ?? [0, 0];
      const cell = button.parentElement;
      const next = cell.closest("table").rows[cell.parentElement.rowIndex + y]?.cells[cell.cellIndex + x]?.firstChild;
      if (x || y) next?.focus();
      else if (/^[-−\d.]$/.test(event.key)) {
        choose(button.dataset.node, Number(button.dataset.place));
        number.value = event.key;
        number.dispatchEvent(new Event("input"));
      } else return;
      event.preventDefault();
      event.stopPropagation();
    },
    { capture: true },
  );

  return { show, choose, close };
}
