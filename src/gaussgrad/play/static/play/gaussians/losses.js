/** Losses with their gradients: between images, and between points and light. */

/** The mean squared error of two images, and its gradient to the first. */
export function squaredError(image, target) {
  const upstream = new image.constructor(image.length);
  let loss = 0;
  for (let at = 0; at < image.length; at++) {
    const error = image[at] - target[at];
    loss += error * error;
    upstream[at] = (2 * error) / image.length;
  }
  return { loss: loss / image.length, upstream };
}

/** The pixels of an image that hold light, as [x, y, share, ...]; their shares sum to 1. */
export function lightOf(image, width) {
  const total = image.reduce((sum, value) => sum + value, 0);
  const light = [];
  image.forEach((value, at) => {
    if (value > 0) light.push(at % width, Math.floor(at / width), value / total);
  });
  return Float64Array.from(light);
}

/**
 * The energy distance between points and light, less the spread of the light, which no point can change; and its gradient.
 *
 * 2 E|X - Y| - E|X - X'|: the first term pulls each point towards the light from any distance, the second keeps points
 * apart (Székely and Rizzo, 2013, equation 1).
 */
export function energyDistance(means, light) {
  const gradient = new Float64Array(means.length);
  const n = means.length / 2;
  let loss = 0;
  for (let i = 0; i < n; i++) {
    const towards = pull(gradient, means, i, light);
    loss += (2 / n) * towards;
    for (let j = 0; j < n; j++) {
      const [dx, dy] = [means[2 * i] - means[2 * j], means[2 * i + 1] - means[2 * j + 1]];
      const distance = Math.hypot(dx, dy);
      loss -= distance / n / n;
      if (distance > 0) {
        gradient[2 * i] -= (2 * dx) / distance / n / n;
        gradient[2 * i + 1] -= (2 * dy) / distance / n / n;
      }
    }
  }
  return { loss, gradient };
}

/** The mean distance from point i to the light; adds its gradient, twice and shared among the points. */
function pull(gradient, means, i, light) {
  const [x, y, n] = [means[2 * i], means[2 * i + 1], means.length / 2];
  let [mean, alongX, alongY] = [0, 0, 0];
  for (let k = 0; k < light.length; k += 3) {
    const [dx, dy, share] = [x - light[k], y - light[k + 1], light[k + 2]];
    const distance = Math.sqrt(dx * dx + dy * dy);
    mean += share * distance;
    if (distance > 0) {
      alongX += (share * dx) / distance;
      alongY += (share * dy) / distance;
    }
  }
  gradient[2 * i] += (2 / n) * alongX;
  gradient[2 * i + 1] += (2 / n) * alongY;
  return mean;
}

/** Covariances and weights at the mean after a blur of a standard deviation: wider, and as much lower. */
export function blurred(covariances, weights, stddev) {
  const [wider, lower] = [covariances.slice(), weights.slice()];
  const added = stddev * stddev;
  for (let i = 0; i < weights.length; i++) {
    const [xx, xy, yy] = covariances.subarray(3 * i, 3 * i + 3);
    wider[3 * i] = xx + added;
    wider[3 * i + 2] = yy + added;
    lower[i] *= Math.sqrt((xx * yy - xy * xy) / ((xx + added) * (yy + added) - xy * xy));
  }
  return { covariances: wider, weights: lower };
}
