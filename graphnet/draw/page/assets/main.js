// Put the parts together, and give the keys their meaning.

byId("notice").textContent = page.notice;
byId("notice").hidden = !page.notice;

const graph = makeGraphView();
const units = page.units.length ? makeUnitView() : null;
const views = makeViews();
const panel = makePanel();
const player = makePlayer();
watchers.push(graph.show, panel.show, player.show);
if (units) watchers.push(units.show);
makeLegend();
makeSearch();
views.start();

function makeLegend() {
  const scaled = (role, text, { ends }) => el("span", { class: `key ${role}` }, text, " ", el("i", { class: "ramp" }), ` ${ends[0]} to ${ends[1]}`);
  if (!page.passes.length) return;
  byId("legend").append(scaled("value", "value", page.scales.value));
  if (page.phases.length < 2) return;
  byId("legend").append(scaled("error-signal", "error signal", page.scales.signal), scaled("gradient", "gradient", page.scales.signal));
}

function makeSearch() {
  const search = byId("search");
  byId("names").append(...page.boxes.filter((box) => box.kind !== "literal").map((box) => el("option", { value: box.title })));
  const find = () => {
    const wanted = search.value.trim().toLowerCase();
    if (!wanted) return;
    const names = page.boxes.map((box) => [box, `${box.scope ? `${box.scope}/` : ""}${box.title}`.toLowerCase()]);
    const [found] = names.find(([box, name]) => name === wanted || box.title.toLowerCase() === wanted) ?? names.find(([, name]) => name.includes(wanted)) ?? [];
    search.setAttribute("aria-invalid", String(!found));
    if (found) select(found.id);
  };
  search.addEventListener("change", find);
  search.addEventListener("keydown", (event) => event.key === "Enter" && find());
}

function toggleTheme() {
  const dark = document.documentElement.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  document.documentElement.dataset.theme = dark === "dark" ? "light" : "dark";
  repaint();
}

function togglePanel() {
  document.body.classList.toggle("wide");
  views.cameras().forEach((camera) => camera.fit());
}

function repaint() {
  channels.clear();
  document.querySelectorAll("canvas").forEach((map) => map.repaint());
}

byId("panel-button").addEventListener("click", togglePanel);
byId("theme").addEventListener("click", toggleTheme);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
byId("help-button").addEventListener("click", () => byId("help").showModal());

const KEYS = {
  " ": player.togglePlay,
  ArrowRight: () => goTo(state.step + 1),
  ArrowLeft: () => goTo(state.step - 1),
  ArrowUp: () => goToPass(state.pass + 1),
  ArrowDown: () => goToPass(state.pass - 1),
  Home: () => goTo(0),
  End: () => goTo(page.steps.length - 1),
  "+": () => views.cameras().forEach((camera) => camera.zoom(1.25)),
  "=": () => views.cameras().forEach((camera) => camera.zoom(1.25)),
  "-": () => views.cameras().forEach((camera) => camera.zoom(0.8)),
  0: () => views.cameras().forEach((camera) => camera.fit()),
  v: views.next,
  "/": () => byId("search").focus(),
  d: toggleTheme,
  p: togglePanel,
  "?": () => byId("help").showModal(),
};
page.phases.forEach((phase, i) => (KEYS[i + 1] = () => goTo(phase.first)));

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || byId("help").open) return;
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
