// Training: steps of gradient descent, one by one or running, the loss at each, and maps of what the units have learnt.

const SPEEDS = [[1, "1 step a second"], [10, "10 a second"], [60, "60 a second"], [Infinity, "as fast as it goes"]];
const IN_A_FRAME = [25, 100]; // milliseconds of steps between two pictures: as many as a picture takes, within these
const MOST_LOSSES = 400;

function makeTraining() {
  const lab = byId("lab");
  const batches = [["all", `on all ${live.samples} samples`], ["shown", "on the sample on show"]]
    .map(([value, text]) => el("option", { value }, text));
  const [eta, speed, which] = [
    el("input", { type: "number", id: "eta", min: 0, step: "any", value: live.rate, oninput: turnRate }),
    el("select", { "aria-label": "Speed of training" }, ...SPEEDS.map(([n, text]) => el("option", { value: n, selected: n === 10 }, text))),
    el("select", { "aria-label": "Train on", hidden: live.samples < 2 }, ...batches),
  ];
  const train = el("button", { type: "button", class: "main", onclick: toggleRun }, "Train");
  const again = el("button", { type: "button", title: "All parameters as they were at first", onclick: startAgain }, "Start again");
  const says = el("p", { id: "trained", role: "status" });
  const curve = svg("polyline", { "vector-effect": "non-scaling-stroke" });
  const chart = svg("svg", { viewBox: "0 0 100 100", preserveAspectRatio: "none", role: "img" }, curve);
  const [top, bottom] = [el("span"), el("span")];
  const button = el("button", { type: "button", id: "train", title: "Train (t)", "aria-pressed": "false", onclick: toggle }, "Train");
  lab.append(
    el(
      "div",
      { class: "steps" },
      el("div", { class: "line" }, el("label", { for: "eta" }, "η"), eta, which),
      el("div", { class: "line" }, el("button", { type: "button", title: "One step: w ← w − η ∂E/∂w", onclick: update }, "Update"), train, speed, again),
      says,
    ),
    el("figure", { class: "curve-of-loss" }, top, chart, bottom),
  );
  const maps = page.live.maps ? makeMaps(lab) : null;
  byId("controls").append(button);

  let losses = []; // [step, loss], thinned where they are many
  let [count, every] = [0, 1]; // steps done, and of how many one is kept
  let [timer, due] = [null, 0];
  let shown = 0; // milliseconds that the last picture took
  let isMine = false; // a change that is being made here

  const batch = () => (which.value === "shown" ? live.batch : null);

  function toggle() {
    lab.hidden = !lab.hidden;
    button.setAttribute("aria-pressed", String(!lab.hidden));
    views.cameras().forEach((camera) => camera.start());
    if (lab.hidden) return stop();
    redraw();
    lab.scrollIntoView({ block: "nearest" });
  }

  function turnRate() {
    const rate = Number(eta.value);
    eta.setAttribute("aria-invalid", String(!(rate > 0)));
    if (!(rate > 0)) return;
    live.rate = rate;
    live.show(live.edits);
  }

  function hasRate() {
    if (Number(eta.value) > 0) return true;
    says.textContent = "η must be a number above 0.";
    eta.focus();
    return false;
  }

  function record(loss) {
    if (loss === null || count % every) return;
    losses.push([count, loss]);
    if (losses.length <= MOST_LOSSES) return;
    losses = losses.filter((_, i) => i % 2 === 0);
    every *= 2;
  }

  // Take steps until it is enough, and show what they lead to; tell whether more can follow.
  function advance(isEnough, gesture = null) {
    showWhatFollows();
    const before = count;
    let [values, isFine] = [live.edits.values, true];
    do {
      isFine = takeStep();
    } while (isFine && !isEnough());
    const end = performance.now();
    isMine = true;
    const isTaken = live.setAll(values, gesture);
    isMine = false;
    if (!isTaken) [count, losses] = [before, losses.filter(([step]) => step < before)];
    redraw();
    shown = performance.now() - end;
    return isTaken && isFine;

    function takeStep() {
      try {
        const { loss, signals } = live.run({ ...live.edits, values }, { batch: batch() });
        record(loss);
        values = { ...values, ...live.engine.step(values, signals, live.rate) };
        count += 1;
        return Number.isFinite(loss ?? 0);
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        return false; // the page says why
      }
    }
  }

  function update() {
    stop();
    if (hasRate()) advance(() => true);
  }

  function toggleRun() {
    if (timer !== null) return stop();
    if (!hasRate()) return;
    train.textContent = "Stop";
    due = performance.now();
    timer = requestAnimationFrame(frame);
  }

  function frame(now) {
    const perSecond = Number(speed.value);
    const end = performance.now() + Math.min(Math.max(shown, IN_A_FRAME[0]), IN_A_FRAME[1]);
    let left = perSecond === Infinity ? Infinity : Math.floor(((now - due) * perSecond) / 1000);
    timer = requestAnimationFrame(frame);
    if (left < 1) return;
    due = perSecond === Infinity ? now : due + (left * 1000) / perSecond;
    if (!advance(() => --left <= 0 || performance.now() > end, "training")) stop();
    else if (left > 0) due = now; // it is as fast as it can
  }

  function stop() {
    cancelAnimationFrame(timer);
    timer = null;
    train.textContent = "Train";
    live.endGesture();
  }

  function startAgain() {
    stop();
    [losses, count, every] = [[], 0, 1];
    const first = Object.entries(live.first.values).filter(([id]) => page.live.nodes[id].role === "parameter");
    live.setAll(Object.fromEntries(first));
    redraw();
  }

  // The curve, on a scale of powers of ten where the loss spans many, and what is said of it.
  function redraw() {
    const loss = live.batch === batch() ? live.result.loss : live.run(live.edits, { batch: batch() }).loss;
    const all = [...losses, [count, loss]].filter(([, one]) => Number.isFinite(one));
    const sizes = all.map(([, one]) => one);
    const [low, high] = [Math.min(...sizes), Math.max(...sizes)];
    const isLog = low > 0 && high > 100 * low;
    const [from, to] = isLog ? [Math.log(low), Math.log(high)] : [Math.min(0, low), high];
    const height = (one) => ((isLog ? Math.log(one) : one) - from) / (to - from || 1);
    const points = all.map(([step, one]) => `${(100 * step) / Math.max(count, 1)},${98 - 96 * height(one)}`);
    curve.setAttribute("points", points.length > 1 ? points.join(" ") : "");
    [top.textContent, bottom.textContent] = [numberText(high, 2), isLog ? `${numberText(low, 2)}, log scale` : numberText(Math.min(0, low), 2)];
    const [name, steps] = [page.loss ?? "E", `${count.toLocaleString("en")} ${count === 1 ? "step" : "steps"}`];
    const now = loss === null ? steps : `${steps}: ${name} = ${numberText(loss)}`;
    const trouble = live.problem || (Number.isFinite(loss ?? 0) ? "" : "that was too large a step: undo it, and try a smaller η");
    says.textContent = trouble ? `${now}; ${trouble}.` : now;
    const label = sizes.length ? `${name} at each step: ${numberText(sizes[0])} at first, now ${numberText(sizes.at(-1))}` : "No loss";
    chart.setAttribute("aria-label", label);
    maps?.show();
  }

  live.onChange(() => !lab.hidden && !isMine && redraw());
  return { toggle };
}
