// Formulas: trees of MathML, and matrices of numbers put into them.

const MOST_IN_FORMULA = 4;
const MATH_TAGS = new Set(["math", "mrow", "mi", "mo", "mn", "mtext", "msub", "msup", "msubsup", "mfrac", "msqrt", "mroot", "munder", "mover", "munderover", "mtable", "mtr", "mtd", "mspace", "mstyle", "mpadded"]);

function formula(...children) {
  return mathml("math", { displaystyle: "true" }, mathml("mrow", {}, ...children.filter(Boolean)));
}

// One line for each side of an equation, so that narrow panels need not scroll.
function equation(left, ...right) {
  return [formula(...left), ...right.map((side) => formula(mo("="), ...side))];
}

const mo = (text) => mathml("mo", {}, text);
const mi = (text) => mathml("mi", { mathvariant: [...text].length > 1 ? "normal" : null }, text);
const mn = (text) => mathml("mn", {}, text);

// A tree is [tag, child, ...], a child a tree or text.
function mathTree([tag, ...children]) {
  if (!MATH_TAGS.has(tag)) throw new Error(`${tag} is no element of a formula`);
  return mathml(tag, {}, ...children.map((child) => (typeof child === "string" ? child : mathTree(child))));
}

// An array as a matrix; of a large one the first rows and columns.
function matrix(array, role) {
  if (!array.rows.length) return mo("[ ]");
  if (!array.shape.length) return filled(mn(array.rows[0][0]), { class: role }, []);
  if (array.each) return mathml("mrow", { class: role }, mathml("mtable", {}, mathml("mtr", {}, mathml("mtd", {}, mathml("mtext", {}, `${array.shape.join(" × ")} numbers`)))));
  const cut = (list) => (list.length > MOST_IN_FORMULA ? [...list.slice(0, MOST_IN_FORMULA - 1), "…"] : list);
  const rows = cut(array.rows).map((row) => (row === "…" ? cut(array.rows[0]).map(() => "⋮") : cut(row)));
  const entry = (text) => mathml("mtd", {}, text === "…" || text === "⋮" ? mo(text === "…" ? "⋯" : text) : mn(text));
  const body = mathml("mtable", {}, ...rows.map((row) => mathml("mtr", {}, ...row.map(entry))));
  return mathml("mrow", { class: role }, body); // its brackets are borders: not every machine has a font that stretches them
}

// The forward rule with the numbers of the inputs put in.
function forwardNumbers(box) {
  const inputs = box.inputs.map((id) => matrix(valueOf(id), "value"));
  const separated = inputs.flatMap((input, i) => (i ? [mo(","), input] : [input]));
  const call = inputs.length === 1 && valueOf(box.inputs[0]).shape.length ? separated : [mo("("), ...separated, mo(")")];
  const right = box.infix === null ? [mi(box.op), ...call] : [inputs[0], box.infix && mo(box.infix), inputs[1]];
  return equation(right, [matrix(arraysOf(box.id).value, "value")]);
}

function valueOf(id) {
  return arraysOf(id).value ?? { shape: [], rows: [[boxes.get(id).title]] };
}

// ∂E/∂(the node), where both have names short enough.
function derivative(box) {
  if (!page.loss || !box.symbol) return mathml("mtext", {}, box.role === "gradient" ? "gradient" : "error signal");
  return mathml("mfrac", {}, mathml("mrow", {}, mo("∂"), mi(page.loss)), mathml("mrow", {}, mo("∂"), mi(box.symbol)));
}

// The messages of a node, added up.
function sumOfMessages(box) {
  const { messages, signal } = arraysOf(box.id);
  const parts = messages.flatMap((message, i) => [i ? mo("+") : null, matrix(message.array ?? signal, box.role)]);
  return equation([derivative(box), mo("="), ...parts], ...(messages.length > 1 ? [[matrix(signal, box.role)]] : []));
}

// w − η ∂E/∂w with its numbers.
function updateNumbers(box) {
  const { value, signal, update } = arraysOf(box.id);
  return equation([matrix(value, "value"), mo("−"), mn(page.rate), mo("·"), matrix(signal, "gradient")], [matrix(update, "value")]);
}
