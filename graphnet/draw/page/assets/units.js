// The unit view: circles and weights of the same pass. Its parts know the boxes of the op view that they belong to.

const [LETTER, LEAST_LETTER] = [12, 11.2]; // pixels of the picture, and of the screen
const ROOM_TO_GROW = 30; // of the error's box

const SVG_TAGS = new Set(["path", "circle", "rect", "text", "tspan"]);

function svgTree([tag, attributes, ...children]) {
  if (!SVG_TAGS.has(tag)) throw new Error(`${tag} is no element of the unit view`);
  const element = svg(tag, attributes, ...children.map((child) => (typeof child === "string" ? child : svgTree(child))));
  for (const what of ["fill", "stroke"]) if (attributes[what]) element.setAttribute(what, shade(attributes[what]));
  return element;
}

// A colour of the style sheet by its name, in the theme that is on; with a percentage, one between its two ends.
function shade(name) {
  const [colour, part] = name.split(" ");
  if (name === "none") return name;
  return part ? `color-mix(in srgb, var(--${colour}-low), var(--${colour}-high) ${part}%)` : `var(--${colour})`;
}

function makeUnitView() {
  const { width, height, font } = page.units[0];
  const drawing = svg("svg", { role: "img", "aria-label": "The same network as units and weights", "font-family": font });
  const world = el("div", { class: "world" }, drawing);
  const viewport = el("div", { class: "viewport" }, world);
  byId("units").append(viewport);
  let parts = [];

  function fill() {
    const drawn = page.units[state.pass].parts;
    if (live) measure(drawn);
    parts = drawn.map(makePart);
    drawing.replaceChildren(...parts.map((part) => part.element));
    if (live) rewrite();
  }

  // The size of what is drawn: title and legend of the still picture are the page's own.
  function crop() {
    drawing.setAttribute("width", width);
    drawing.setAttribute("height", height);
    byId("units").hidden = false;
    const { x, y, width: w, height: h } = drawing.getBBox();
    byId("units").hidden = true;
    drawing.setAttribute("viewBox", `${x} ${y} ${w} ${h}`);
    drawing.setAttribute("width", w);
    drawing.setAttribute("height", h);
    return { width: w, height: h, x, y };
  }

  // Numbers, colours and widths of a live page.
  function rewrite() {
    const numbers = unitNumbers();
    parts.forEach((part) => part.rewrite(numbers));
  }

  fill();
  const size = crop();
  const camera = makeCamera(viewport, world, size, { enough: () => (narrow.matches ? READABLE : 0), buttons: low.matches ? ROOM_TO_GROW : 0, zoomed });

  // In a notebook's cell, letters keep their size on the screen; for that the numbers that matter less make room.
  function zoomed(k) {
    const grow = low.matches ? Math.max(1, LEAST_LETTER / LETTER / k).toFixed(2) : "1.00";
    if (world.style.getPropertyValue("--grow") === grow) return;
    world.style.setProperty("--grow", grow);
    world.classList.toggle("small", grow > 1.15);
  }

  function show(before) {
    if (before.pass !== state.pass || before.scene !== state.scene) fill();
    if (live && hasNewNumbers(before)) rewrite();
    if (byId("units").hidden) return;
    const step = currentStep();
    const sources = new Set(step?.edges.map((number) => scene.edges[number].source));
    parts.forEach((part) => part.show(step, sources));
    const lit = parts.filter((part) => part.element.classList.contains("lit")).map((part) => part.element.getBBox());
    if (!lit.length || !isTurned(before)) return;
    const left = Math.min(...lit.map((box) => box.x));
    const top = Math.min(...lit.map((box) => box.y));
    const right = Math.max(...lit.map((box) => box.x + box.width));
    const bottom = Math.max(...lit.map((box) => box.y + box.height));
    camera.follow([left - size.x, top - size.y, right - left, bottom - top]);
  }

  return { show, camera, letter: parseFloat(drawing.querySelector(".head text").getAttribute("font-size")) };
}

// What is needed to write other numbers into parts: whether they have numbers, the largest width of lines, radii.
function measure(drawn) {
  const [labels, lines] = [/^w\S+w$/, /^(w\d+)-\d+-\d+$/].map((form) => drawn.filter(({ id }) => form.test(id)));
  for (const part of drawn) {
    part.labelled = labels.length > 0;
    const beside = lines.filter(({ id }) => id.startsWith(`${part.id.split("-")[0]}-`)).length;
    part.heaviest = part.labelled ? 4 : Math.max(0.9, Math.min(2.4, 140 / beside));
    const [tag, { r, "stroke-width": width }] = part.shapes[0] ?? ["", {}];
    if (tag === "circle") part.radius ??= r - width / 2;
  }
}

function makePart(drawn) {
  const { classes, nodes, shapes } = drawn;
  let { tip, updated } = drawn;
  const kinds = new Set(classes);
  const back = kinds.has("backward") || kinds.has("gradient");
  const title = tip ? svg("title") : null;
  const element = svg("g", { class: ["part", ...classes].join(" "), "data-part": drawn.id || null }, title, ...shapes.map(svgTree));
  const owners = [...new Set(nodes.map(boxOf).filter(Boolean))];
  const number = updated && element.querySelector("text").lastChild;
  let old = number?.textContent;
  if (owners.length) element.addEventListener("click", () => select(owners.at(-1)));

  function show(step, sources) {
    const what = back ? "signal" : "value";
    const known = !scene.steps.length || owners.every((id) => isKnown(id, what));
    const isUpdated = Boolean(number) && owners.every((id) => isKnown(id, "update"));
    const shows = { value: !back, signal: back, update: isUpdated };
    const isNow = step && shows[step.shows] && step.boxes.length === 1;
    const lit = isNow && step.boxes.some((id) => owners.includes(id)) && (back || kinds.has("forward") || isUpdated);
    if (number) number.textContent = isUpdated ? ` ${updated}` : old;
    element.classList.toggle("updated", isUpdated);
    element.classList.toggle("unknown", !known);
    element.classList.toggle("lit", Boolean(lit));
    element.classList.toggle("selected", owners.includes(state.selected));
    const flowsOn = isNow && step.shows === "value" && kinds.has("weight") && owners.some((id) => sources.has(id));
    element.classList.toggle("flows", Boolean(lit ? kinds.has("message") : flowsOn));
    const said = owners.every((id) => isKnown(id, "signal")) || scene.phases.length < 2 ? tip : "";
    if (title && title.textContent !== said) title.textContent = said;
  }

  function rewrite(numbers) {
    const now = rewritten(element, drawn, numbers);
    if (!now) return;
    tip = now.tip ?? tip;
    [old, updated] = [number?.textContent, now.updated ?? updated];
  }

  return { element, show, rewrite };
}
