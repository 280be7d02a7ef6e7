// Formulas: trees of MathML, and matrices of numbers put into them.

const MOST_IN_FORMULA = 4;
const MATH_TAGS = new Set(
  ("math mrow mi mo mn mtext msub msup msubsup mfrac msqrt mroot munder mover munderover mtable mtr mtd mspace " +
    "mstyle mpadded").split(" "),
);

function formula(...children) {
  return mathml("math", { displaystyle: "true" }, mathml("mrow", {}, ...children.filter(Boolean)));
}

// One line for each side of an equation, so that narrow panels need not scroll.
const equation = (left, ...right) => [formula(...left), ...right.map((side) => formula(mo("="), ...side))];

// A name as formulas write it: W1 with an index.
function symbol(name) {
  const [, base, index] = /^(\p{L}+)_?(\d+)$/u.exec(name) ?? [];
  return index ? mathml("msub", {}, mi(base), mn(index)) : mi(name);
}

const mtext = (text) => mathml("mtext", {}, text);
const mo = (text) => mathml("mo", {}, text);
const mi = (text) => mathml("mi", { mathvariant: [...text].length > 1 ? "normal" : null }, text);
const mn = (text) => mathml("mn", {}, text);

// A tree is [tag, attributes, child, ...], a child a tree or text; ["array", box, what] is a place for an array.
function mathTree(tree) {
  if (tree[0] === "array") return placedArray(tree);
  const [tag, attributes, ...children] = tree;
  if (!MATH_TAGS.has(tag)) throw new Error(`${tag} is no element of a formula`);
  const isFenced = children.length === 3 && children[0][1]?.fence && children[2][1]?.fence;
  if (isFenced && placesIn(children[1]).some((place) => arrayAt(place).shape.length)) {
    const inner = mathTree(children[1]); // a matrix has its own brackets; around more than that, borders as tall as they
    return children[1][0] === "array" ? inner : mathml("mrow", { class: "fenced" }, inner);
  }
  const isFactor = (child, i) => child[0] === "mspace" && [children[i - 1], children[i + 1]].every((beside, k) => isNumber(beside, k - 1));
  const put = (child, i) => (typeof child === "string" ? child : isFactor(child, i) ? mo("·") : mathTree(child));
  return mathml(tag, attributes, ...children.map(put));
}

// Whether a tree begins (0) or ends (-1) with a single number: between two of these stands a dot.
function isNumber(tree, end) {
  if (tree?.[0] === "array") return !arrayAt(tree).shape.length;
  return tree?.[0] === "mn" || (Array.isArray(tree) && tree.length > 2 && isNumber(tree.at(end || 2), end));
}

function placesIn(tree) {
  if (tree[0] === "array") return [tree];
  return tree.slice(2).flatMap((child) => (typeof child === "string" ? [] : placesIn(child)));
}

const arrayAt = ([, id, what]) => (what === "signal" ? arraysOf(id).signal : valueOf(id));

function placedArray(place) {
  return operand(arrayAt(place), place[2] === "signal" ? (boxes.get(place[1])?.role ?? "error-signal") : "value");
}

// An array behind a sign: a negative number in parentheses.
function operand(array, role) {
  const made = matrix(array, role);
  return !array.shape.length && array.rows[0][0].startsWith("−") ? mathml("mrow", {}, mo("("), made, mo(")")) : made;
}

// Whether a rule can be shown with its numbers: not if one of them is inside a folded box.
const hasNumbers = (rule) => rule?.numbers && placesIn(rule.numbers).every(arrayAt);

// An array as a matrix; of a large one the first rows and columns.
function matrix(array, role) {
  if (!array.rows.length) return mo("[ ]");
  if (!array.shape.length) return filled(mn(array.rows[0][0]), { class: role }, []);
  if (array.each)
    return inTable([[mtext(`${array.shape.join(" × ")} numbers`)]]);
  const cut = (list) => (list.length > MOST_IN_FORMULA ? [...list.slice(0, MOST_IN_FORMULA - 1), "…"] : list);
  const rows = cut(array.rows).map((row) => (row === "…" ? cut(array.rows[0]).map(() => "⋮") : cut(row)));
  return inTable(rows.map((row) => row.map((text) => (text === "…" ? mo("⋯") : text === "⋮" ? mo(text) : mn(text)))));

  // Its brackets are borders: not every machine has a font that stretches them.
  function inTable(entries) {
    const line = (row) => mathml("mtr", {}, ...row.map((entry) => mathml("mtd", {}, entry)));
    return mathml("mrow", { class: role }, mathml("mtable", {}, ...entries.map(line)));
  }
}

// The forward rule, in symbols and with the numbers of the inputs put in.
function forwardRule(box) {
  const { value, forward } = page.formulas[box.id];
  return equation([mathTree(value), mo("="), mathTree(forward.symbols)]);
}

function forwardNumbers(box) {
  return equation(
    [mathTree(page.formulas[box.id].value), mo("="), mathTree(page.formulas[box.id].forward.numbers)],
    [matrix(arraysOf(box.id).value, "value")],
  );
}

// What the rule of a message's sender made of it.
const messageRule = (message) => (message.from === null ? null : page.formulas[message.from]?.backward[message.slot]);

function valueOf(id) {
  const box = boxes.get(id);
  return arraysOf(id).value ?? (box?.kind === "literal" ? { shape: [], rows: [[box.title]] } : undefined);
}

// ∂E/∂(the node), where both have names short enough.
function derivative(box) {
  if (page.formulas[box.id]?.signal) return mathTree(page.formulas[box.id].signal);
  if (!page.loss || !box.symbol) return mtext(box.role === "gradient" ? "gradient" : "error signal");
  return mathml("mfrac", {}, mathml("mrow", {}, mo("∂"), symbol(page.loss)), mathml("mrow", {}, mo("∂"), symbol(box.symbol)));
}

// The messages of a node, added up.
function sumOfMessages(box) {
  const { messages, signal } = arraysOf(box.id);
  const parts = messages.flatMap(({ array }, i) => (i ? [mo("+"), operand(array ?? signal, box.role)] : [matrix(array ?? signal, box.role)]));
  return equation([derivative(box), mo("="), ...parts], ...(messages.length > 1 ? [[matrix(signal, box.role)]] : []));
}

// w − η ∂E/∂w with its numbers.
function updateNumbers(box) {
  const { value, signal, update } = arraysOf(box.id);
  return equation(
    [matrix(value, "value"), mo("−"), mn(page.rate), mo("·"), operand(signal, "gradient")],
    [matrix(update, "value")],
  );
}
