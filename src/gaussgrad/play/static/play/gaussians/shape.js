/**
 * One Gaussian as residuals, and its shape along a row of pixels.
 *
 * y is compared with its mean, and x with its mean given y, so that q is a sum of squares (docs/maths.md, equations 10 to
 * 14 and 52). A Gaussian is packed as covariances [xx, xy, yy] or as a lower Cholesky factor [xx, yx, yy].
 */

const BLOCK = 16; // pixels between two exponentials: products of so many ratios lose no more than two digits
const LOWEST = { Float32Array: 2 ** -126, Float64Array: 2 ** -1022 }; // the smallest normal numbers

/** The squared distance from which on nothing is drawn. */
export function squaredReach(tolerance, Numbers) {
  return -2 * Math.log(Math.max(tolerance, LOWEST[Numbers.name]));
}

/** Mean, slope and variances of the residuals of Gaussian i, and the value of its shape at the mean. */
export function conditioned(means, widths, i, { form, amplitude }) {
  const [first, second, third] = [widths[3 * i], widths[3 * i + 1], widths[3 * i + 2]];
  const [varianceY, mixed, root] =
    form === "cholesky"
      ? [second * second + third * third, first * second, first * third]
      : [third, second, Math.sqrt(first * third - second * second)];
  if (!(root > 0 && varianceY > 0)) {
    const wanted = form === "cholesky" ? "a positive diagonal" : "a positive definite matrix";
    throw new RangeError(`widths must hold ${wanted}; got ${first}, ${second}, ${third} at Gaussian ${i}.`);
  }
  return {
    x: means[2 * i],
    y: means[2 * i + 1],
    slope: mixed / varianceY,
    varianceX: (root * root) / varianceY,
    varianceY,
    peak: amplitude === "density" ? 1 / (2 * Math.PI * root) : 1,
  };
}

/** The rows of the image that a Gaussian reaches: [first, one after the last]. */
export function touchedRows(gaussian, reach, height) {
  const half = Math.sqrt(reach * gaussian.varianceY);
  return [Math.max(0, Math.ceil(gaussian.y - half)), Math.min(height, Math.floor(gaussian.y + half) + 1)];
}

/** Room for one row: where it begins, how long it is, g where it is above the tolerance, and the shape max(g - t, 0). */
export function newRow(width) {
  const room = () => new Float64Array(width);
  return { first: 0, count: 0, ex: 0, ey: 0, g: room(), shape: room(), slopes: room(), pull: room() };
}

/** Fill a row with what a Gaussian draws at the pixels of row y. */
export function fillRow(row, gaussian, y, width, reach, tolerance) {
  const ey = y - gaussian.y;
  const q = (ey * ey) / gaussian.varianceY;
  const centre = gaussian.x + gaussian.slope * ey;
  const half = Math.sqrt(Math.max(reach - q, 0) * gaussian.varianceX);
  row.first = Math.max(0, Math.ceil(centre - half));
  row.count = Math.max(0, Math.min(width, Math.floor(centre + half) + 1) - row.first);
  row.ex = row.first - centre;
  row.ey = ey;
  const curvature = -0.5 / gaussian.varianceX;
  const bend = Math.exp(2 * curvature);
  for (let start = 0; start < row.count; start += BLOCK) {
    const ex = row.ex + start;
    const stop = Math.min(row.count, start + BLOCK);
    let g = Math.exp(curvature * ex * ex - 0.5 * q);
    let ratio = Math.exp(curvature * (2 * ex + 1)); // of g to the one before it; the next ratio is bend times this one
    for (let k = start; k < stop; k++) {
      row.g[k] = g;
      row.shape[k] = Math.max(g - tolerance, 0);
      g *= ratio;
      ratio *= bend;
    }
  }
}
