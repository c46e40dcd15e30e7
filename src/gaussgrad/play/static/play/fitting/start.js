/** Where Gaussians begin: at the structure of an image, and where what is drawn differs from it most. */

const STRUCTURE = 0.7; // of the Gaussians begin in proportion to the gradient of the image, the others anywhere
const WIDTH = 0.55; // of the distance between neighbours, where they stand as densely
const NARROWEST = 0.6; // pixels, that a Gaussian begins with
const WIDEST = 1.3; // of the distance between neighbours, if all stood evenly
const SHARE = 0.5; // of a pixel's value, which the neighbours share
const CORRECTION = 0.3; // of what is missing at a pixel, since neighbours correct it too

/** n Gaussians for what they together shall draw: {values, width, height, channels}, planes of rows. */
export function byStructure(wanted, n, uniform) {
  const { values, width, height, channels } = wanted;
  const pixels = width * height;
  const grey = new Float64Array(pixels);
  for (let at = 0; at < values.length; at++) grey[at % pixels] += values[at] / channels;
  const steepness = grey.map((_, at) => {
    const [x, y] = [at % width, Math.floor(at / width)];
    return Math.hypot(difference(grey, at, x, width, 1), difference(grey, at, y, height, width));
  });
  const total = steepness.reduce((sum, value) => sum + value, 0);
  const share = steepness.map((s) => (total > 0 ? (STRUCTURE * s) / total + (1 - STRUCTURE) / pixels : 1 / pixels));
  return placed(share, wanted, SHARE, n, n, uniform);
}

/** n new Gaussians by the residual, drawn less wanted; as wide as if `together` were to stand by the error. */
export function byError(residual, n, together, uniform) {
  const { values, width, height } = residual;
  const pixels = width * height;
  const energy = new Float64Array(pixels);
  for (let at = 0; at < values.length; at++) energy[at % pixels] += values[at] * values[at];
  const smooth = summedOverNeighbours(energy, width, height);
  const total = smooth.reduce((sum, value) => sum + value, 0);
  const share = smooth.map((value) => (total > 0 ? value / total : 1 / pixels));
  return placed(share, residual, -CORRECTION, n, together, uniform);
}

/** The slope along one axis: the central difference, one-sided at the edges. */
function difference(grey, at, place, length, stride) {
  if (length < 2) return 0;
  const [before, after] = [place > 0 ? at - stride : at, place < length - 1 ? at + stride : at];
  return ((grey[after] - grey[before]) * stride) / (after - before);
}

/** The sum over 3 x 3 pixels; the edges are repeated. */
function summedOverNeighbours(energy, width, height) {
  const along = (values, length, stride) =>
    values.map((value, at) => {
      const place = Math.floor(at / stride) % length;
      return value + values[place > 0 ? at - stride : at] + values[place < length - 1 ? at + stride : at];
    });
  return along(along(energy, height, width), width, 1);
}

/** Round Gaussians at pixels chosen by their shares, anywhere within these, with a part of the values there. */
function placed(share, { values, width, channels }, part, n, together, uniform) {
  const pixels = share.length;
  const widest = Math.max(NARROWEST, WIDEST * Math.sqrt(pixels / together));
  const [means, factors, weights] = [new Float32Array(2 * n), new Float32Array(3 * n), new Float32Array(channels * n)];
  const total = share.reduce((sum, value) => sum + value, 0);
  let [at, passed] = [0, share[0]];
  for (let i = 0; i < n; i++) {
    const until = ((i + uniform()) / n) * total; // one in each n-th of the sum
    while (passed <= until && at < pixels - 1) passed += share[++at];
    means[2 * i] = (at % width) + uniform() - 0.5;
    means[2 * i + 1] = Math.floor(at / width) + uniform() - 0.5;
    const stddev = WIDTH / Math.sqrt(Math.max(together * share[at], 1e-12));
    factors[3 * i] = factors[3 * i + 2] = Math.min(Math.max(stddev, NARROWEST), widest);
    for (let c = 0; c < channels; c++) weights[channels * i + c] = part * values[c * pixels + at];
  }
  return { means, factors, weights };
}
