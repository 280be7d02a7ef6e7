// Elements. Text only ever becomes text: nothing here or elsewhere parses a string as HTML.

const SVG = "http://www.w3.org/2000/svg";
const MATHML = "http://www.w3.org/1998/Math/MathML";

const el = (tag, attributes = {}, ...children) => filled(document.createElement(tag), attributes, children);

const svg = (tag, attributes = {}, ...children) => filled(document.createElementNS(SVG, tag), attributes, children);

function mathml(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(MATHML, tag), attributes, children);
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== false && value != null) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child != null && child !== false));
  return element;
}

const byId = (id) => document.getElementById(id);

const icon = (path) => svg("svg", { viewBox: "0 0 24 24", "aria-hidden": "true" }, svg("path", { d: path }));

function iconButton(label, key, path, onclick) {
  const title = key ? `${label} (${key})` : label;
  return el("button", { type: "button", class: "icon", "aria-label": label, title, onclick }, icon(path));
}

function rangeInput(id, label, max, turn) {
  const take = (event) => turn(event.target.valueAsNumber);
  return el("input", { type: "range", id, min: 0, max, value: 0, "aria-label": label, oninput: take });
}

const narrow = matchMedia("(max-width: 520px), (max-width: 820px) and (min-height: 561px)"); // a phone
const low = matchMedia("(max-height: 560px) and (min-width: 521px)"); // a notebook's cell
const calm = matchMedia("(prefers-reduced-motion: reduce)");
