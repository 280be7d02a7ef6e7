// The engine: runs the rules that the page carries, lowered to primitives, as graphnet runs them with NumPy. It knows
// NumPy's functions, and no op and no rule. An array is {shape, data}, row after row; its data are real numbers (which a
// Float32Array rounds), whole numbers (Int32Array) or truth values (Uint8Array). No array is ever changed.

const KINDS = { f8: Float64Array, f4: Float32Array, i4: Int32Array, b1: Uint8Array };

function decoded({ shape, kind, data }) {
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  return { shape, data: new KINDS[kind](bytes.buffer) };
}

const countOf = (shape) => shape.reduce((product, size) => product * size, 1);

const stridesOf = (shape) => shape.map((_, axis) => countOf(shape.slice(axis + 1)));

// Where in another array those entries are through which one of this shape walks with these strides.
const walks = new Map();

function walk(shape, strides, offset = 0) {
  const key = `${shape}|${strides}|${offset}`;
  let places = walks.get(key);
  if (places) return places;
  places = new Int32Array(countOf(shape));
  if (places.length) places[0] = offset;
  let filled = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    for (let i = filled; i < Math.min(filled * shape[axis], places.length); i++)
      places[i] = places[i - filled] + strides[axis];
    filled *= shape[axis];
  }
  if (walks.size > 2000) walks.clear();
  walks.set(key, places);
  return places;
}

function fetch(out, data, places) {
  for (let i = 0; i < places.length; i++) out[i] = data[places[i]];
}

function put(out, data, places) {
  for (let i = 0; i < places.length; i++) out[places[i]] = data[i];
}

// The entries of an array that is broadcast to a shape.
function spread({ shape, data }, to) {
  const count = countOf(to);
  if (data.length === count) return data;
  const out = new data.constructor(count);
  if (data.length === 1) return out.fill(data[0]);
  const strides = stridesOf(shape).map((stride, axis) => (shape[axis] === 1 ? 0 : stride));
  fetch(out, data, walk(to, [...Array(to.length - shape.length).fill(0), ...strides]));
  return out;
}

// Visit each row along an axis: told where it starts, how far apart its entries are, how many, and which row it is.
function along(shape, axis, visit) {
  const [size, step] = [shape[axis], countOf(shape.slice(axis + 1))];
  const rows = countOf(shape.slice(0, axis)) * step;
  for (let row = 0; row < rows; row++) visit(Math.floor(row / step) * step * size + (row % step), step, size, row);
}

// Entry by entry -----------------------------------------------------------------------------------------------------

function unary(f) {
  return (out, [x], settings) => {
    for (let i = 0; i < out.length; i++) out[i] = f(x.data[i], settings);
  };
}

function binary(f) {
  return (out, [x, y], _, shape) => {
    const [a, b] = [spread(x, shape), spread(y, shape)];
    for (let i = 0; i < out.length; i++) out[i] = f(a[i], b[i]);
  };
}

const isNegative = (x) => x < 0 || Object.is(x, -0);
const withSign = (size, x) => (isNegative(x) ? -size : size);
const toEven = (x) => (Math.abs(x % 1) === 0.5 ? 2 * Math.round(x / 2) : Math.round(x));

function round(x, { decimals }) {
  const scale = 10 ** Math.abs(decimals);
  return decimals < 0 ? toEven(x / scale) * scale : toEven(x * scale) / scale;
}

const power = (x, y) => (x === 1 || (x === -1 && Math.abs(y) === Infinity) ? 1 : x ** y);

function remainder(x, y) {
  const rest = x % y;
  if (rest === 0) return withSign(0, y);
  return rest < 0 !== y < 0 ? rest + y : rest;
}

function floorDivide(x, y) {
  if (y === 0) return x / y;
  const quotient = (x - remainder(x, y)) / y;
  return quotient - Math.floor(quotient) > 0.5 ? Math.ceil(quotient) : Math.floor(quotient);
}

const logOfSum = (x, y) => (x === y ? x + Math.LN2 : Math.max(x, y) + Math.log1p(Math.exp(-Math.abs(x - y))));

function where(out, [condition, x, y], _, shape) {
  const [c, a, b] = [condition, x, y].map((one) => spread(one, shape));
  for (let i = 0; i < out.length; i++) out[i] = c[i] ? a[i] : b[i];
}

function toNumbers(out, [x], { nan, posinf, neginf }) {
  const largest = out instanceof Float32Array ? 3.4028234663852886e38 : Number.MAX_VALUE;
  for (let i = 0; i < out.length; i++) {
    const z = x.data[i];
    out[i] = Number.isFinite(z) ? z : Number(z > 0 ? (posinf ?? largest) : z < 0 ? (neginf ?? -largest) : nan);
  }
}

const polynomial = (coefficients, x) => coefficients.reduceRight((value, c) => value * x + c, 0);

// erfc(x √half) of no negative x, by the polynomials that come with the rule.
function upperTail(x, half, { tail }) {
  const coarse = toEven(x * 32) / 32;
  const gauss = Math.exp(-half * coarse * coarse) * Math.exp(half * (coarse - x) * (coarse + x));
  const scaled = x * Math.sqrt(half);
  return (gauss * (1 + polynomial(tail, (scaled - 3) / (scaled + 3)))) / (1 + 2 * scaled);
}

function erf(x, settings) {
  const size = Math.min(Math.abs(x), settings.farthest);
  return withSign(size < 1 ? size * polynomial(settings.near, size * size) : 1 - upperTail(size, 1, settings), x);
}

function normalCdf(x, settings) {
  const tail = upperTail(Math.min(Math.abs(x), settings.farthest), 0.5, settings) / 2;
  return x < 0 ? tail : 1 - tail;
}

// Sums and products --------------------------------------------------------------------------------------------------

function reduced(start, f, finish = (value) => value) {
  return (out, [x], { strides }) => {
    const places = walk(x.shape, strides);
    const all = new Float64Array(out.length).fill(start);
    for (let i = 0; i < places.length; i++) all[places[i]] = f(all[places[i]], x.data[i]);
    for (let i = 0; i < out.length; i++) out[i] = finish(all[i], x.data.length / out.length);
  };
}

function sumOfSquares(out, [x]) {
  out[0] = x.data.reduce((sum, z) => sum + z * z, 0);
}

function matmul(out, [x, y], _, shape) {
  const [isMatrix, areColumns] = [x.shape.length > 1, y.shape.length > 1];
  const [rows, inner, columns] = [isMatrix ? x.shape.at(-2) : 1, x.shape.at(-1), areColumns ? y.shape.at(-1) : 1];
  if (!out.length || !inner) return;
  const batch = shape.slice(0, shape.length - isMatrix - areColumns);
  const starts = (z, size) => {
    const data = Int32Array.from({ length: z.data.length / size }, (_, i) => i * size);
    return spread({ shape: z.shape.slice(0, -2), data }, batch);
  };
  const [from, by] = [starts(x, rows * inner), starts(y, inner * columns)];
  const row = new Float64Array(columns);
  for (let n = 0; n < from.length * rows; n++) {
    const [matrix, start] = [Math.floor(n / rows), from[Math.floor(n / rows)] + (n % rows) * inner];
    row.fill(0);
    for (let k = 0; k < inner; k++) {
      const [factor, at] = [x.data[start + k], by[matrix] + k * columns];
      for (let j = 0; j < columns; j++) row[j] += factor * y.data[at + j];
    }
    out.set(row, n * columns);
  }
}

// Products of entries summed, given how each operand and the result are walked through over all indices.
function einsum(out, operands, { sizes, strides }) {
  const [to, ...places] = strides.map((one) => walk(sizes, one));
  const all = new Float64Array(out.length);
  for (let i = 0; i < to.length; i++) {
    let product = 1;
    for (let k = 0; k < operands.length; k++) product *= operands[k].data[places[k][i]];
    all[to[i]] += product;
  }
  out.set(all);
}

// One sum stands behind convolution and its way back: images · kernel · what comes out, over all places of the kernel.
function sliding(wanted) {
  return (out, [first, second], { stride, padding, dilation, groups }, shape) => {
    const whole = { shape, data: new Float64Array(out.length) };
    const parts = { images: [whole, second, first], kernel: [first, whole, second], result: [first, second, whole] };
    const [x, w, z] = parts[wanted];
    const [[samples, channels, height, width], [kernels, deep, rows, columns]] = [x.shape, w.shape];
    const [down, right] = z.shape.slice(2);
    const [X, W, Z] = [x.data, w.data, z.data];
    for (let n = 0; n < samples; n++)
      for (let o = 0; o < kernels; o++)
        for (let c = 0; c < deep; c++) {
          const sheet = (n * channels + Math.floor(o / (kernels / groups)) * deep + c) * height * width;
          for (let p = 0; p < rows; p++)
            for (let q = 0; q < columns; q++) {
              const of = ((o * deep + c) * rows + p) * columns + q;
              for (let i = 0; i < down; i++) {
                const y = stride[0] * i + dilation[0] * p - padding[0];
                if (y < 0 || y >= height) continue;
                for (let j = 0; j < right; j++) {
                  const at = stride[1] * j + dilation[1] * q - padding[1];
                  if (at < 0 || at >= width) continue;
                  const [from, to] = [sheet + y * width + at, ((n * kernels + o) * down + i) * right + j];
                  if (wanted === "result") Z[to] += X[from] * W[of];
                  else if (wanted === "images") X[from] += Z[to] * W[of];
                  else W[of] += X[from] * Z[to];
                }
              }
            }
        }
    out.set(whole.data);
  };
}

// Entries moved ------------------------------------------------------------------------------------------------------

function concatenate(out, parts, { axis }, shape) {
  const strides = stridesOf(shape);
  let start = 0;
  for (const part of parts) {
    put(out, part.data, walk(part.shape, strides, start * strides[axis]));
    start += part.shape[axis];
  }
}

function pad(out, [x], { before, value }, shape) {
  const strides = stridesOf(shape);
  const offset = before.reduce((sum, size, axis) => sum + size * strides[axis], 0);
  put(out.fill(Number(value)), x.data, walk(x.shape, strides, offset));
}

function roll(out, [x], { shape, shift, axis }) {
  let data = x.data;
  shift.forEach((by, i) => {
    const [from, to] = [data, data.slice()];
    along(shape, axis[i], (start, step, size) => {
      for (let k = 0; k < size; k++) to[start + remainder(k + by, size) * step] = from[start + k * step];
    });
    data = to;
  });
  out.set(data);
}

function checked(position, size, fromEnd) {
  if (position < size && position >= (fromEnd ? -size : 0)) return position < 0 ? position + size : position;
  throw new RangeError(`position ${position} along an axis of size ${size}`);
}

// The places, in an array of this shape, of what is picked by paired positions along some axes.
function pickedPlaces(shape, { axes, from_end: fromEnd }, positions) {
  const strides = stridesOf(shape);
  const rest = shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis));
  const [first, last] = [Math.min(...axes), Math.max(...axes)];
  const place = last - first + 1 === axes.length ? first : 0;
  const walked = (some) => walk(some.map((axis) => shape[axis]), some.map((axis) => strides[axis]));
  const [outer, inner] = [walked(rest.slice(0, place)), walked(rest.slice(place))];
  const paired = positions.reduce((best, one) => (one.shape.length > best.length ? one.shape : best), []);
  const middle = new Int32Array(countOf(paired));
  positions.forEach((one, k) => {
    const [each, axis] = [spread(one, paired), axes[k]];
    for (let i = 0; i < middle.length; i++) middle[i] += checked(each[i], shape[axis], fromEnd.includes(axis)) * strides[axis];
  });
  const places = new Int32Array(outer.length * middle.length * inner.length);
  let i = 0;
  for (const a of outer) for (const b of middle) for (const c of inner) places[i++] = a + b + c;
  return places;
}

function placesAlong(shape, { axis, from_end: fromEnd }, [{ shape: of, data }]) {
  const strides = stridesOf(shape);
  const others = walk(of, strides.map((stride, i) => (i === axis ? 0 : stride)));
  return others.map((start, i) => start + checked(data[i], shape[axis], fromEnd) * strides[axis]);
}

function maskedPlaces(shape, { axis }, [mask]) {
  const inner = countOf(shape.slice(axis + mask.shape.length));
  const isKept = (place) => mask.data[Math.floor(place / inner) % mask.data.length];
  return [...Array(countOf(shape)).keys()].filter(isKept);
}

const fetching = (placesOf) => (out, [x, ...by], settings) => fetch(out, x.data, placesOf(x.shape, settings, by));

function adding(placesOf) {
  return (out, [x, ...by], settings, shape) => {
    const all = new Float64Array(out.length);
    placesOf(shape, settings, by).forEach((place, i) => (all[place] += x.data[i]));
    out.set(all);
  };
}

// Rows in order ------------------------------------------------------------------------------------------------------

function inOrder(give) {
  return (out, [x], { axis }) =>
    along(x.shape, axis, (start, step, size, row) => {
      const values = Array.from({ length: size }, (_, k) => x.data[start + k * step]);
      const before = (i, j) => values[i] - values[j] || Number.isNaN(values[i]) - Number.isNaN(values[j]) || i - j;
      give(out, values, before, (k) => start + k * step, row);
    });
}

function sorted(read) {
  return inOrder((out, values, before, at) =>
    [...values.keys()].sort(before).forEach((from, k) => (out[at(k)] = read(values, from))),
  );
}

const argmax = inOrder((out, values, _, at, row) => {
  const bad = values.findIndex(Number.isNaN);
  out[row] = bad < 0 ? values.reduce((best, value, k) => (value > values[best] ? k : best), 0) : bad;
});

function cumsum(out, [x], { axis, from_end: fromEnd }) {
  along(x.shape, axis, (start, step, size) => {
    let sum = 0;
    for (let k = 0; k < size; k++) {
      const at = start + (fromEnd ? size - 1 - k : k) * step;
      out[at] = sum += x.data[at];
    }
  });
}

// Matrices -----------------------------------------------------------------------------------------------------------

// Bring a matrix, with what stands right of it, to the unit matrix by Gauss's elimination; return ln |det| and its sign.
function eliminate(rows) {
  let [log, sign] = [0, 1];
  for (let k = 0; k < rows.length; k++) {
    let best = k;
    for (let i = k + 1; i < rows.length; i++) if (Math.abs(rows[i][k]) > Math.abs(rows[best][k])) best = i;
    if (best !== k) [rows[k], rows[best], sign] = [rows[best], rows[k], -sign];
    const pivot = rows[k][k];
    if (pivot === 0) return { log: -Infinity, sign: 0 };
    log += Math.log(Math.abs(pivot));
    sign *= Math.sign(pivot);
    rows[k] = rows[k].map((entry) => entry / pivot);
    for (let i = 0; i < rows.length; i++) {
      const factor = rows[i][k];
      if (i !== k && factor) for (let j = k; j < rows[i].length; j++) rows[i][j] -= factor * rows[k][j];
    }
  }
  return { log, sign };
}

// Visit each matrix of a stack, as rows; with what a function puts right of it.
function eachMatrix({ shape, data }, visit) {
  const n = shape.at(-1);
  for (let m = 0; m < data.length / (n * n || 1); m++)
    visit(Array.from({ length: n }, (_, i) => [...data.subarray((m * n + i) * n, (m * n + i + 1) * n)]), m);
}

function solve(out, [matrix, right], _, shape) {
  const [n, axes] = [matrix.shape.at(-1), Math.min(2, right.shape.length)];
  const [stack, columns] = [shape.slice(0, -axes), axes > 1 ? shape.at(-1) : 1];
  const left = { shape: [...stack, n, n], data: spread(matrix, [...stack, n, n]) };
  const known = spread(right, shape);
  eachMatrix(left, (rows, m) => {
    const at = (i) => (m * n + i) * columns;
    rows.forEach((row, i) => row.push(...known.subarray(at(i), at(i) + columns)));
    if (!eliminate(rows).sign) throw new RangeError("a matrix that is singular");
    rows.forEach((row, i) => out.set(row.slice(n), at(i)));
  });
}

function inv(out, [matrix], settings, shape) {
  const n = shape.at(-1);
  const unit = Float64Array.from({ length: n * n }, (_, i) => (i % (n + 1) === 0 ? 1 : 0));
  solve(out, [matrix, { shape: [n, n], data: unit }], settings, shape);
}

const ofDeterminant = (read) => (out, [matrix]) => eachMatrix(matrix, (rows, m) => (out[m] = read(eliminate(rows))));

function cholesky(out, [matrix], _, shape) {
  const n = shape.at(-1);
  eachMatrix(matrix, (rows, m) => {
    const root = rows.map((row) => row.map(() => 0));
    for (let i = 0; i < n; i++)
      for (let j = 0; j <= i; j++) {
        let rest = (rows[i][j] + rows[j][i]) / 2;
        for (let k = 0; k < j; k++) rest -= root[i][k] * root[j][k];
        if (i === j && !(rest > 0)) throw new RangeError("a matrix that is not positive definite");
        root[i][j] = i === j ? Math.sqrt(rest) : rest / root[j][j];
      }
    out.set(root.flat(), m * n * n);
  });
}

// Each writes into `out`, of zeros, given the operands, the settings, and the shape of what it writes.
const PRIMITIVES = {
  add: binary((x, y) => x + y),
  subtract: binary((x, y) => x - y),
  multiply: binary((x, y) => x * y),
  divide: binary((x, y) => x / y),
  fmod: binary((x, y) => x % y),
  arctan2: binary(Math.atan2),
  heaviside: binary((x, y) => (x === 0 ? y : x < 0 ? 0 : x > 0 ? 1 : x)),
  logaddexp2: binary((x, y) => logOfSum(x * Math.LN2, y * Math.LN2) / Math.LN2),
  greater: binary((x, y) => x > y),
  greater_equal: binary((x, y) => x >= y),
  less: binary((x, y) => x < y),
  less_equal: binary((x, y) => x <= y),
  equal: binary((x, y) => x === y),
  not_equal: binary((x, y) => x !== y),
  logical_and: binary((x, y) => Boolean(x && y)),
  logical_or: binary((x, y) => Boolean(x || y)),
  logical_xor: binary((x, y) => !x !== !y),
  logical_not: unary((x) => !x),
  isinf: unary((x) => Math.abs(x) === Infinity),
  negative: unary((x) => -x),
  square: unary((x) => x * x),
  reciprocal: unary((x) => 1 / x),
  exp2: unary((x) => 2 ** x),
  view: (out, [x], { strides, offset }, shape) => fetch(out, x.data, walk(shape, strides, offset)),
  scatter: (out, [x], { strides, offset }) => put(out, x.data, walk(x.shape, strides, offset)),
  sum: reduced(0, (sum, z) => sum + z),
  mean: reduced(0, (sum, z) => sum + z, (sum, count) => sum / count),
  max: reduced(-Infinity, Math.max),
  det: ofDeterminant(({ log, sign }) => sign * Math.exp(log)),
  log_abs_det: ofDeterminant(({ log }) => log),
  sign_of_det: ofDeterminant(({ sign }) => sign),
  ...each(binary, { power, remainder, floor_divide: floorDivide, hypot: Math.hypot, logaddexp: logOfSum }),
  ...each(binary, { maximum: Math.max, minimum: Math.min }),
  ...each(unary, { rint: toEven, round, erf, normal_cdf: normalCdf, signbit: isNegative }),
  ...each(unary, { isnan: Number.isNaN, isfinite: Number.isFinite }),
  ...each(unary, { arcsin: Math.asin, arccos: Math.acos, arctan: Math.atan }),
  ...each(unary, { arcsinh: Math.asinh, arccosh: Math.acosh, arctanh: Math.atanh }),
  ...each(fetching, { pick: pickedPlaces, take_along_axis: placesAlong, mask: maskedPlaces }),
  ...each(adding, { pick_add: pickedPlaces, add_along_axis: placesAlong, unmask: maskedPlaces }),
  ...each(sliding, { conv2d: "result", conv2d_to_input: "images", conv2d_to_kernel: "kernel" }),
  ...{ where, nan_to_num: toNumbers, sum_of_squares: sumOfSquares, matmul, einsum, concatenate, pad, roll },
  ...{ sort: sorted((values, from) => values[from]), argsort: sorted((_, from) => from), argmax },
  ...{ cumsum, inv, solve, cholesky },
};
const SAME = ["abs", "sign", "floor", "ceil", "trunc", "sqrt", "cbrt", "exp", "expm1", "log", "log1p", "log2", "log10"];
for (const name of [...SAME, "sin", "cos", "tan", "sinh", "cosh", "tanh"]) PRIMITIVES[name] = unary(Math[name]);

function each(make, given) {
  return Object.fromEntries(Object.entries(given).map(([name, one]) => [name, make(one)]));
}

// The network ---------------------------------------------------------------------------------------------------------

// Return the engine of what the page carries of a network, by graphnet/draw/page/live.py.
function makeEngine(live) {
  const real = KINDS[live.real];
  const kinds = { f: real, i: Int32Array, b: Uint8Array };
  const nodes = Object.entries(live.nodes);
  const leaves = {};
  for (const [id, node] of nodes) if (node.value) leaves[id] = decoded(node.value);
  const starts = Object.entries(live.starts).map(([id, start]) => [id, decoded(start)]);
  const set = withMasks(live.set);
  const setSignal = withMasks(live.setSignal);
  const programs = live.programs.map(({ steps, results }) => ({ steps: steps.map(stepOf), results }));

  function withMasks(given) {
    const set = ([id, { value, mask }]) => [id, { ...decoded(value), mask: decoded(mask).data }];
    return Object.fromEntries(Object.entries(given).map(set));
  }

  function stepOf([name, inputs, shape, kind = "f", settings = {}]) {
    if (name === "constant") return { constant: decoded(settings) };
    return { compute: PRIMITIVES[name], inputs, shape, kind: kinds[kind], settings };
  }

  function execute({ steps, results }, operands) {
    const values = [...operands];
    for (const { constant, compute, inputs, shape, kind, settings } of steps) {
      if (constant) values.push(constant);
      else {
        const data = new kind(countOf(shape));
        compute(data, inputs.map((place) => values[place]), settings, shape);
        values.push({ shape, data });
      }
    }
    return results.map((place) => (place === null ? null : values[place]));
  }

  const cast = ({ shape, data }, kind) => ({ shape, data: data instanceof kind ? data : kind.from(data) });

  const add = (x, y) => ({ shape: x.shape, data: x.data.map((entry, i) => entry + y.data[i]) });

  function replaced(tensor, by) {
    if (!by?.mask) return by ?? tensor;
    return { shape: by.shape, data: by.data.map((entry, i) => (by.mask[i] ? entry : tensor ? tensor.data[i] : 0)) };
  }

  // The values of all nodes, and what was computed where they are set by hand: with the rules for all samples (0), for a
  // single one (1), or for the points of a map (2), which not all nodes have; `only` brings arrays down to what is run.
  function forward(values, set, size, only) {
    const [found, computed] = [{}, {}];
    for (const [id, node] of nodes) {
      const by = set[id] && only(id, set[id]);
      if (node.forward && node.forward[size] === undefined) continue;
      if (!by || by.mask) {
        const operands = node.inputs?.map((source) => found[source]);
        const result = operands ? execute(programs[node.forward[size]], operands)[0] : only(id, values[id] ?? leaves[id]);
        computed[id] = cast(result, kinds[node.kind]);
      }
      found[id] = by ? cast(replaced(computed[id], by), kinds[node.kind]) : computed[id];
    }
    return [found, computed];
  }

  // Run the network forward and backward.
  //   values     {id: array}: leaves that are not as they were
  //   set        {id: array, with `mask` if only a part of it is set}: values set by hand, of any nodes. What is set is a
  //              constant of the run: no error signal goes back past it
  //   setSignal  the same for error signals
  //   batch      the number of the one sample to run, or null for all; arrays may be given for all samples
  // Returns {values, signals, messages, loss}: by id arrays, and lists of {from, slot, tensor} in the order in which they
  // are added up; `from` is null for what the output starts with. Throws RangeError where graphnet would raise an error.
  function run(given = {}) {
    const options = { values: {}, set, setSignal, batch: null, ...given };
    const { batch } = options;
    if (batch !== null && live.single) throw new RangeError(live.single);
    const size = batch === null ? 0 : 1;

    function only(id, tensor) {
      if (batch === null || !live.nodes[id].batched || tensor.shape[0] !== live.samples) return tensor;
      const [count, shape] = [countOf(tensor.shape.slice(1)), [1, ...tensor.shape.slice(1)]];
      const part = (data) => data?.slice(batch * count, (batch + 1) * count);
      return { shape, data: part(tensor.data), mask: part(tensor.mask) };
    }

    // What a node sends back to each of its inputs.
    function sent(id, node) {
      const inputs = node.inputs.map((source) => values[source]);
      const by = options.set[id] && only(id, options.set[id]);
      if (by && !by.mask?.includes(0)) return inputs.map(({ shape, data }) => ({ shape, data: new real(data.length) }));
      const { shape, data } = signals[id];
      const delta = by ? { shape, data: data.map((entry, i) => (by.mask[i] ? 0 : entry)) } : signals[id];
      return execute(programs[node.backward[size]], [delta, computed[id], ...inputs]);
    }

    const [values, computed] = forward(options.values, options.set, size, only);
    const signals = {};
    const messages = Object.fromEntries(nodes.map(([id]) => [id, []]));
    for (const [id, start] of starts) messages[id].push({ from: null, slot: null, tensor: only(id, start) });
    for (const [id, node] of [...nodes].reverse()) {
      const received = messages[id].map((message) => message.tensor);
      const by = options.setSignal[id] && only(id, options.setSignal[id]);
      if (!received.length && !by) continue;
      const signal = received.length ? received.reduce(add) : null;
      signals[id] = by ? cast(replaced(signal, by), real) : signal;
      if (!node.backward) continue;
      sent(id, node).forEach((tensor, slot) => {
        const { role, kind } = live.nodes[node.inputs[slot]];
        if (tensor && kind === "f" && role !== "constant")
          messages[node.inputs[slot]].push({ from: id, slot, tensor: cast(tensor, real) });
      });
    }
    const output = live.outputs.length === 1 ? values[live.outputs[0]] : null;
    return { values, signals, messages, loss: output?.shape.length === 0 ? output.data[0] : null };
  }

  // The values of the nodes that have maps, at the points of one: pairs of numbers, one after the other.
  function map(values, points) {
    const input = { shape: [points.length / 2, 2], data: real.from(points) };
    return forward({ ...values, [live.maps.input]: input }, {}, 2, (_, tensor) => tensor)[0];
  }

  // One step of gradient descent: the new values of the parameters that have a gradient.
  function step(values, gradients, rate) {
    const [eta] = real.of(rate);
    const changed = nodes.filter(([id, node]) => node.role === "parameter" && gradients[id]);
    return Object.fromEntries(
      changed.map(([id]) => {
        const [{ shape, data }, by] = [values[id] ?? leaves[id], gradients[id].data.map((entry) => eta * entry)];
        return [id, { shape, data: data.map((entry, i) => entry - by[i]) }];
      }),
    );
  }

  return { leaves, set, setSignal, run, map, step };
}
