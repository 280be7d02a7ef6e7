// What was changed by hand, and what the network makes of it. The engine computes; `renew` brings its numbers into the form
// in which the page carries a recorded pass, so that all that shows a pass shows these.

// The edits: the values of leaves, and what was set by hand of other nodes, a mask saying where; both of all samples. They are
// never changed but replaced, so that going back is taking up older ones. The error signal of the node n3 goes by the id s3.

const MOST_UNDONE = 200;
const [nodeOf, signalOf] = ["n", "s"].map((letter) => (id) => letter + id.slice(1));
const isSignal = (id) => id[0] === "s";
const renamed = (arrays, name) => Object.fromEntries(Object.entries(arrays).map(([id, one]) => [name(id), one]));

function makeLive() {
  const engine = makeEngine(page.live);
  const first = { values: engine.leaves, set: { ...engine.set, ...renamed(engine.setSignal, signalOf) } };
  const recorded = engine.run({ batch: null }).values;
  const every = { ...recorded, ...renamed(recorded, signalOf) };
  const [past, future, listeners] = [[], [], []];
  let gesture = null; // while it lasts, its changes are one step of the way back
  let shown = null; // the edits whose numbers are on the page

  const live = {
    engine,
    first,
    edits: first,
    samples: page.live.single ? 1 : page.live.samples,
    batch: null, // the sample on show, or null for all of them
    rate: page.live.rate,
    result: null,
    problem: "", // why the last edit was not taken
    isLeaf: (id) => ["input", "parameter"].includes(page.live.nodes[id]?.role),
    nameOf: (id) => (isSignal(id) ? "error signal of " : "") + page.edit.names[nodeOf(id)],
    isSet: (id) => Boolean(live.edits.set[id]?.mask.some((is, place) => is && live.shownPlace(id, place) !== null)), // of what is on show
    has: (id, place) => place < (every[id]?.data.length ?? 0),
    shape: (id) => every[id].shape,
    canUndo: () => past.length > 0,
    canRedo: () => future.length > 0,
    isChanged: () => live.edits !== first,
    onChange: (listener) => listeners.push(listener),

    // Set one number at its place over all samples: of a leaf, or by hand at another node, where null has it computed again.
    // All changes that one gesture makes are undone together.
    set: (id, place, number, by = null) => live.keep(live.with(live.edits, id, place, number), by),

    with({ values, set }, id, place, number) {
      if (live.isLeaf(id)) return { set, values: number === null ? values : { ...values, [id]: changed(values[id], place, number) } };
      const { [id]: here = { ...every[id], mask: new Uint8Array(every[id].data.length) }, ...others } = set;
      const mask = changed({ data: here.mask }, place, number === null ? 0 : 1).data;
      const now = { ...changed(here, place, number ?? 0), mask };
      return { values, set: mask.includes(1) ? { ...others, [id]: now } : others };
    },

    // Run the network with these edits, of the sample on show or of all, and what else is given.
    run({ values, set }, more = {}) {
      const part = (wanted) => Object.fromEntries(Object.entries(set).filter(([id]) => isSignal(id) === wanted));
      return engine.run({ values, set: part(false), setSignal: renamed(part(true), nodeOf), batch: live.batch, ...more });
    },

    // Have all of a node, or of its error signal, computed again.
    release(id) {
      const { [id]: _, ...others } = live.edits.set;
      return live.keep({ ...live.edits, set: others });
    },

    // Take new values of leaves, {id: array}, as a step of training does.
    setAll: (values, by = null) => live.keep({ ...live.edits, values: { ...live.edits.values, ...values } }, by),

    keep(edits, by = null) {
      if (by === null || by !== gesture) past.push(live.edits);
      if (past.length > MOST_UNDONE) past.shift();
      [gesture, future.length] = [by, 0];
      return live.show(edits);
    },

    endGesture: () => (gesture = null),
    undo: () => turn(past, future),
    redo: () => turn(future, past),
    reset: () => live.isChanged() && live.keep(first),

    // Show one sample, or with null all.
    choose(batch) {
      live.batch = batch;
      return live.show(live.edits);
    },

    setAt: (id, place) => Boolean(live.edits.set[id]?.mask[place]),
    initial: (id, place) => first.values[id]?.data[place],

    // What is not as it was at first: [{id, place, number}], the number null where it is no more set by hand.
    changes() {
      const found = [];
      for (const [id, { data }] of Object.entries(live.edits.values)) {
        const old = first.values[id].data;
        if (data !== old) data.forEach((number, place) => Object.is(number, old[place]) || found.push({ id, place, number }));
      }
      for (const id of new Set([...Object.keys(first.set), ...Object.keys(live.edits.set)])) {
        const [old, now] = [first, live.edits].map(({ set }) => (place) => (set[id]?.mask[place] ? set[id].data[place] : null));
        for (let place = 0; place < every[id].data.length; place++)
          if (!Object.is(old(place), now(place))) found.push({ id, place, number: now(place) });
      }
      return found;
    },

    // Compute with these edits, and show it; edits with which the network can't be run are not taken.
    show(edits) {
      try {
        live.result = live.run(edits);
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        live.problem = error.message;
        if (edits !== shown) past.pop();
        return false;
      }
      live.arrays = { ...live.result.values, ...renamed(live.result.signals, signalOf) };
      [live.edits, live.problem, shown] = [edits, "", edits];
      renew();
      listeners.forEach((listener) => listener());
      change({ live: state.live + 1 });
      return true;
    },

    // The place over all samples of a number on show, and the way round; null if it is of another sample.
    placeOf: (id, here) => here + offset(id),
    shownPlace: (id, place) => (place >= offset(id) && place < offset(id) + countOf(live.arrays[id].shape) ? place - offset(id) : null),
  };

  function offset(id) {
    if (live.batch === null || !page.live.nodes[nodeOf(id)].batched) return 0;
    return live.batch * (every[id].data.length / live.samples);
  }

  function changed({ shape, data }, place, number) {
    const copy = data.slice();
    copy[place] = number;
    return { shape, data: copy };
  }

  function turn(from, to) {
    if (!from.length) return;
    to.push(live.edits);
    gesture = null;
    live.show(from.pop());
  }

  return live;
}

// In the form of a recorded pass -------------------------------------------------------------------------------------

const recordedArrays = page.passes[0]?.arrays;

function renew() {
  const pass = page.passes[0];
  live.next = live.engine.step(live.edits.values, live.result.signals, live.rate);
  pass.arrays = {};
  const { values, signals, messages, loss } = live.result;
  live.slopes = slopesOf(live.result);
  widenScales(values, signals);
  const { most, title } = page.edit;
  for (const [id, recorded] of Object.entries(recordedArrays)) {
    const data = (array) => arrayData(array, most, recorded.value.images);
    const told = { value: { ...data(values[id]), of: id } };
    if (live.isSet(id)) told.byHand = true;
    if (recorded.unreached) told.unreached = true;
    if (signals[id] && recorded.signal) {
      told.signal = { ...data(signals[id]), of: signalOf(id) };
      if (live.isSet(signalOf(id))) told.signalByHand = true;
      const array = (message, i) => message.array && { array: data(messages[id][i].tensor) };
      told.messages = recorded.messages.map((message, i) => ({ ...message, ...array(message, i) }));
      if (recorded.update) told.update = data(live.next[id]);
      const flat = live.slopes[id] && flatUnits(live.slopes[id], page.edit.slopes[id]);
      if (flat && Object.keys(flat).length) told.flat = flat;
    }
    pass.arrays[id] = told;
  }
  page.rate = numberText(live.rate);
  if (title) {
    const names = Object.keys(live.edits.set).filter(live.isSet).map(live.nameOf);
    pass.error = numberText(loss);
    const which = live.batch === null ? title : title.replace(/.*(?=: )/, `Sample ${live.batch + 1}`);
    page.title = `${which}${pass.error}${names.length ? `; set by hand: ${names.join(", ")}` : ""}`;
  }
}

// The node in a folded box whose error signal is largest.
function largestNow(box) {
  const found = scene.folds[box].filter((id) => live.result.signals[id]).map((id) => [norm(live.result.signals[id]), id]);
  const [size, id] = found.reduce((best, one) => (one[0] > best[0] ? one : best), [-1, null]);
  return id === null ? {} : { largest: { norm: numberText(size), name: page.edit.names[id] } };
}

// Slopes of activations: what their rules send back for error signals of ones.
function slopesOf({ values }) {
  const ids = Object.keys(page.edit.slopes);
  if (!ids.length) return {};
  const ones = Object.fromEntries(ids.map((id) => [id, { shape: values[id].shape, data: values[id].data.map(() => 1) }]));
  const run = live.run(live.edits, { setSignal: ones });
  const slopes = {};
  for (const id of ids) {
    const [source] = page.live.nodes[id].inputs;
    const sent = run.messages[source].find((message) => message.from === id);
    if (sent && !live.isSet(id)) slopes[id] = sent.tensor.data;
  }
  return slopes;
}

// How many entries are saturated, and how many off, in words: as in graphnet's engine.
function flatUnits(slopes, { largest, flat, straight }, all = slopes) {
  const off = slopes.filter((slope) => flat && slope === 0).length;
  const best = all.reduce((most, slope) => (Math.abs(slope) > most ? Math.abs(slope) : most), largest ?? 0);
  const isSaturated = (slope) => Math.abs(slope) < page.edit.saturated * best && !(flat && slope === 0);
  const saturated = straight || largest === null ? 0 : slopes.filter(isSaturated).length;
  const many = (count) => count.toLocaleString("en");
  const share = (count, what) => (slopes.length === 1 ? what : `${many(count)} of ${many(slopes.length)} ${what}`);
  return { ...(saturated && { saturated: share(saturated, "saturated") }), ...(off && { off: share(off, "off") }) };
}

// Numbers beyond the ends of a scale make it longer, so that the largest keeps the deepest colour.
function widenScales(values, signals) {
  const longer = (scale, arrays) => {
    let high = scale.least;
    for (const { shape, data } of arrays)
      if (shape.length) for (const entry of data) if (Math.abs(entry) > high && Math.abs(entry) < Infinity) high = Math.abs(entry);
    if (high !== scale.high) Object.assign(scale, { high, ends: [-high, high].map((end) => numberText(end, 3)) });
  };
  for (const scale of Object.values(page.scales)) scale.least ??= scale.high;
  longer(page.scales.value, Object.values(values));
  longer(page.scales.signal, Object.values(signals));
  longer(page.scales.weight, page.edit.chain?.layers.map(({ weights }) => values[weights]) ?? []);
}

const live = page.live?.nodes ? makeLive() : null;
