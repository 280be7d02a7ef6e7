// Predict the next number: what the next step computes stays hidden until the reader has said what it will be.

const CLOSE = 0.02; // relative difference up to which a prediction is right

function makeQuiz() {
  let isOn = false;
  let asked = null; // {step, id, what, row, column, name}
  let told = null; // what is said of the last answer
  const button = el("button", { type: "button", id: "predict", title: "Predict the next number (g)", "aria-pressed": "false", onclick: toggle }, "Predict");
  const answer = el("input", { id: "answer", inputmode: "decimal", autocomplete: "off", size: 8 });
  const question = el("label", { for: "answer" });
  const said = el("span", { role: "status" });
  const reveal = el("button", { type: "button", class: "show", onclick: () => tell("It is") }, "Show");
  const parts = [question, answer, el("button", {}, "Check"), reveal, said];
  const form = el("form", { id: "quiz", hidden: true, onsubmit: judge }, ...parts);
  byId("sentence").after(form);
  byId("controls").append(button);
  button.hidden = !page.passes.length;

  function toggle() {
    isOn = !isOn;
    document.body.classList.toggle("predicting", isOn);
    told = null;
    if (isOn && state.step === lastStep()) goTo(0);
    else change({ playing: false });
    if (isOn) answer.focus();
  }

  // The first number behind this step that can be asked for.
  function next() {
    for (let step = state.step + 1; step <= lastStep(); step++) {
      const { boxes: [id, ...others], shows } = scene.steps[step];
      const array = arraysOf(id)[shows];
      if (others.length || !array?.rows.length || array.each || boxes.get(id).kind === "folded") continue;
      const [rows, columns] = [array.rows.length, array.rows[0].length];
      const entry = step % (rows * columns); // not always the first
      const [row, column] = [Math.floor(entry / columns), entry % columns];
      return { step, id, shows, row, column, index: array.shape.length === 2 ? [row, column] : array.shape.length === 1 ? [column] : [] };
    }
    return null;
  }

  function nameOf({ id, shows, index }) {
    const box = boxes.get(id);
    const name = { value: box.title, signal: box.derivative, update: `the new ${box.title}` }[shows];
    return name + (index.length ? `[${index.join(", ")}]` : "");
  }

  const truth = () => arraysOf(asked.id)[asked.shows].rows[asked.row][asked.column];

  function judge(event) {
    event.preventDefault();
    const given = numberOf(answer.value.trim().replace(",", "."));
    if (!asked) return;
    if (answer.value.trim() === "" || Number.isNaN(given)) {
      said.textContent = "Type a number, such as 0.25 or −3e-4.";
      return answer.focus();
    }
    const is = numberOf(truth());
    if (Math.abs(given - is) <= CLOSE * Math.abs(is) || given === is) return tell("Right:");
    const isSign = given * is < 0;
    told = { text: isSign ? "Not yet: the sign is the other one." : Math.abs(given) > Math.abs(is) ? "Not yet: it is closer to 0." : "Not yet: it is farther from 0." };
    said.textContent = told.text;
    answer.select();
  }

  // Show the number, and why it is so: the step itself, with its formula in the panel.
  function tell(how) {
    if (!asked) return;
    const one = asked;
    goTo(one.step);
    told = { text: `${how} ${nameOf(one)} = ${arraysOf(one.id)[one.shows].rows[one.row][one.column]}.`, step: one.step };
    answer.value = "";
    change({});
    answer.focus();
  }

  function show() {
    button.setAttribute("aria-pressed", String(isOn));
    form.hidden = !isOn;
    if (!isOn) return;
    asked = next();
    question.textContent = asked ? `Next: ${nameOf(asked)} = ?` : "That was the last step.";
    for (const control of form.querySelectorAll("input, button")) control.hidden = !asked;
    said.textContent = told && (told.step === undefined || told.step === state.step) ? told.text : "";
  }

  return { show, toggle };
}
