/** Ten points, a target, and what each loss says of them: the loss and its gradient to the points. */

import { blurred, energyDistance, lightOf, squaredError } from "../gaussians/losses.js";
import { gradients, render } from "../gaussians/render.js";
import { uniformFrom } from "../fitting/random.js";

export const SIZE = 256; // pixels
export const N = 10;
export const FIRST = 41; // the seed of points of which four are stuck

const TARGETS = {
  spots: () => scattered(4),
  ring: () => placedBy((k) => [128 + 82 * Math.cos(0.2 * Math.PI * k), 128 + 82 * Math.sin(0.2 * Math.PI * k)]),
  two: () => placedBy((k) => [k < 5 ? 66 : 190, 60 + 34 * (k % 5)]),
};

/** Where the points of a target are. */
export function targetPoints(name) {
  return TARGETS[name]();
}

/** Ten points anywhere, by a seed. */
export function scattered(seed) {
  const uniform = uniformFrom(seed);
  return Float64Array.from({ length: 2 * N }, () => 24 + (SIZE - 48) * uniform());
}

function placedBy(place) {
  return Float64Array.from(Array.from({ length: N }, (_, k) => place(k)).flat());
}

/** The image of round Gaussians of one width and peak 1 at points, blurred or not. */
export function drawPoints(points, { width, tolerance, blur = 0 }) {
  const round = roundOnes(width, blur);
  const { image, saved } = render(points, round.covariances, round.weights, optionsOf(tolerance));
  return { image, saved, ...round };
}

function roundOnes(width, blur) {
  const covariances = Float64Array.from({ length: 3 * N }, (_, k) => (k % 3 === 1 ? 0 : width * width));
  return blurred(covariances, new Float64Array(N).fill(1), blur);
}

function optionsOf(tolerance) {
  return { width: SIZE, height: SIZE, amplitude: "peak", tolerance };
}

/** The target of a loss: an image, blurred as the points will be, or light with its spread left out. */
export function prepare(target, { loss, width, tolerance, blur }) {
  if (loss !== "energy") return drawPoints(target, { width, tolerance, blur: loss === "blurred" ? blur : 0 }).image;
  return lightOf(drawPoints(target, { width, tolerance }).image, SIZE);
}

/** The gradient (x, y for each point), the loss, and the pull of one point that is well placed to be pulled: a scale. */
export function pulls(points, prepared, { loss, width, tolerance, blur }) {
  if (loss === "energy") return { ...energyDistance(points, prepared), scale: 2 / N };
  const used = loss === "blurred" ? blur : 0;
  const { image, saved, covariances, weights } = drawPoints(points, { width, tolerance, blur: used });
  const { loss: error, upstream } = squaredError(image, prepared);
  const { means } = gradients(upstream, saved, points, covariances, weights, optionsOf(tolerance));
  const wide = Math.hypot(width, used);
  const strongest = (2 / SIZE ** 2) * weights[0] ** 2 * Math.PI * wide * Math.sqrt(0.5) * Math.exp(-0.5);
  return { loss: error, gradient: means, scale: strongest };
}
