// Numbers as text and arrays as plain data, to the letter as graphnet writes them into the page.

function numberText(value, digits = 4) {
  if (typeof value === "boolean") return String(value);
  if (Number.isNaN(value)) return "nan";
  const sign = value < 0 ? "−" : "";
  const size = Math.abs(value);
  if (size === 0 || size === Infinity) return sign && size ? "−inf" : size ? "inf" : "0";
  const [mantissa, power] = rounded(size, digits).split("e");
  const exponent = Number(power);
  const figures = mantissa.replace(".", "");
  const trimmed = (text) => text.replace(/\.0*$|(\.\d*?)0+$/, "$1");
  if (exponent < -4 || exponent >= digits)
    return `${sign}${trimmed(mantissa)}e${exponent < 0 ? "−" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
  if (exponent < 0) return sign + trimmed(`0.${"0".repeat(-exponent - 1)}${figures}`);
  return sign + trimmed(`${figures.slice(0, exponent + 1)}.${figures.slice(exponent + 1)}`);
}

// In exponential form with so many digits; half goes to the even one, where toExponential takes the larger.
function rounded(size, digits) {
  const up = size.toExponential(digits - 1);
  if (!/5e/.test(size.toExponential(digits))) return up;
  const exact = size.toExponential(100);
  const down = exact.slice(0, digits + 1);
  return /^50*e/.test(exact.slice(digits + 1)) && Number(down.at(-1)) % 2 === 0 ? `${down}e${exact.split("e")[1]}` : up;
}

// The entry of an array: a truth value where it holds such.
const entryOf = ({ data }, i) => (data instanceof Uint8Array ? Boolean(data[i]) : data[i]);

function norm({ data }) {
  let largest = 0;
  for (const entry of data) if (Number.isFinite(entry)) largest = Math.max(largest, Math.abs(entry));
  let sum = 0;
  const unit = largest || 1;
  for (const entry of data) if (Number.isFinite(entry)) sum += (entry / unit) ** 2;
  return unit * Math.sqrt(sum);
}

const LONGEST_SIDE = 64;

// What the page says of an array, with at most so many of its numbers; or all of its images, beside each other.
function arrayData(array, most, images) {
  const { shape, data } = array;
  if (!data.length) return { shape, rows: [] };
  const columns = shape.at(-1) ?? 1;
  const [high, wide] = sizesOfReduced(data.length / columns, columns, most);
  const told = { shape, rows: [] };
  if (images) {
    told.images = images;
    told.rows = placesOfImages(shape, images).map((row) => row.map((at) => (at < 0 ? "" : numberText(entryOf(array, at)))));
  } else if (high * wide === data.length)
    for (let i = 0; i < data.length; i += columns)
      told.rows.push(Array.from({ length: columns }, (_, c) => numberText(entryOf(array, i + c))));
  else {
    told.each = [Math.ceil(data.length / columns / high), Math.ceil(columns / wide)];
    for (let row = 0; row < high; row++)
      told.rows.push(
        Array.from({ length: wide }, (_, column) => numberText(entryOf(array, largestIn(array, row, column, high, wide)))),
      );
  }
  if (data instanceof Uint8Array) return { ...told, true: data.reduce((sum, one) => sum + one, 0) };
  let [least, largest, bad] = [Infinity, -Infinity, 0];
  for (const entry of data) {
    if (!Number.isFinite(entry)) bad++;
    else [least, largest] = [Math.min(least, entry), Math.max(largest, entry)];
  }
  if (bad) told.bad = bad;
  if (bad < data.length) Object.assign(told, { norm: numberText(norm(array)), range: [least, largest].map((end) => numberText(end)) });
  return told;
}

const MOST_OF_IMAGES = 4096;

// The place of each number of images [height, width, whether each is a column], laid out in rows; −1 between two images.
function placesOfImages(shape, [height, width, inColumns]) {
  const [area, size] = [height * width, shape.reduce((all, one) => all * one, 1)];
  const stride = inColumns ? (shape[1] ?? 1) : 1;
  const count = Math.max(1, Math.min(size / area, Math.floor(MOST_OF_IMAGES / area)));
  const inRow = Math.ceil(Math.sqrt((count * height) / width));
  const laid = Array.from({ length: Math.ceil(count / inRow) * (height + 1) - 1 }, () => Array(inRow * (width + 1) - 1).fill(-1));
  for (let i = 0; i < count; i++)
    for (let at = 0; at < area; at++) {
      const [row, column] = [Math.floor(at / width), at % width];
      laid[Math.floor(i / inRow) * (height + 1) + row][(i % inRow) * (width + 1) + column] = inColumns ? at * stride + i : i * area + at;
    }
  return laid;
}

// How many rows and columns are shown of a matrix: the longer side is cut first.
function sizesOfReduced(rows, columns, most) {
  if (rows * columns <= most && Math.max(rows, columns) <= LONGEST_SIDE) return [rows, columns];
  const short = Math.min(rows, columns, Math.floor(Math.sqrt(most)));
  const long = Math.min(Math.max(rows, columns), LONGEST_SIDE, Math.floor(most / short));
  return rows <= columns ? [short, long] : [long, short];
}

// The place of the entry of largest size in a tile of an array that is shown as high × wide of them.
function largestIn({ shape, data }, row, column, high, wide) {
  const columns = shape.at(-1) ?? 1;
  const start = (part, parts, size) => Math.floor((part * size) / parts);
  const [top, bottom] = [row, row + 1].map((part) => start(part, high, data.length / columns));
  const [left, right] = [column, column + 1].map((part) => start(part, wide, columns));
  let [found, size] = [top * columns + left, -1];
  for (let i = top; i < bottom; i++)
    for (let j = left; j < right; j++) {
      const here = Math.abs(data[i * columns + j]);
      if (here > size || here !== here) [found, size] = [i * columns + j, here !== here ? Infinity : here];
    }
  return found;
}

// What the page says of an array, in a few words: its numbers if they are few.
function arrayText({ shape, rows, range, true: are, bad }) {
  if (!rows.length) return "an empty array";
  const size = countOf(shape);
  if (size === 1) return rows[0][0];
  if (shape.length <= 2 && size <= 6) return `(${rows.map((row) => row.join(", ")).join("; ")})`;
  const ends = range?.every((end) => end === "0") ? "all 0" : range && `from ${range[0]} to ${range[1]}`;
  const told = [`${shape.join(" × ")} numbers`, ends, are !== undefined && `${are} true`, bad && `${bad} not finite`];
  return told.filter(Boolean).join(", ");
}
