// Put the parts together, and give the keys their meaning.

if (live) startLive();
let graph = makeGraphView();
const units = page.units.length ? makeUnitView() : null;
const views = makeViews();
const panel = makePanel();
const tuner = live && makeTuner();
const player = makePlayer();
const quiz = makeQuiz();
const training = live && makeTraining();
watchers.push(turnScene, (before) => graph.show(before), panel.show, player.show, quiz.show);
if (units) watchers.push(units.show);
if (live) watchers.push(tuner.show, makeChanges().show, makeLegend);
turnScene({});
makeLegend();
makeSearch();
views.start();
const fault = scene.boxes.find((box) => box.mark?.kind === "fault");
if (fault) select(fault.id);

// The numbers of a link, or else the first ones: of one sample where the page starts with its units.
function startLive() {
  document.body.classList.add("live");
  if (live.samples > 1 && (page.edit.chain || page.edit.sample !== null)) live.batch = page.edit.sample ?? 0;
  if (!live.show(followLink())) live.show(live.first);
  addEventListener("hashchange", () => live.keep(followLink()));
}

// Another picture: its notice, its graph, and the way back to the first one.
function turnScene(before) {
  if (before.scene === state.scene) return graph.layout !== layoutNow() && redraw();
  const recorded = page.live?.recorded ? `The numbers are as recorded, and can't be changed here: ${page.live.recorded[0]}` : "";
  byId("notice").replaceChildren([scene.notice, recorded].filter(Boolean).join(" "));
  if (state.scene)
    byId("notice").append(" ", el("button", { type: "button", onclick: () => openScene("") }, "Close the open box"));
  byId("notice").hidden = !byId("notice").textContent;
  if (before.scene !== undefined) redraw();
}

function redraw() {
  graph.remove();
  graph = makeGraphView();
  if (views) graph.camera.start();
}

// What the colours and marks mean: those that are there, in any pass.
function makeLegend() {
  const key = (role, ...children) => el("span", { class: `key ${role}` }, ...children);
  const scaled = (role, text, ends) =>
    key(role, text, " ", el("i", { class: "ramp" }), ends && ` ${ends[0]} to ${ends[1]}`);
  const { value, signal } = page.scales;
  const every = page.passes.flatMap((pass) => Object.values(pass.arrays));
  const isUnused = (box) => box.role === "unused-signal" && page.passes.some((pass) => pass.arrays[box.id]?.signal);
  const marked = (mark, inOps, text) =>
    (every.some(inOps) || page.units.some((view) => view.marks.includes(mark))) &&
    key("error-signal", `${page.marks[mark]} ${text}`);
  const flat = Object.entries(page.why).map((pair) => pair.join(": "));
  const keys = [
    every.length && scaled("value", "value", value.ends),
    every.some((one) => one.signal) && scaled("error-signal", "error signal", signal.ends),
    every.some((one) => one.update) && scaled("gradient", "gradient", signal.ends),
    scene.boxes.some(isUnused) && scaled("unused-signal", "error signal of an input"),
    marked("saturated", (one) => one.flat, flat.join(", ")),
    marked("zero", (one) => one.signal && isZero(one.signal), "error signal exactly 0"),
    marked("unreachable", (one) => one.unreached, "no error signal arrives"),
    units && key("quiet of-units", "weights: wide if large, orange if negative"),
    units && page.units[0].notice && key("quiet of-units", page.units[0].notice),
  ];
  byId("legend").replaceChildren(...keys.filter(Boolean));
}

// Find a node in this picture, or else in one where a box is open.
function makeSearch() {
  const search = byId("search");
  const names = Object.keys(page.scenes);
  const titles = new Set(
    names.flatMap((name) => page.scenes[name].boxes.filter((box) => box.kind !== "literal").map((box) => box.title)),
  );
  byId("names").append(...[...titles].map((value) => el("option", { value })));

  function find() {
    const wanted = search.value.trim().toLowerCase();
    if (!wanted) return;
    const [name, found] = searchIn([state.scene, ...names], wanted) ?? [];
    search.setAttribute("aria-invalid", String(!found));
    if (!found) return;
    openScene(name);
    select(found.id);
  }

  search.addEventListener("change", find);
  search.addEventListener("keydown", (event) => event.key === "Enter" && find());
}

function searchIn(names, wanted) {
  const isIt = [
    (box) => [box.title, `${box.scope}/${box.title}`].some((name) => name.toLowerCase() === wanted),
    (box) => `${box.scope ?? ""}/${box.title}`.toLowerCase().includes(wanted),
  ];
  for (const matches of isIt) {
    for (const name of names) {
      const found = page.scenes[name].boxes.find((box) => box.kind !== "literal" && matches(box));
      if (found) return [name, found];
    }
  }
}

function toggleTheme() {
  const dark =
    document.documentElement.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  document.documentElement.dataset.theme = dark === "dark" ? "light" : "dark";
  repaint();
}

function togglePanel() {
  document.body.classList.toggle("wide");
  views.cameras().forEach((camera) => camera.start());
}

function repaint() {
  channels.clear();
  document.querySelectorAll("canvas").forEach((map) => map.repaint());
}

new ResizeObserver(() => document.body.style.setProperty("--player", `${byId("player").offsetHeight}px`)).observe(byId("player"));
byId("panel-button").addEventListener("click", togglePanel);
byId("theme").addEventListener("click", toggleTheme);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
byId("help-button").addEventListener("click", () => byId("help").showModal());

// What keys do: as the help writes them, what it says of them, and what each of them does.
const stepKeys = scene.phases.map((_, i) => [i + 1, () => goTo(scene.phases[i].first)]);
const HELP = [
  ["Space", "play or pause", { " ": player.togglePlay }],
  ["→ ←", "one step on, one step back", { ArrowRight: () => goTo(state.step + 1), ArrowLeft: () => goTo(state.step - 1) }],
  ["Home End", "first step, last step", { Home: () => goTo(0), End: () => goTo(lastStep()) }],
  ["1 … 5", "forward, output error, error signals back, gradients, update", Object.fromEntries(stepKeys)],
  ["↑ ↓", "next pass, pass before, where there are several", { ArrowUp: () => goToPass(state.pass + 1), ArrowDown: () => goToPass(state.pass - 1) }],
  ["+ −", "zoom in, zoom out", { "+": () => views.zoom(1.25), "=": () => views.zoom(1.25), "-": () => views.zoom(0.8) }],
  ["0", "the whole picture", { 0: () => views.cameras().forEach((camera) => camera.fit()) }],
  ["/", "find a node", { "/": () => byId("search").focus() }],
  ["v", "units, ops or both", { v: views.next }],
  live && ["z y", "undo, redo a change", { z: live.undo, y: live.redo }],
  ["g", "predict the next number", { g: quiz.toggle }],
  live && ["t", "train the network", { t: training.toggle }],
  ["p", "show or hide the panel", { p: togglePanel }],
  ["d", "light or dark", { d: toggleTheme }],
  ["?", "these keys", { "?": () => byId("help").showModal() }],
].filter(Boolean);
const KEYS = Object.assign({}, ...HELP.map(([, , does]) => does));
for (const [keys, says] of HELP) {
  const words = keys.split(" ").flatMap((key) => [" ", key === "…" ? key : el("kbd", {}, key)]);
  byId("keys").append(el("dt", {}, ...words), el("dd", {}, says));
}

document.addEventListener("keydown", (event) => {
  if (live && (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z" && !event.target.matches("input:not([type=range])")) {
    event.preventDefault();
    return event.shiftKey ? live.redo() : live.undo();
  }
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  const target = event.target;
  if (target.matches("input:not([type=range]), select")) return;
  if (event.key === " " && target.closest("button")) return; // a button's own key
  if (target.matches("input[type=range]") && event.key !== " ") return;
  if ((event.key === "ArrowUp" || event.key === "ArrowDown") && page.passes.length < 2) return; // leave scrolling alone
  const action = KEYS[event.key];
  if (!action) return;
  event.preventDefault();
  action();
});
