// Maps: what the output and each hidden unit of a network with two inputs have at every point of their plane.

const MAP_SIZE = 112; // pixels
const MEANING = "Blue above the middle of its range, orange below, a line where it is reached. Dots: the samples, dark where the target is the larger one.";

function makeMaps(lab) {
  const { input, points: side, nodes } = page.live.maps;
  const others = Object.entries(page.live.nodes).filter(([id, node]) => node.role === "input" && node.batched && id !== input);
  const target = others.length === 1 ? others[0][0] : null;
  const place = el("div", { class: "maps", role: "group", onscroll: show, "aria-label": "What each unit makes of the plane of the inputs" });
  lab.append(place);
  const maps = [...nodes].reverse().flatMap((id, far) =>
    Array.from({ length: live.shape(id)[1] }, (_, unit, of = live.shape(id)[1]) => makeMap(id, unit, of, far === 0)),
  );
  place.append(...maps.map((one) => one.element));
  if (!isEachAlone()) place.replaceChildren(el("p", { class: "quiet" }, "No maps: what a unit does with a sample depends on the others."));

  function makeMap(id, unit, of, isOutput) {
    const canvas = el("canvas", { width: MAP_SIZE, height: MAP_SIZE, role: "img" });
    const name = `${page.edit.names[id]}${of > 1 ? `[${unit}]` : ""}`;
    const element = el("button", { type: "button", class: "plane", title: MEANING, onclick: () => select(boxOf(id)) }, canvas, name);
    canvas.repaint = () => maps.length && show();
    return { id, unit, of, name, canvas, element, isOutput };
  }

  // Whether the values at the samples are the same among other points.
  function isEachAlone() {
    const samples = live.edits.values[input].data;
    const points = Float64Array.from({ length: 2 * side * side }, (_, i) => samples[i] ?? samples[i % 2] + 1);
    const [found, expected] = [live.engine.map(live.edits.values, points), live.engine.run({ values: live.edits.values, set: {} }).values];
    const isClose = (id) => expected[id].data.every((value, i) => !(Math.abs(value - found[id].data[i]) > 1e-5 * Math.max(1, Math.abs(value))));
    return samples.length <= points.length && nodes.every(isClose);
  }

  // From where to where the plane goes: a quarter more than the samples on each side.
  function range(samples, axis) {
    const along = samples.filter((_, i) => i % 2 === axis);
    const [low, high] = [Math.min(...along), Math.max(...along)];
    const margin = (high - low) / 4 || 1;
    return [low - margin, high + margin];
  }

  function show() {
    if (!place.contains(maps[0].element)) return;
    const samples = live.edits.values[input].data;
    const [[left, right], [bottom, top]] = [range(samples, 0), range(samples, 1)];
    const points = new Float64Array(2 * side * side);
    for (let i = 0; i < side * side; i++) {
      points[2 * i] = left + ((right - left) * (i % side)) / (side - 1);
      points[2 * i + 1] = top - ((top - bottom) * Math.floor(i / side)) / (side - 1);
    }
    const values = live.engine.map(live.edits.values, points);
    const at = (x, y) => [((x - left) / (right - left)) * MAP_SIZE, ((top - y) / (top - bottom)) * MAP_SIZE];
    const [from, to] = [place.scrollLeft - MAP_SIZE, place.scrollLeft + place.clientWidth];
    const isSeen = ({ element }) => element.offsetLeft - place.offsetLeft > from && element.offsetLeft - place.offsetLeft < to;
    for (const one of maps.filter(isSeen)) paintPlane(one, values[one.id].data, samples, at);
  }

  // Blue above the middle, orange below, and a line where it is reached; samples as dots, dark where the target is above.
  function paintPlane({ id, unit, of, name, canvas, isOutput }, data, samples, at) {
    const middle = /sigmoid|softmax|normal_cdf/.test(page.live.nodes[id].role) ? 0.5 : 0;
    const value = (i) => data[i * of + unit] - middle;
    const all = data.filter((_, i) => i % of === unit);
    const [lowest, highest] = [Math.min(...all), Math.max(...all)];
    const size = middle || Math.max(-lowest, highest) || 1;
    const [low, even, high, ink] = ["--value-below-high", "--paper", "--value-high", "--ink"].map(colour);
    const image = new ImageData(MAP_SIZE, MAP_SIZE);
    const pixels = image.data;
    const between = (x, y) => {
      const [column, row] = [x, y].map((pixel) => (pixel * (side - 1)) / (MAP_SIZE - 1));
      const [j, i] = [column, row].map((here) => Math.min(side - 2, Math.floor(here)));
      const [p, q, k] = [column - j, row - i, i * side + j];
      return (value(k) * (1 - p) + value(k + 1) * p) * (1 - q) + (value(k + side) * (1 - p) + value(k + side + 1) * p) * q;
    };
    const field = Float64Array.from({ length: MAP_SIZE * MAP_SIZE }, (_, i) => between(i % MAP_SIZE, Math.floor(i / MAP_SIZE)));
    for (let i = 0; i < field.length; i++) {
      const isEdge = (by) => i + by < field.length && field[i] > 0 !== field[i + by] > 0;
      const [end, s] = [field[i] > 0 ? high : low, Math.min(1, Math.abs(field[i]) / size)];
      const isLine = isEdge(MAP_SIZE) || ((i + 1) % MAP_SIZE && isEdge(1));
      for (let c = 0; c < 3; c++) pixels[4 * i + c] = isLine ? ink[c] : even[c] + (end[c] - even[c]) * s;
      pixels[4 * i + 3] = 255;
    }
    const context = canvas.getContext("2d");
    context.putImageData(image, 0, 0);
    const isWanted = targets(isOutput ? unit : 0);
    for (let i = 0; i < samples.length / 2; i++) {
      const [inside, outside] = isWanted(i) ? [ink, even] : [even, ink];
      context.beginPath();
      context.arc(...at(samples[2 * i], samples[2 * i + 1]), live.samples > 60 ? 2 : 3.5, 0, 2 * Math.PI);
      [context.fillStyle, context.strokeStyle] = [inside, outside].map((rgb) => `rgb(${rgb})`);
      context.fill();
      context.stroke();
    }
    canvas.setAttribute("aria-label", `${name} over the plane, from ${numberText(lowest)} to ${numberText(highest)}`);
  }

  // Tells of a sample whether its target is above the middle of all of them.
  function targets(unit) {
    if (!target) return () => false;
    const { data, shape } = live.edits.values[target];
    const middle = (Math.min(...data) + Math.max(...data)) / 2;
    return (sample) => data[sample * (shape[1] ?? 1) + unit] > middle;
  }

  return { show };
}
