// The player: step, play, slide, in time and from pass to pass.

const SECONDS_PER_STEP = 1.6;
const SHAPES = {
  first: "M6 5v14M19 5l-9 7 9 7z",
  back: "M17 5l-10 7 10 7z",
  play: "M7 4l13 8-13 8z",
  pause: "M8 5v14M16 5v14",
  on: "M7 5l10 7-10 7z",
  last: "M18 5v14M5 5l9 7-9 7z",
};

function makePlayer() {
  const play = iconButton("Play", "Space", SHAPES.play, togglePlay);
  const slider = rangeInput("slider", "Step", lastStep(), goTo);
  const speeds = [0.5, 1, 2, 4].map((times) => el("option", { value: times, selected: times === 1 }, `${times}×`));
  const turn = () => change({ speed: Number(speed.value) });
  const speed = el("select", { id: "speed", "aria-label": "Speed", onchange: turn }, ...speeds);
  const phases = scene.phases.map((phase, i) => {
    const words = [el("b", {}, String(i + 1)), " ", el("span", {}, phase.title)];
    return el("button", { type: "button", onclick: () => goTo(scene.phases[i].first) }, ...words);
  });
  const passes = page.passes.length > 1 ? passControls() : live && live.samples > 1 ? sampleControls() : null;
  byId("phases").append(...phases);
  byId("controls").append(
    iconButton("First step", "Home", SHAPES.first, () => goTo(0)),
    iconButton("Step back", "←", SHAPES.back, () => goTo(state.step - 1)),
    play,
    iconButton("Step", "→", SHAPES.on, () => goTo(state.step + 1)),
    iconButton("Last step", "End", SHAPES.last, () => goTo(lastStep())),
    slider,
    speed,
    ...(passes ? [passes.element] : []),
  );
  byId("player").hidden = lastStep() < 0;
  let timer = null;

  function togglePlay() {
    if (!state.playing && state.step === lastStep()) goTo(0);
    change({ playing: !state.playing });
  }

  function show(before) {
    Object.assign(byId("title"), { textContent: title(), title: title() }); // it may be cut
    slider.max = Math.max(0, lastStep());
    slider.value = state.step;
    const now = currentStep();
    const phase = scene.phases.find((one) => one.key === now?.phase);
    byId("counter").textContent = now ? `${state.step + 1} / ${lastStep() + 1}` : "";
    byId("says").textContent = sentence();
    byId("sentence").dataset.phase = now?.phase ?? "";
    slider.setAttribute("aria-valuetext", `step ${state.step + 1} of ${lastStep() + 1}, ${phase?.title}`);
    phases.forEach((button, i) => {
      const current = scene.phases[i] === phase;
      button.toggleAttribute("aria-current", current);
      if (current) button.setAttribute("aria-current", "step");
      button.classList.toggle("done", scene.phases[i].first < state.step && !current);
    });
    play.setAttribute("aria-label", state.playing ? "Pause" : "Play");
    play.title = `${state.playing ? "Pause" : "Play"} (Space)`;
    play.querySelector("path").setAttribute("d", state.playing ? SHAPES.pause : SHAPES.play);
    document.body.style.setProperty("--tempo", `${SECONDS_PER_STEP / state.speed}s`);
    if (state.playing !== before.playing || state.step !== before.step || state.speed !== before.speed) schedule();
    passes?.show();
  }

  function schedule() {
    clearTimeout(timer);
    if (state.playing) timer = setTimeout(() => goTo(state.step + 1), (SECONDS_PER_STEP * 1000) / state.speed);
  }

  return { show, togglePlay };
}

// What the step on show says, with the number that there is now.
function sentence() {
  const said = scene.told[state.pass]?.says[state.step] ?? "";
  if (!said.endsWith(" ")) return said;
  const { boxes: [id], shows } = currentStep();
  const { scope, title } = boxes.get(id);
  const arrays = arraysOf(id);
  const number = arrayText(arrays[shows]);
  if (shows === "value" && arrays.byHand) return `${scope ? `${scope}/` : ""}${title} is set by hand: ${number}`;
  if (shows === "signal" && arrays.signalByHand)
    return `${said.slice(said.lastIndexOf(": ") + 2).replace(/ = $/, "")} is set by hand: ${number}`;
  return said.replace("\ue000", page.rate) + number;
}

function goToPass(pass) {
  change({ pass: Math.max(0, Math.min(page.passes.length - 1, pass)) });
}

// Which sample is shown of a live page, or all of them.
function sampleControls() {
  const each = Array.from({ length: live.samples }, (_, i) => el("option", { value: i }, `Sample ${i + 1} of ${live.samples}`));
  const options = [el("option", { value: "" }, `All ${live.samples} samples`), ...each];
  const choose = () => live.choose(choice.value === "" ? null : Number(choice.value));
  const choice = el("select", { id: "sample", "aria-label": "Samples", onchange: choose }, ...options);
  return { element: choice, show: () => (choice.value = live.batch ?? "") };
}

function passControls() {
  const slider = rangeInput("pass", "Pass", page.passes.length - 1, goToPass);
  const name = el("output", { for: "pass" });
  const element = el("div", { class: "passes" }, el("span", { class: "quiet" }, "Pass"), slider, name);

  function show() {
    const pass = page.passes[state.pass];
    slider.value = state.pass;
    name.textContent = pass.title;
    slider.setAttribute("aria-valuetext", name.textContent);
  }

  return { element, show };
}
