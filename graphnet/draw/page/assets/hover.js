// The box under the mouse, larger: its arrays, as far as they are known at this step.

function hideHover() {
  byId("hover").hidden = true;
}

function showHover({ pointerType, buttons, currentTarget: element }) {
  const { id } = element.dataset;
  const box = boxes.get(id);
  if (pointerType !== "mouse" || buttons || box.kind === "literal") return;
  const arrays = arraysOf(id);
  const shown = [
    ["value", "value", "value"],
    ["update", "new value", "value"],
    ["signal", box.derivative, box.role],
  ].filter(([what]) => arrays[what] && isKnown(id, what));
  if (box.card === "numbers" || (!shown.length && !arrays.largest)) return;
  const hover = byId("hover");
  hover.replaceChildren(el("strong", {}, box.title));
  for (const [what, caption, role] of shown)
    hover.append(el("div", { class: `caption ${role}` }, caption), arrayFigure({ ...arrays[what], of: undefined }, role, caption));
  if (arrays.largest) hover.append(largestInside(arrays.largest));
  hover.hidden = false;
  const place = element.getBoundingClientRect();
  const size = hover.getBoundingClientRect();
  const right =
    place.right + 10 + size.width < innerWidth ? place.right + 10 : Math.max(8, place.left - size.width - 10);
  hover.style.left = `${right}px`;
  hover.style.top = `${Math.max(8, Math.min(place.top, innerHeight - size.height - 8))}px`;
}

function largestInside(largest) {
  return el("p", { class: "quiet" }, `Largest error signal inside: norm ${largest.norm}, at ${largest.name}`);
}
