/**
 * Gaussians as an image, and the gradient of the image: the same function as `gaussgrad.render` of the Python package.
 *
 * Means are [x, y, x, y, ...] in pixels, widths three numbers for each Gaussian, weights `channels` for each. Images are
 * planes of rows, one plane for each channel. All arrays are Float32Array or Float64Array, and what comes out is of the
 * type of the means; sums are in double precision.
 */

import { COMPOSE } from "./compose.js";
import { conditioned, fillRow, newRow, squaredReach, touchedRows } from "./shape.js";

const DEFAULTS = { channels: 1, form: "covariances", amplitude: "density", compose: "sum", tolerance: 1e-4 };
const CHOICES = {
  form: ["covariances", "cholesky"],
  amplitude: ["density", "peak"],
  compose: Object.keys(COMPOSE),
};

/**
 * Draw Gaussians.
 *
 * @param options width and height of the image, and if you like channels, form ("covariances" or "cholesky"), amplitude
 *   ("density" or "peak"), compose ("sum", "max" or "union") and tolerance, as in Python.
 * @returns {{image, saved}} The image, and what `gradients` wants of it.
 */
export function render(means, widths, weights, options) {
  const scene = sceneOf(means, widths, weights, options);
  const { width, channels, pixels, mode } = scene;
  const saved = mode.begin(channels * pixels);
  const row = newRow(width);
  for (let i = 0; i < scene.n; i++) {
    const gaussian = conditioned(means, widths, i, scene);
    const [first, last] = touchedRows(gaussian, scene.reach, scene.height);
    for (let y = first; y < last; y++) {
      fillRow(row, gaussian, y, width, scene.reach, scene.tolerance);
      for (let c = 0; c < channels; c++) {
        mode.add(saved, c * pixels + y * width + row.first, row, gaussian.peak * weights[i * channels + c], i);
      }
    }
  }
  return { image: means.constructor.from(mode.finish(saved)), saved };
}

/**
 * The gradient of a loss, whose gradient to the image is `upstream`, to means, widths and weights.
 *
 * An off-diagonal entry of a covariance is one parameter (docs/maths.md, equation 9).
 */
export function gradients(upstream, saved, means, widths, weights, options) {
  const scene = sceneOf(means, widths, weights, options);
  const Numbers = means.constructor;
  const out = {
    means: new Numbers(means.length),
    widths: new Numbers(widths.length),
    weights: new Numbers(weights.length),
  };
  const row = newRow(scene.width);
  const moments = new Float64Array(6 + scene.channels);
  for (let i = 0; i < scene.n; i++) {
    const gaussian = conditioned(means, widths, i, scene);
    sumOverRows(moments, gaussian, i, row, upstream, saved, weights, scene);
    writeGradients(out, moments, gaussian, i, widths, scene);
  }
  return out;
}

/** The moments sum r (ex, ey, ex², ex ey, ey²), sum of gradient times value, and for each channel that times shape. */
function sumOverRows(moments, gaussian, i, row, upstream, saved, weights, scene) {
  const { width, channels, pixels, mode } = scene;
  const [first, last] = touchedRows(gaussian, scene.reach, scene.height);
  moments.fill(0);
  for (let y = first; y < last; y++) {
    fillRow(row, gaussian, y, width, scene.reach, scene.tolerance);
    row.pull.fill(0, 0, row.count);
    for (let c = 0; c < channels; c++) {
      const weight = gaussian.peak * weights[i * channels + c];
      mode.slopes(saved, upstream, c * pixels + y * width + row.first, row, weight, i);
      let total = 0;
      for (let k = 0; k < row.count; k++) {
        total += row.slopes[k] * row.shape[k];
        row.pull[k] += row.slopes[k] * weight;
      }
      moments[5] += weight * total;
      moments[6 + c] += gaussian.peak * total;
    }
    addRow(moments, row);
  }
}

function addRow(moments, row) {
  let [sum, along, squares] = [0, 0, 0];
  for (let k = 0; k < row.count; k++) {
    const r = row.pull[k] * row.g[k];
    const ex = row.ex + k;
    sum += r;
    along += r * ex;
    squares += r * ex * ex;
  }
  moments[0] += along;
  moments[1] += sum * row.ey;
  moments[2] += squares;
  moments[3] += along * row.ey;
  moments[4] += sum * row.ey * row.ey;
}

function writeGradients(out, moments, gaussian, i, widths, scene) {
  const { slope, varianceX, varianceY } = gaussian;
  const [alongX, alongY] = [moments[0] / varianceX, moments[1] / varianceY];
  out.means[2 * i] = alongX; // equation 16
  out.means[2 * i + 1] = alongY - slope * alongX;
  const write = scene.form === "cholesky" ? writeFactor : writeCovariance;
  write(out.widths, moments, gaussian, i, widths, scene.amplitude === "density" ? moments[5] : 0);
  for (let c = 0; c < scene.channels; c++) out.weights[i * scene.channels + c] = moments[6 + c];
}

/** Equations 17 and 18. */
function writeCovariance(out, moments, { slope, varianceX, varianceY }, i, _, lost) {
  const xx = moments[2] / varianceX / varianceX - lost / varianceX;
  const xy = moments[3] / varianceX / varianceY;
  const yy = moments[4] / varianceY / varianceY - lost / varianceY;
  out[3 * i] = 0.5 * xx;
  out[3 * i + 1] = xy - slope * xx;
  out[3 * i + 2] = 0.5 * (yy - 2 * slope * xy + slope * slope * xx);
}

/** Equations 53 and 54. */
function writeFactor(out, moments, { varianceX, varianceY }, i, widths, lost) {
  const [a, b, c] = [widths[3 * i], widths[3 * i + 1], widths[3 * i + 2]];
  const [k, s] = [c / Math.hypot(b, c), b / Math.hypot(b, c)]; // W has the rows (k, -s) and (s, k)
  const xx = moments[2] / varianceX - lost;
  const xy = moments[3] / Math.sqrt(varianceX * varianceY);
  const yy = moments[4] / varianceY - lost;
  const [turnedXX, turnedXY, turnedYY] = [
    k * k * xx + 2 * k * s * xy + s * s * yy,
    k * s * (yy - xx) + (k * k - s * s) * xy,
    s * s * xx - 2 * k * s * xy + k * k * yy,
  ];
  out[3 * i + 1] = turnedXY / c;
  out[3 * i + 2] = turnedYY / c;
  out[3 * i] = (turnedXX - b * out[3 * i + 1]) / a;
}

/** The options with all that follows from them, or a RangeError that names the argument. */
function sceneOf(means, widths, weights, options) {
  const scene = { ...DEFAULTS, ...options, n: means.length / 2 };
  for (const [name, choices] of Object.entries(CHOICES)) refuse(choices.includes(scene[name]), name, choices.join(", "), scene[name]);
  for (const name of ["width", "height", "channels"]) {
    refuse(Number.isInteger(scene[name]) && scene[name] > 0, name, "a whole number above 0", scene[name]);
  }
  refuse(scene.tolerance >= 0 && scene.tolerance < 1, "tolerance", "a number in [0, 1)", scene.tolerance);
  refuse(widths.length === 3 * scene.n, "widths", `of ${3 * scene.n} numbers, three for each mean`, widths.length);
  const wanted = scene.n * scene.channels;
  refuse(weights.length === wanted, "weights", `of ${wanted} numbers, one for each mean and channel`, weights.length);
  const reach = squaredReach(scene.tolerance, means.constructor);
  return { ...scene, pixels: scene.width * scene.height, mode: COMPOSE[scene.compose], reach };
}

function refuse(good, name, wanted, got) {
  if (!good) throw new RangeError(`${name} must be ${wanted}; got ${got}.`);
}
