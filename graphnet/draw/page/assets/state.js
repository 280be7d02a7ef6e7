// What is shown: the picture, the step, the pass, the view, the selected box. Everything else follows from these.

const page = JSON.parse(byId("data").textContent);
const state = { scene: "", step: 0, pass: 0, view: "ops", selected: null, playing: false, speed: 1, live: 0 };
const watchers = [];

// The picture on show, its boxes by id, and for each box and edge the number of the step that makes it known.
let scene, boxes, knownAt, flowsAt;
setScene("");

function setScene(name) {
  scene = page.scenes[name];
  boxes = new Map(scene.boxes.map((box) => [box.id, box]));
  knownAt = { value: new Map(), signal: new Map(), update: new Map(), none: new Map() };
  flowsAt = { value: new Map(), signal: new Map() };
  scene.steps.forEach((step, i) => {
    for (const id of step.boxes) knownAt[step.shows].set(id, i);
    for (const edge of step.edges) flowsAt[step.shows].set(edge, i);
  });
}

const isKnown = (id, what) => state.step >= (knownAt[what].get(id) ?? Infinity);

// What a pass says of a node, or of a folded box.
function arraysOf(id, pass = state.pass) {
  if (boxes.get(id)?.kind === "folded" && live) return largestNow(id);
  if (boxes.get(id)?.kind === "folded") return scene.told[pass]?.folded[id] ?? {};
  return page.passes[pass]?.arrays[id] ?? {};
}

// Where everything stands: with room for all samples, or for the one on show.
const layoutNow = () => (live && live.batch !== null && scene.layouts.one) || scene.layouts.all;

// The box that shows a node: its own, or the folded one that it is in.
const boxOf = (id) => (scene.within[id] ?? (boxes.has(id) ? id : undefined));

// The title tells the loss, but not while it is to be predicted.
function title() {
  const told = page.passes.length > 1 ? page.passes[state.pass].title : page.title;
  const isAhead = state.step < scene.steps.findLastIndex((step) => step.phase === "forward");
  return isAhead && document.body.classList.contains("predicting") ? told.replace(/ = [^;]*/, " = ?") : told;
}

const currentStep = () => scene.steps[state.step];

const lastStep = () => scene.steps.length - 1;

const hasNewNumbers = (before) => before.pass !== state.pass || before.live !== state.live;

const isTurned = (before) => before.step !== state.step || before.view !== state.view;

// Change the state; those who watch are told what changed.
function change(changes) {
  const before = { ...state };
  Object.assign(state, changes);
  for (const watcher of watchers) watcher(before);
}

function goTo(step) {
  if (!scene.steps.length) return;
  const next = Math.max(0, Math.min(lastStep(), step));
  const lit = scene.steps[next]?.boxes ?? [];
  change({ step: next, selected: lit.length === 1 ? lit[0] : null, playing: state.playing && next < lastStep() });
}

// Turn from the first step to the last one before the update: else nothing would be seen to follow from a change.
function showWhatFollows() {
  if (state.step > 0 || document.body.classList.contains("predicting")) return;
  change({ step: Math.max(0, scene.steps.findLastIndex(({ shows }) => shows !== "update")) });
}

function select(id) {
  change({ selected: id, playing: false });
}

// Turn to another picture, at the step that is nearest to the one on show.
function openScene(name) {
  if (name === state.scene || !page.scenes[name]) return;
  const [before, step, closed] = [boxes, currentStep(), state.scene];
  setScene(name);
  const wasFolded = (id) => !before.has(id) || (before.get(id).kind === "folded" && boxes.get(id).kind !== "folded");
  const isInside = (id) => (name ? wasFolded(id) : id === closed);
  const sameKind = (one) => one.phase === step?.phase && one.shows === step?.shows;
  let next = scene.steps.findIndex((one) => sameKind(one) && one.boxes.length === 1 && isInside(one.boxes[0]));
  if (next < 0) next = scene.steps.findIndex((one) => one.phase === step?.phase);
  change({
    scene: name,
    step: Math.max(0, next),
    selected: scene.steps[next]?.boxes.length === 1 ? scene.steps[next].boxes[0] : null,
    playing: false,
  });
}
