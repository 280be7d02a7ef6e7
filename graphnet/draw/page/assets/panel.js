// The panel: one node with its op, formula, inputs, value, messages and error signal, as far as the step has come.

function makePanel() {
  const panel = byId("panel");

  function show() {
    const id = state.selected;
    const scroll = panel.scrollTop;
    const focused = panel.contains(document.activeElement) ? document.activeElement : null;
    panel.replaceChildren(...(id ? nodeDetails(boxes.get(id)) : overview()));
    panel.scrollTop = panel.dataset.id === (id ?? "") ? scroll : 0;
    panel.dataset.id = id ?? "";
    if (!focused) return;
    const same = focused.matches(".number") && numberButton(panel, focused.dataset); // what had it is gone
    (same || panel).focus({ preventScroll: true });
  }

  return { show };
}

function overview() {
  const list = el("ul", { class: "nodes" });
  for (const box of scene.boxes) {
    if (box.kind !== "literal")
      list.append(el("li", {}, nodeButton(box.id), el("span", { class: "quiet" }, ` ${box.lines[0] ?? ""}`)));
  }
  return [
    el("h2", {}, title()),
    el("p", { class: "quiet" }, scene.steps.length ? "Step on, or choose a node." : "Choose a node to see its rule."),
    section("Nodes", list),
  ];
}

function nodeButton(id) {
  return el("button", { type: "button", class: "node", onclick: () => select(id) }, boxes.get(id).title);
}

const section = (title, ...children) => el("section", {}, el("h3", {}, title), ...children);

function openButton(box) {
  if (!page.scenes[box.id]) return el("p", { class: "quiet" }, "Too many to be opened on this page.");
  return el("p", {}, el("button", { type: "button", onclick: () => openScene(box.id) }, `Open ${box.title}`));
}

function nodeDetails(box) {
  const heading = el("h2", {}, box.title, " ", el("span", { class: "tag" }, box.op ?? box.kind));
  const facts = [...box.lines, box.output ? "output" : null, box.scope ? `in ${box.scope}` : null].filter(Boolean);
  const parts = [heading, el("p", { class: "quiet" }, facts.join(" · "))];
  if (box.mark) parts.push(el("p", { class: `mark ${box.mark.kind}` }, box.mark.text));
  const arrays = arraysOf(box.id);
  if (box.members) {
    parts.push(el("p", {}, `Stands for ${box.members} nodes.`), openButton(box));
    if (arrays.largest) parts.push(largestInside(arrays.largest));
  } else if (arrays.value) parts.push(forwardSection(box, arrays), ...backSections(box, arrays));
  else if (page.formulas[box.id]) parts.push(...rulesWithoutNumbers(box));
  parts.push(usesSection(box));
  if (page.passes.length > 1 && arrays.value) parts.push(trainingSection(box));
  return parts.filter(Boolean);
}

// What is known at this step, or else when it will be.
function knownOr(box, what, ...children) {
  if (isKnown(box.id, what)) return children;
  const step = knownAt[what].get(box.id);
  if (step === undefined) return children; // no step of its own, as for a number written in the code
  const there = el("button", { type: "button", onclick: () => goTo(step) }, `Go to step ${step + 1}`);
  return [el("p", { class: "later" }, "Not computed yet. ", there)];
}

function scrolling(label, ...children) {
  return el("div", { class: "formula", role: "group", tabindex: 0, "aria-label": label }, ...children);
}

const BY_HAND = "✎ set by hand";

function forwardSection(box, arrays) {
  const value = arrayFigure(arrays.value, "value", `value of ${box.title}`);
  if (arrays.byHand) return section("Value", ...knownOr(box, "value", setByHand(box.id), value));
  if (!box.inputs.length) return section("Value", ...knownOr(box, "value", value));
  const inputs = el("dl", { class: "inputs" });
  for (const [slot, id] of box.inputs.entries()) {
    const known = valueOf(id) && (isKnown(id, "value") || boxes.get(id).kind === "literal");
    const instead = boxes.get(id).members ? "inside a folded box" : "not computed yet";
    inputs.append(
      el("dt", {}, nodeButton(id)),
      el("dd", {}, known ? arrayFigure(valueOf(id), "value", `input ${slot}: ${boxes.get(id).title}`) : instead),
    );
  }
  const rule = page.formulas[box.id]?.forward;
  const symbols = rule && scrolling("forward rule", ...forwardRule(box));
  return section(
    "Forward",
    symbols,
    el("h4", {}, "Inputs"),
    inputs,
    el("h4", {}, "Value"),
    ...knownOr(box, "value", hasNumbers(rule) && scrolling("forward rule with numbers", ...forwardNumbers(box)), value),
  );
}

// What is set by hand depends on nothing before it: no formula gives it.
function setByHand(id) {
  const again = live && el("button", { type: "button", onclick: () => live.release(id) }, "Compute it again");
  const meaning = isSignal(id) ? "what arrives does not count." : "no error signal goes back past it.";
  return el("div", { class: "mark" }, ...[`${BY_HAND}: ${meaning} `, again].filter(Boolean));
}

// Of a graph that was not run: what the node computes, and what it would send back to each input.
function rulesWithoutNumbers(box) {
  const { forward, backward, signal } = page.formulas[box.id];
  const sent = backward.map((rule, slot) => {
    if (!rule) return null;
    const to = el("div", {}, "to ", nodeButton(box.inputs[slot]));
    return el("li", { class: "error-signal" }, to, scrolling("backward rule", formula(mathTree(rule.symbols))));
  });
  return [
    forward && section("Forward", scrolling("forward rule", ...forwardRule(box))),
    signal &&
      sent.some(Boolean) &&
      section(
        "Sends back",
        el("p", { class: "quiet" }, "when its own error signal is ", formula(mathTree(signal))),
        el("ol", { class: "messages" }, ...sent),
      ),
  ];
}

function backSections(box, arrays) {
  const marks = Object.entries(arrays.flat ?? {}).map(([what, words]) =>
    el("p", { class: "mark" }, `${page.marks.saturated} ${words}: ${page.why[what]}`),
  );
  if (arrays.unreached) {
    const none = `${page.marks.unreachable} None reaches it: no output depends on it smoothly.`;
    return [section("Error signal", ...knownOr(box, "none", el("p", { class: "mark" }, none)))];
  }
  if (!arrays.signal) return [];
  const title = box.role === "gradient" ? "Gradient" : "Error signal";
  const signal = arrays.signalByHand
    ? [setByHand(signalOf(box.id)), arrayFigure(arrays.signal, box.role, box.derivative)]
    : received(box, arrays);
  const parts = [section(title, ...knownOr(box, "signal", ...signal, ...marks))];
  if (arrays.update) parts.push(updateSection(box, arrays));
  return parts;
}

// What arrived at a node: one message, or several that add up.
function received(box, { messages, signal }) {
  const items = messages.map((message) => messageItem(box, message, message.array ?? signal, messages.length === 1));
  const list = el("ol", { class: "messages" }, ...items);
  if (messages.length === 1) return [list];
  return [
    el("p", {}, `${messages.length} messages add up to it.`),
    scrolling("error signal with numbers", ...sumOfMessages(box)),
    list,
    el("h4", {}, "Together"),
    arrayFigure(signal, box.role, box.derivative),
  ];
}

function messageItem(box, message, array, alone) {
  const { role } = box;
  const left = alone ? [derivative(box), mo("=")] : [];
  if (message.from === null) {
    const start = scrolling("start", ...equation([...left, matrix(array, role)]));
    return el("li", { class: role }, el("div", {}, "The way back starts here."), start);
  }
  const sender = boxes.get(boxOf(message.from));
  const rule = messageRule(message);
  const of = sender?.inputs?.length > 1 ? `, for its input ${message.slot + 1}` : "";
  return el(
    "li",
    { class: role },
    el("div", {}, "from ", sender ? nodeButton(sender.id) : message.name, of),
    rule && scrolling("backward rule", formula(...left, mathTree(rule.symbols))),
    hasNumbers(rule)
      ? scrolling("backward rule with numbers", ...equation([mo("="), mathTree(rule.numbers)], [matrix(array, role)]))
      : alone && scrolling("error signal with numbers", ...equation([derivative(box)], [matrix(array, role)])),
    arrayFigure(array, role, `message from ${message.name}`),
  );
}

function updateSection(box, { update }) {
  const w = () => symbol(box.title);
  const now = arrayFigure(update, "value", `new value of ${box.title}`);
  return section(
    "Update",
    scrolling("update rule", formula(w(), mo("←"), w(), mo("−"), mi("η"), derivative(box), mtext(`, η = ${page.rate}`))),
    ...knownOr(box, "update", scrolling("update with numbers", ...updateNumbers(box)), now),
  );
}

function usesSection(box) {
  const uses = [...new Set(scene.edges.filter((edge) => edge.source === box.id).map((edge) => edge.target))];
  if (!uses.length) return null;
  return section("Used by", el("p", {}, ...uses.flatMap((id, i) => [i ? " " : "", nodeButton(id)])));
}

// How E and the sizes of a node's value and error signal change from pass to pass.
function trainingSection(box) {
  const norms = (what) =>
    page.passes
      .map((_, i) => arraysOf(box.id, i)[what]?.norm)
      .map((text) => (text === undefined ? NaN : numberOf(text)));
  const rows = [
    ["E", "value", page.passes.map((pass) => numberOf(pass.error || "nan"))],
    ["norm of the value", "value", norms("value")],
    ["norm of the error signal", box.role, norms("signal")],
  ].filter(([, , numbers]) => numbers.every(Number.isFinite));
  return section("Over the passes", ...rows.map(([name, role, numbers]) => sparkline(name, role, numbers)));
}

function sparkline(name, role, numbers) {
  const high = Math.max(...numbers, 1e-300);
  const x = (i) => 6 + (i * 228) / Math.max(1, numbers.length - 1);
  const y = (number) => 46 - (40 * number) / high;
  const points = numbers.map((number, i) => `${x(i)},${y(number)}`).join(" ");
  const label = `${name}, pass by pass: ${numbers.map((number) => String(Number(number.toPrecision(3)))).join(", ")}`;
  return el(
    "figure",
    { class: `sparkline ${role}` },
    el("figcaption", {}, `${name}: ${Number(numbers[state.pass].toPrecision(4))}`),
    svg(
      "svg",
      { viewBox: "0 0 240 52", role: "img", "aria-label": label },
      svg("polyline", { points }),
      svg("circle", { cx: x(state.pass), cy: y(numbers[state.pass]), r: 4 }),
    ),
  );
}
