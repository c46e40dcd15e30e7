/**
 * One step of Adam for Gaussians in coordinates of their own widths.
 *
 * With L the Cholesky factor of a Gaussian, a step u moves its mean by L u, and its factor to L E, E lower triangular of
 * diagonal exp(p), exp(r) and q below. A step of 0.1 is a tenth of the Gaussian's own width, along it and across it.
 */

const [FIRST, SECOND] = [0.85, 0.95]; // decays of the moments: the gradient is of the whole image, and has no noise
const RATES = { means: 0.2, factors: 0.1, weights: 0.02 }; // in own widths, and in the range of the data
const SHAPE = 5; // numbers of mean and factor: along, across, p, q, r
const LEAST = 1e-30; // of the root mean square of a gradient: what nothing pulls does not move
const FURTHEST = 0.5; // that a shape moves in one step, in its own widths

/** What Adam keeps of n Gaussians: both moments, and how many steps each has made. */
export function atRest(n, channels) {
  const size = n * (SHAPE + channels);
  return { first: new Float32Array(size), second: new Float32Array(size), ages: new Int32Array(n) };
}

/** Forget what was learnt about Gaussian i. */
export function putToRest(memory, i, channels) {
  const [start, stop] = [i * (SHAPE + channels), (i + 1) * (SHAPE + channels)];
  memory.first.fill(0, start, stop);
  memory.second.fill(0, start, stop);
  memory.ages[i] = 0;
}

/**
 * Move the first `count` Gaussians {means, factors, weights} against their slopes {means, widths, weights}.
 *
 * `bounds` holds the narrowest and the widest principal stddev in pixels, and the least weight.
 */
export function move({ means, factors, weights }, slopes, memory, count, channels, rate, bounds) {
  for (let i = 0; i < count; i++) {
    const [a, b, c] = [factors[3 * i], factors[3 * i + 1], factors[3 * i + 2]];
    const [gx, gy] = [slopes.means[2 * i], slopes.means[2 * i + 1]];
    const [ga, gb, gc] = [slopes.widths[3 * i], slopes.widths[3 * i + 1], slopes.widths[3 * i + 2]];
    const age = ++memory.ages[i];
    const at = i * (SHAPE + channels);
    const step = (k, pull, size) => bounded(-rate * size * direction(memory, at + k, pull, age));
    const [u, v] = [step(0, a * gx + b * gy, RATES.means), step(1, c * gy, RATES.means)];
    const p = step(2, a * ga + b * gb, RATES.factors);
    const q = step(3, c * gb, RATES.factors);
    const r = step(4, c * gc, RATES.factors);
    means[2 * i] += a * u;
    means[2 * i + 1] += b * u + c * v;
    const wider = Math.exp(p);
    within(factors, i, a * wider, b * wider + c * q, c * Math.exp(r), bounds);
    for (let k = 0; k < channels; k++) {
      const change = rate * RATES.weights * direction(memory, at + SHAPE + k, slopes.weights[i * channels + k], age);
      weights[i * channels + k] = Math.max(weights[i * channels + k] - change, bounds.leastWeight);
    }
  }
}

/** The direction of Adam (Kingma and Ba, 2015, algorithm 1) for one number. */
function direction({ first, second }, at, gradient, age) {
  first[at] += (1 - FIRST) * (gradient - first[at]);
  second[at] += (1 - SECOND) * (gradient * gradient - second[at]);
  return first[at] / (1 - FIRST ** age) / (Math.sqrt(second[at] / (1 - SECOND ** age)) + LEAST);
}

function bounded(step) {
  return Math.min(Math.max(step, -FURTHEST), FURTHEST);
}

/** Write the factor with its principal stddevs within bounds: one too wide shrinks, one too narrow grows on all sides. */
function within(factors, i, a, b, c, { narrowest, widest }) {
  const [trace, root] = [a * a + b * b + c * c, a * c];
  const larger = 0.5 * (trace + Math.sqrt(Math.max(trace * trace - 4 * root * root, 0)));
  const less = larger > widest * widest ? widest / Math.sqrt(larger) : 1;
  [a, b, c] = [a * less, b * less, c * less];
  const missing = narrowest * narrowest - (a * c * a * c) / (larger * less * less);
  if (missing > 0) {
    const wider = Math.sqrt(a * a + missing);
    const slope = (a * b) / wider;
    [a, b, c] = [wider, slope, Math.sqrt(Math.max(b * b + c * c + missing - slope * slope, missing))];
  }
  factors[3 * i] = a;
  factors[3 * i + 1] = b;
  factors[3 * i + 2] = c;
}
