// What can be done with all changes: undo and redo them, take them back, carry them away in a link or as Python.

const MOST_IN_LINK = 400;
const FEW = 8; // numbers of one array that Python sets one by one

function makeChanges() {
  const undo = iconButton("Undo", "z", "M4 9h10a6 6 0 0 1 0 12H9M8 5L4 9l4 4", live.undo);
  const redo = iconButton("Redo", "y", "M20 9H10a6 6 0 0 0 0 12h5M16 5l4 4-4 4", live.redo);
  const reset = el("button", { type: "button", title: "Take back all changes", onclick: live.reset }, "Reset");
  const share = iconButton("Share", "", "M12 15V3M8 7l4-4 4 4M5 11v9h14v-9", openShare);
  byId("edits").append(undo, redo, reset, share);
  function show() {
    byId("edits").hidden = !live.canUndo() && !live.canRedo() && !live.isChanged();
    undo.disabled = !live.canUndo();
    redo.disabled = !live.canRedo();
    reset.disabled = !live.isChanged();
  }

  return { show };
}

function openShare() {
  const part = (title, text, label) => [
    el("h3", {}, title),
    el("textarea", { readonly: true, rows: Math.min(10, text.split("\n").length + 1), "aria-label": title, spellcheck: "false" }, text),
    el("p", {}, copyButton(text, label)),
  ];
  const link = linkOf();
  byId("share").replaceChildren(
    el("h2", { id: "share-title" }, "Take your changes with you"),
    ...(link ? part("Link", link, "Copy the link") : [el("p", {}, `More than ${MOST_IN_LINK} numbers have changed: too many for a link.`)]),
    ...part("Python", pythonOf(), "Copy the code"),
    el("form", { method: "dialog" }, el("button", {}, "Close")),
  );
  byId("share").showModal();
}

function copyButton(text, label) {
  const button = el("button", { type: "button", onclick: copy, hidden: !navigator.clipboard }, label);

  async function copy() {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  }

  return button;
}

// A link: #sample=0&n3.1=0.5 shows sample 0, with 0.5 at place 1 of the node n3, counted over all samples ----------------

function linkOf() {
  const changes = live.changes();
  if (changes.length > MOST_IN_LINK) return null;
  const parts = changes.map(({ id, place, number }) => `${id}.${place}=${number === null ? "" : number}`);
  return `${location.href.split("#")[0]}#${[`sample=${live.batch ?? "all"}`, ...parts].join("&")}`;
}

// Take up the numbers of a link. What is no number of this network is passed over.
function followLink() {
  let edits = live.first;
  let batch = live.batch;
  for (const part of location.hash.slice(1).split("&").slice(0, MOST_IN_LINK + 1)) {
    const [, id, place, text] = /^([ns]\d+)\.(\d+)=([-+.\deE]*|-?Infinity|NaN)$/.exec(part) ?? [];
    const [, sample] = /^sample=(\d+|all)$/.exec(part) ?? [];
    if (sample !== undefined && (sample === "all" || Number(sample) < live.samples)) batch = sample === "all" ? null : Number(sample);
    const number = text ? Number(text) : null;
    if (id && live.has(id, Number(place)) && (number === null || !Number.isNaN(number) || text === "NaN"))
      edits = live.with(edits, id, Number(place), number);
  }
  live.batch = live.samples > 1 ? batch : null;
  return edits;
}

// Python: code that makes the same changes in the user's network -------------------------------------------------------

function pythonOf() {
  const node = (id) => `graph[${page.edit.labels[nodeOf(id)]}]`;
  const index = (shape, place) => `[${placesOf(shape, place).join(", ") || "()"}]`;
  const changes = live.changes();
  const ofRole = (role) => Object.keys(page.live.nodes).filter((id) => page.live.nodes[id].role === role);

  // One line for each number, or where they are many one for all of the array.
  const assigned = (id, target) => {
    const own = changes.filter((one) => one.id === id);
    const { shape, data } = live.edits.values[id];
    if (own.length <= FEW) return own.map(({ place, number }) => `${target}${index(shape, place)} = ${pythonNumber(number)}`);
    return [`${target}[...] = np.reshape([${Array.from(data, pythonNumber).join(", ")}], (${shape.join(", ")},))`];
  };
  const fed = ofRole("input").flatMap((id) => assigned(id, `feeds[${node(id)}]`));
  if (live.batch !== null)
    for (const id of ofRole("input"))
      if (page.live.nodes[id].batched) fed.push(`feeds[${node(id)}] = feeds[${node(id)}][${live.batch}:${live.batch + 1}]`);
  const byHand = (wanted) => Object.entries(live.edits.set).flatMap(([id, { mask, data }]) => {
    if (isSignal(id) !== wanted) return [];
    const { shape } = live.arrays[id];
    const places = [...mask.keys()].filter((place) => mask[place] && live.shownPlace(id, place) !== null);
    const part = (place) => (shape.length ? index(shape, live.shownPlace(id, place)) : "");
    return places.map((place) => `    ${node(id)}${part(place)}: ${pythonNumber(data[place])},`);
  });
  const given = [["replace", byHand(false)], ["replace_error_signal", byHand(true)]].filter(([, lines]) => lines.length);
  return [
    "import numpy as np",
    "import graphnet as gn",
    "",
    "# E is the output of your network, and feeds what you fed it.",
    "graph = gn.Graph(E)",
    ...ofRole("parameter").flatMap((id) => assigned(id, `${node(id)}.value`)),
    ...(fed.length ? ["feeds = {graph[each]: np.array(array, graph[each].dtype) for each, array in feeds.items()}", ...fed] : []),
    ...given.flatMap(([name, lines]) => [`${name} = {`, ...lines, "}"]),
    `bwd = gn.backward(graph, feeds${given.map(([name]) => `, ${name}=${name}`).join("")})`,
    "",
  ].join("\n");
}

function pythonNumber(number) {
  if (Number.isNaN(number)) return "np.nan";
  return Number.isFinite(number) ? String(number) : number < 0 ? "-np.inf" : "np.inf";
}
