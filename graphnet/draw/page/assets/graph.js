// The graph of ops: a card for each box, over the curves that join them.

function makeGraphView() {
  const layout = layoutNow();
  const world = el("div", { class: "world" });
  const viewport = el("div", { class: "viewport" }, world);
  const curves = scene.edges.map((edge, number) => makeCurve(edge, number, layout.paths[number]));
  const cards = new Map(scene.boxes.map((box) => [box.id, makeCard(box, layout.places[box.id])]));
  world.style.width = `${layout.width}px`;
  world.style.height = `${layout.height}px`;
  world.append(
    ...layout.groups.map(makeGroup),
    svg(
      "svg",
      { class: "curves", width: layout.width, height: layout.height, "aria-hidden": "true" },
      arrowheads(),
      ...curves.map((curve) => curve.element),
    ),
    ...[...cards.values()].map((card) => card.element),
  );
  byId("ops").prepend(viewport);
  curves.forEach((curve) => curve.placeText());
  const camera = makeCamera(viewport, world, layout, { enough: () => (byId("units").hidden ? LEGIBLE : OVERVIEW) });

  function show(before) {
    if (hasNewNumbers(before)) {
      cards.forEach((card) => card.fill());
      curves.forEach((curve) => curve.widen());
    }
    const lit = new Set(currentStep()?.boxes);
    cards.forEach((card) => card.show(lit));
    curves.forEach((curve) => curve.show());
    const target = state.selected ?? (lit.size === 1 ? [...lit][0] : null);
    if (target && (isTurned(before) || before.selected !== state.selected)) camera.follow(layout.places[target]);
  }

  cards.forEach((card) => card.fill());
  return { show, camera, layout, remove: () => viewport.remove() };
}

function placed(element, [x, y, width, height]) {
  Object.assign(element.style, { left: `${x}px`, top: `${y}px`, width: `${width}px`, height: `${height}px` });
  return element;
}

const makeGroup = (group) => placed(el("div", { class: "group" }, el("span", {}, group.title)), group.place);

function makeCard(box, place) {
  const fields = el("div", { class: "fields" });
  const element = placed(
    el(
      "div",
      {
        class: `card ${box.kind}${box.output ? " output" : ""}${box.mark ? ` ${box.mark.kind}` : ""}`,
        "data-id": box.id,
        role: "button",
        tabindex: -1,
        "aria-label": [box.title, ...box.lines].join(", "),
        onclick: () => select(box.id),
        ondblclick: () => openScene(box.id),
        onkeydown: (event) => event.key === "Enter" && select(box.id),
        onpointerenter: showHover,
        onpointerleave: hideHover,
      },
      el("div", { class: "title" }, box.title),
      ...box.lines.map((line) => el("div", { class: "line" }, line)),
      box.mark && el("div", { class: "line mark" }, (box.mark.kind === "fault" ? "✗ " : "") + box.mark.text),
      fields,
    ),
    place,
  );

  // Show the numbers of the pass. They are all there from the beginning; the style hides what is not known yet.
  function fill() {
    const arrays = arraysOf(box.id);
    fields.replaceChildren();
    const { norm } = arrays.largest ?? {};
    const largest = { shape: [], rows: [[`largest signal ${norm}`]], norm };
    if (norm) fields.append(cardField(box, largest, "error-signal", "", "signal"));
    if (box.card === "words") return;
    if (arrays.value) fields.append(cardField(box, arrays.value, "value", "value", "value"));
    if (arrays.update) fields.append(cardField(box, arrays.update, "value", "new value", "update"));
    if (arrays.signal) fields.append(cardField(box, arrays.signal, box.role, box.derivative, "signal"));
    for (const words of Object.values(arrays.flat ?? {})) fields.append(cardMark("saturated", words, "signal"));
    element.classList.toggle("by-hand", Boolean(arrays.byHand || arrays.signalByHand));
    const byHand = (what) => fields.append(el("div", { class: `field tight value shows-${what}` }, el("div", { class: "caption" }, BY_HAND)));
    if (arrays.byHand) byHand("value");
    if (arrays.signalByHand) byHand("signal");
    if (arrays.unreached) fields.append(cardMark("unreachable", "no error signal", "none"));
  }

  function show(lit) {
    for (const what of Object.keys(knownAt)) element.classList.toggle(`knows-${what}`, isKnown(box.id, what));
    element.classList.toggle("lit", lit.has(box.id));
    element.classList.toggle("selected", state.selected === box.id);
    element.tabIndex = box.id === (state.selected ?? scene.boxes[0].id) ? 0 : -1;
  }

  return { element, fill, show };
}

function cardField(box, array, role, caption, what) {
  const isTight = box.card === "sizes" || box.kind === "folded";
  const field = el("div", { class: `field ${role} shows-${what}${isTight ? " tight" : ""}` });
  if (isTight) {
    const isNorm = array.shape.length || !array.rows.length;
    const text = isNorm ? `${what === "signal" ? "‖δ‖" : "‖·‖"} ${array.norm ?? "–"}` : array.rows[0][0];
    const size = el("div", { class: "cell size" }, text);
    paint(size, array.norm ?? "0", role);
    return filled(field, {}, [size]);
  }
  field.append(el("div", { class: "caption" }, isZero(array) && what === "signal" ? EXACTLY_0 : caption));
  if (box.card === "numbers") field.append(table(array, role, caption));
  else if (array.rows.length) {
    const map = heatMap(array, role, "small");
    map.repaint();
    field.append(map);
  }
  return field;
}

// What is said in words below the arrays, with its mark.
function cardMark(mark, words, what) {
  const caption = el("div", { class: "caption" }, `${page.marks[mark]} ${words}`);
  return el("div", { class: `field tight error-signal shows-${what}` }, caption);
}

function makeCurve(edge, number, d) {
  const path = (name, more = {}) => svg("path", { d, class: name, ...more });
  const forward = path("forward", { "marker-end": "url(#head-idle)" });
  const back = path("back", {
    "marker-start": "url(#head-back)",
    transform: scene.direction === "right" ? "translate(0 6)" : "translate(6 0)",
  });
  const flow = path("flow", { pathLength: 100 });
  const sink = boxes.get(edge.source);
  const kind = sink.role ?? "error-signal";
  const element = svg("g", { class: `curve ${kind}` }, forward, back, flow);
  if (kind === "gradient") back.setAttribute("marker-start", "url(#head-gradient)");
  const text = edge.text ? svg("text", { class: "count" }, edge.text) : null;
  if (text) element.append(text);

  function placeText() {
    if (!text) return;
    const middle = forward.getPointAtLength(forward.getTotalLength() / 2);
    text.setAttribute("x", middle.x);
    text.setAttribute("y", middle.y - 5);
  }

  function show() {
    const flowed = state.step >= (flowsAt.value.get(number) ?? Infinity);
    const returned = state.step >= (flowsAt.signal.get(number) ?? Infinity);
    const step = currentStep();
    const now = Boolean(step?.edges.includes(number));
    element.classList.toggle("flowed", flowed);
    element.classList.toggle("returned", returned);
    element.classList.toggle("flows-on", now && step.shows === "value");
    element.classList.toggle("flows-back", now && step.shows === "signal");
  }

  function widen() {
    if (flowsAt.signal.has(number)) back.style.strokeWidth = `${1.2 + 2.8 * messageStrength(edge)}px`;
  }

  widen();
  return { element, show, widen, placeText };
}

// How large the message along an edge is, from 0 to 1.
function messageStrength(edge) {
  const { messages = [], signal } = arraysOf(edge.source);
  const message = messages.find(
    (one) => boxOf(one.from) === edge.target && (one.slot === edge.slot || edge.slot === null),
  );
  const norm = (message?.array ?? signal)?.norm;
  return norm === undefined ? 0.5 : (strength(norm, "signal") ?? 1);
}

function arrowheads() {
  const size = { viewBox: "0 0 10 10", refX: 9, refY: 5, markerWidth: 8, markerHeight: 8, markerUnits: "userSpaceOnUse" };
  const head = (name) => {
    const marker = { id: `head-${name}`, class: `head ${name}`, orient: "auto-start-reverse", ...size };
    return svg("marker", marker, svg("path", { d: "M0 1L10 5L0 9z" }));
  };
  return svg("defs", {}, ...["idle", "forward", "back", "gradient"].map(head));
}
