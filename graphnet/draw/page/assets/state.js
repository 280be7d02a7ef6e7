// What is shown: the step, the pass, the selected box. Everything else follows from these.

const page = JSON.parse(byId("data").textContent);
const boxes = new Map(page.boxes.map((box) => [box.id, box]));

const state = { step: 0, pass: 0, selected: null, playing: false, speed: 1 };
const watchers = [];

// For each box and edge the number of the step that makes its value, error signal or new value known.
const knownAt = { value: new Map(), signal: new Map(), update: new Map(), none: new Map() };
const flowsAt = { value: new Map(), signal: new Map() };
page.steps.forEach((step, i) => {
  for (const id of step.boxes) knownAt[step.shows].set(id, i);
  for (const edge of step.edges) flowsAt[step.shows].set(edge, i);
});

function isKnown(id, what) {
  return state.step >= (knownAt[what].get(id) ?? Infinity);
}

function arraysOf(id, pass = state.pass) {
  return page.passes[pass]?.arrays[id] ?? {};
}

function title() {
  return page.passes.length > 1 ? page.passes[state.pass].title : page.title;
}

function currentStep() {
  return page.steps[state.step];
}

// Change the state; those who watch are told what changed.
function change(changes) {
  const before = { ...state };
  Object.assign(state, changes);
  for (const watcher of watchers) watcher(before);
}

function goTo(step) {
  const last = page.steps.length - 1;
  const next = Math.max(0, Math.min(last, step));
  const lit = page.steps[next]?.boxes ?? [];
  change({ step: next, selected: lit.length === 1 ? lit[0] : null, playing: state.playing && next < last });
}

function select(id) {
  change({ selected: id, playing: false });
}
