/**
 * The file `.gauss`: a picture made of Gaussians as a safetensors file. docs/pictures.md tells its tensors and fields.
 *
 * A picture is {width, height, channels, means, factors, weights, background, tolerance, amplitude, psnr}.
 */

const TENSORS = ["background", "cholesky", "means", "weights"];
const MOST_HEADER = 2 ** 20; // bytes
const MOST_GAUSSIANS = 2 ** 17; // and pixels per side: what a page can draw
const MOST_PIXELS = 4096;

/** The bytes of a picture of 8 bits per channel. */
export function writeGauss(picture) {
  const { width, height, channels, means, factors, weights, background, tolerance, amplitude, psnr } = picture;
  const n = means.length / 2;
  const tensors = { background, cholesky: factors, means, weights };
  const shapes = { background: [channels], cholesky: [n, 3], means: [n, 2], weights: [n, channels] };
  const fields = { format: "gaussgrad.gauss", version: 2, encoding: "plain", height, width, amplitude, tolerance };
  Object.assign(fields, { colour_space: "srgb", black: 0, white: 255, sample_type: "uint8" });
  if (Number.isFinite(psnr)) fields.fit_psnr = psnr;
  const header = { __metadata__: Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, String(value)])) };
  let end = 0;
  for (const name of TENSORS) {
    header[name] = { dtype: "F32", shape: shapes[name], data_offsets: [end, (end += 4 * tensors[name].length)] };
  }
  const text = JSON.stringify(header);
  const head = new TextEncoder().encode(text + " ".repeat(-text.length & 7));
  const bytes = new Uint8Array(8 + head.length + end);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(head.length), true);
  bytes.set(head, 8);
  for (const name of TENSORS) {
    const start = 8 + head.length + header[name].data_offsets[0];
    tensors[name].forEach((number, k) => view.setFloat32(start + 4 * k, number, true));
  }
  return bytes;
}

/** The picture of an ArrayBuffer; an Error that says in one sentence what is wrong with it. */
export function readGauss(buffer) {
  const { header, start } = headerOf(buffer);
  const fields = header.__metadata__ ?? {};
  refuseUnless(fields.format === "gaussgrad.gauss", "it is no .gauss file");
  const cure = "gaussgrad export FILE.gauss -o plain.gauss writes one that is not";
  refuseUnless(fields.encoding === "plain", `it is compact, which this page cannot read; ${cure}`);
  const [background] = tensor(buffer, header, start, "background", [null]);
  const channels = background.length;
  refuseUnless(channels === 1 || channels === 3, `it has ${channels} channels; this page draws grey and RGB`);
  const [means, [n]] = tensor(buffer, header, start, "means", [null, 2]);
  const [factors] = tensor(buffer, header, start, "cholesky", [n, 3]);
  const [weights] = tensor(buffer, header, start, "weights", [n, channels]);
  const picture = { channels, background, means, factors, weights, ...numbersOf(fields) };
  refuseUnless(n <= MOST_GAUSSIANS, `it has ${n} Gaussians; this page draws at most ${MOST_GAUSSIANS}`);
  const positive = factors.every((number, k) => k % 3 === 1 || number > 0);
  refuseUnless(positive, "a factor in it has a diagonal that is not positive");
  return picture;
}

function headerOf(buffer) {
  refuseUnless(buffer.byteLength > 8, "it is too short");
  const length = Number(new DataView(buffer).getBigUint64(0, true));
  refuseUnless(length <= MOST_HEADER && 8 + length <= buffer.byteLength, "it is no .gauss file");
  try {
    const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, length)));
    return { header, start: 8 + length };
  } catch {
    throw new Error("it is no .gauss file, or it is damaged");
  }
}

function numbersOf({ width, height, tolerance, amplitude, fit_psnr }) {
  const numbers = { width: Number(width), height: Number(height), tolerance: Number(tolerance), amplitude };
  const fits = (size) => Number.isInteger(size) && size > 0 && size <= MOST_PIXELS;
  refuseUnless(fits(numbers.width) && fits(numbers.height), `its size is ${width} x ${height} pixels`);
  refuseUnless(numbers.tolerance >= 0 && numbers.tolerance < 1, `its tolerance is ${tolerance}`);
  refuseUnless(["peak", "density"].includes(amplitude), `its amplitude is ${amplitude}`);
  return { ...numbers, psnr: fit_psnr === undefined ? NaN : Number(fit_psnr) };
}

/** The numbers of a tensor in float32, and its shape; null stands for any length. */
function tensor(buffer, header, start, name, wanted) {
  const { dtype, shape, data_offsets: range } = header[name] ?? {};
  const size = { F32: 4, F64: 8 }[dtype];
  refuseUnless(size && Array.isArray(shape) && Array.isArray(range), `its tensor ${name} is missing or of another type`);
  const fits = shape.length === wanted.length && wanted.every((length, k) => length === null || length === shape[k]);
  const count = shape.reduce((product, length) => product * length, 1);
  const whole = range[1] - range[0] === count * size && range[0] >= 0 && start + range[1] <= buffer.byteLength;
  refuseUnless(fits && whole, `its tensor ${name} has another shape or is cut short`);
  const view = new DataView(buffer, start + range[0], count * size);
  const read = size === 4 ? (k) => view.getFloat32(4 * k, true) : (k) => view.getFloat64(8 * k, true);
  const numbers = Float32Array.from({ length: count }, (_, k) => read(k));
  refuseUnless(numbers.every(Number.isFinite), `its tensor ${name} holds numbers that are not finite`);
  return [numbers, shape];
}

function refuseUnless(good, why) {
  if (!good) throw new Error(why);
}
