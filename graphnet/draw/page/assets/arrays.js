// Arrays: as tables of numbers, as heat maps, and in words.

const MOST_IN_TABLE = 8;

const numberOf = (text) => Number(text.replaceAll("−", "-"));

// From −1 to 1 on the scale of a role, as in the still pictures: the sign, times a power of the share of the largest size.
function strength(text, role, scale) {
  if (text === "true" || text === "false") return text === "true" ? 1 : 0;
  return strengthOf(numberOf(text), role, scale);
}

function strengthOf(number, role, scale) {
  if (!Number.isFinite(number)) return null;
  const { high, power } = scale ?? page.scales[role === "value" ? "value" : "signal"];
  return Math.sign(number) * Math.min(1, Math.abs(number) / (high || 1)) ** power;
}

// A number in a table; one that can be changed knows its node and its place.
function cell(text, role, id, place, isButton) {
  const made = el("td", { class: "cell" });
  paint(made, text, role);
  if (id === undefined) return filled(made, {}, [text]);
  if (!isButton) return tunable(filled(made, {}, [text]), id, place);
  const label = `${entryName(id, place)} = ${text}: change`;
  return filled(made, {}, [tunable(el("button", { type: "button", class: "number", tabindex: -1, "aria-label": label }, text), id, place)]);
}

function paint(element, text, role) {
  const s = strength(text, role);
  element.classList.toggle("bad", s === null);
  element.classList.toggle("below", s < 0);
  element.style.setProperty("--s", Math.abs(s ?? 0));
}

function fitsTable(array) {
  return !array.images && array.rows.length <= MOST_IN_TABLE && (array.rows[0] ?? []).length <= MOST_IN_TABLE;
}

function table(array, role, label, haveButtons = false) {
  const columns = array.rows[0]?.length ?? 0;
  const rows = array.rows.map((row, r) =>
    el("tr", {}, ...row.map((text, c) => cell(text, role, array.of, r * columns + c, haveButtons))),
  );
  const made = el("table", { class: `numbers ${role}`, "aria-label": label }, el("tbody", {}, ...rows));
  made.querySelector("button")?.setAttribute("tabindex", 0); // from there by arrow keys
  return made;
}

function heatMap(array, role, className, scale) {
  const rows = array.rows.length;
  const columns = array.rows[0].length;
  const look = `map ${role} ${className}${array.images ? " images" : ""}`;
  const canvas = el("canvas", { width: columns, height: rows, class: look, role: "img", "aria-label": inWords(array) });
  canvas.repaint = () => paintMap(canvas, array, role, scale);
  return canvas;
}

function paintMap(canvas, array, role, scale) {
  const [low, high, below, bad] = [`${role}-low`, `${role}-high`, `${role}-below-high`, "bad"].map((name) => colour(`--${name}`));
  const image = new ImageData(canvas.width, canvas.height);
  array.rows.flat().forEach((text, i) => {
    if (!text) return; // nothing, between images
    const s = strength(text, role, scale);
    const mixed = s === null ? bad : low.map((start, c) => start + ((s < 0 ? below : high)[c] - start) * Math.abs(s));
    image.data.set([...mixed, 255], 4 * i);
  });
  canvas.getContext("2d").putImageData(image, 0, 0);
}

// The channels of a colour of the style sheet, in the theme that is on. Asking the browser is slow: asked once a theme.
const channels = new Map();

function colour(name) {
  if (!channels.has(name)) {
    const probe = el("i");
    probe.style.color = `var(${name})`;
    document.body.append(probe);
    channels.set(name, getComputedStyle(probe).color.match(/[\d.]+/g).slice(0, 3).map(Number));
    probe.remove();
  }
  return channels.get(name);
}

function inWords(array) {
  const shape = array.shape.length ? array.shape.join(" × ") : "one number";
  if (!array.rows.length) return `${shape}, empty`;
  if (array.true !== undefined) return `${shape}, ${array.true} true`;
  const parts = [shape];
  if (array.range) parts.push(`norm ${array.norm}`, `${array.range[0]} to ${array.range[1]}`);
  if (array.bad) parts.push(`${array.bad} not finite`);
  return parts.join(", ");
}

const EXACTLY_0 = `${page.marks.zero} exactly 0`;

const isZero = (array) => array.range && array.range[0] === "0" && array.range[1] === "0" && !array.bad;

// An array with all that is to be said of it, for the panel and the box under the mouse.
function arrayFigure(array, role, label) {
  const figure = el("div", { class: `array ${role}` });
  if (!array.rows.length) return filled(figure, {}, [el("p", { class: "quiet" }, inWords(array))]);
  if (fitsTable(array) && !array.each) figure.append(table(array, role, label, true));
  else {
    const high = Math.max(...(array.range ?? ["1"]).map((end) => Math.abs(numberOf(end))));
    const own = role === "value" ? { power: 1, high } : undefined; // pale in the graph, clear in the panel
    const map = heatMap(array, role, "large", own);
    map.repaint();
    const shown = el("p", { class: "quiet" }, inWords(array));
    figure.append(map, shown);
    const reduced = `Reduced: each tile is the largest of up to ${array.each?.join(" × ")} numbers.`;
    if (array.each) figure.append(el("p", { class: "quiet" }, reduced));
    map.addEventListener("pointermove", (event) => (shown.textContent = entryUnder(event, map, array)));
    map.addEventListener("pointerleave", () => (shown.textContent = inWords(array)));
    if (array.of !== undefined) {
      map.addEventListener("click", (event) => tuner.choose(array.of, placeUnder(event, map, array.of)));
      figure.append(el("p", {}, el("button", { type: "button", onclick: () => tuner.choose(array.of, 0) }, "Change a number")));
    }
    return figure;
  }
  if (isZero(array) && role !== "value") figure.append(el("p", { class: "quiet" }, EXACTLY_0));
  if (array.bad) figure.append(el("p", { class: "warning" }, `${array.bad} not finite`));
  return figure;
}

function tileUnder(event, map) {
  const { left, top, width, height } = map.getBoundingClientRect();
  const at = (share, parts) => Math.min(parts - 1, Math.max(0, Math.floor(share * parts)));
  return [at((event.clientY - top) / height, map.height), at((event.clientX - left) / width, map.width)];
}

// The place of the largest entry that a tile stands for.
function placeUnder(event, map, id) {
  const [row, column] = tileUnder(event, map);
  const { images } = arraysOf(nodeOf(id)).value;
  if (images) return Math.max(0, placesOfImages(live.arrays[id].shape, images)[row][column]);
  return largestIn(live.arrays[id], row, column, map.height, map.width);
}

function entryUnder(event, map, array) {
  const [row, column] = tileUnder(event, map);
  const text = array.rows[row]?.[column];
  const what = array.each ? "tile" : "row";
  if (!array.images) return text === undefined ? inWords(array) : `${what} ${row}, column ${column}: ${text}`;
  const [high, wide] = array.images.slice(0, 2).map((size) => size + 1);
  return text ? `row ${row % high}, column ${column % wide} of an image: ${text}` : inWords(array);
}
