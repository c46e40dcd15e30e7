/**
 * Down the squared error to a photograph, with Gaussians added on the way where the error is.
 *
 * This is `gaussgrad.fitting.fit_image` of the Python package, with its rates and its growth, but other random places.
 */

import { gradients, render } from "../gaussians/render.js";
import { atRest, move, putToRest } from "./adam.js";
import { uniformFrom } from "./random.js";
import { byError, byStructure } from "./start.js";

export const TOLERANCE = 0.0111; // three standard deviations
const NARROWEST = 0.25; // pixels
const WIDEST = 2; // of the longer side of the image: what is wider is flat
const WARM_UP = 20; // steps
const HELD = 0.2; // how far the descent is when the rates begin to fall
const FIRST_SHARE = 0.2; // of the Gaussians are there from the beginning
const STAGES = Array.from({ length: 12 }, (_, k) => (k + 1) / 20); // how far the descent is when Gaussians come in
const GROWN_AT = 10; // the stage by which all are there
const RENEWED = 0.07; // of the Gaussians begin anew at each stage
const LEAST_TO_GROW = 20; // steps of a descent that is worth it
const PROVING = 15; // steps that a Gaussian is given before it may be replaced

/** The descent to a photograph {values, width, height, channels}, values from 0 to 1 in planes of rows. */
export class Descent {
  /** @param adding whether Gaussians only add light, on a black background, as an SVG needs it. */
  constructor(photograph, { n, steps, adding = false, seed = 0 }) {
    const { width, height, channels } = photograph;
    Object.assign(this, { photograph, n, steps, adding, step: 0, stage: -1, count: 0, psnr: -Infinity });
    this.background = adding ? new Float32Array(channels) : meanColour(photograph);
    this.wanted = { ...photograph, values: without(photograph, this.background) };
    this.stages = steps >= LEAST_TO_GROW ? STAGES : [];
    this.uniform = uniformFrom(seed);
    this.gaussians = {
      means: new Float32Array(2 * n),
      factors: new Float32Array(3 * n),
      weights: new Float32Array(channels * n),
    };
    this.memory = atRest(n, channels);
    this.bounds = {
      narrowest: NARROWEST,
      widest: Math.max(WIDEST * Math.max(width, height), NARROWEST),
      leastWeight: adding ? 0 : -Infinity,
    };
    this.options = { width, height, channels, form: "cholesky", amplitude: "peak", tolerance: TOLERANCE };
    this.add(byStructure(this.wanted, this.due(0), this.uniform), []);
    this.draw();
  }

  get done() {
    return this.step >= this.steps;
  }

  /** The Gaussians that are there, not copied. */
  present() {
    const { means, factors, weights } = this.gaussians;
    const end = (array) => array.subarray(0, (array.length / this.n) * this.count);
    return { means: end(means), factors: end(factors), weights: end(weights) };
  }

  /** One step: draw, let Gaussians in, and move all against the gradient. */
  advance() {
    if (this.done) return;
    const progress = this.step / this.steps;
    if (this.grow(progress)) this.draw();
    const { means, factors, weights } = this.present();
    const slopes = gradients(this.residual, this.saved, means, factors, weights, this.options);
    const { memory, count, bounds } = this;
    move(this.gaussians, slopes, memory, count, this.options.channels, rateAt(this.step, progress), bounds);
    this.step++;
    this.draw();
  }

  /** What is drawn less what is wanted, half the gradient of the squared error; and the PSNR in dB. */
  draw() {
    const { means, factors, weights } = this.present();
    const { image, saved } = render(means, factors, weights, this.options);
    let squares = 0;
    for (let at = 0; at < image.length; at++) {
      image[at] -= this.wanted.values[at];
      squares += image[at] * image[at];
    }
    this.residual = image;
    this.saved = saved;
    this.psnr = -10 * Math.log10(squares / image.length);
  }

  /** Whether Gaussians came in where the error is: new ones, and those that draw least begin anew there. */
  grow(progress) {
    const stage = this.stages.filter((each) => progress >= each).length;
    const missing = Math.max(this.due(stage) - this.count, 0);
    const begun = this.stage >= 0 && stage > this.stage;
    this.stage = stage;
    const leaving = begun ? this.least(RENEWED) : [];
    const coming = missing + leaving.length;
    if (coming) this.add(byError({ ...this.wanted, values: this.residual }, coming, this.n, this.uniform), leaving);
    return coming > 0;
  }

  /** How many Gaussians there shall be. */
  due(stage) {
    if (!this.stages.length) return this.n;
    const first = Math.ceil(FIRST_SHARE * this.n);
    return first + Math.round((this.n - first) * Math.min(stage / GROWN_AT, 1));
  }

  /** Let Gaussians in, the first in the places `instead`, the others after all. */
  add(arrays, instead) {
    const coming = arrays.means.length / 2;
    const channels = this.options.channels;
    for (let k = 0; k < coming; k++) {
      const place = k < instead.length ? instead[k] : this.count++;
      for (const [name, size] of [["means", 2], ["factors", 3], ["weights", channels]]) {
        this.gaussians[name].set(arrays[name].subarray(size * k, size * (k + 1)), size * place);
      }
      putToRest(this.memory, place, channels);
    }
  }

  /** The places of that share of the Gaussians which draw least; those that came in lately are left out. */
  least(share) {
    const { width, height } = this.options;
    const proved = Array.from({ length: this.count }, (_, i) => i).filter((i) => this.memory.ages[i] >= PROVING);
    const energy = Float64Array.from({ length: this.count }, (_, i) => energyOf(this.gaussians, i, width, height));
    const dropped = Math.min(Math.floor(share * this.count), proved.length);
    return proved.sort((i, j) => energy[i] - energy[j]).slice(0, dropped);
  }
}

/** The factor of all rates: a short rise, then level, then half a cosine down to 0. */
function rateAt(step, progress) {
  const falling = Math.max(progress - HELD, 0) / (1 - HELD);
  return Math.min(1, (step + 1) / WARM_UP) * 0.5 * (1 + Math.cos(Math.PI * falling));
}

/** The integral of the square of what Gaussian i draws, but for a factor; less where its mean lies outside. */
function energyOf({ means, factors, weights }, i, width, height) {
  const channels = (2 * weights.length) / means.length;
  const [x, y, a, b, c] = [means[2 * i], means[2 * i + 1], factors[3 * i], factors[3 * i + 1], factors[3 * i + 2]];
  let squares = 0;
  for (let k = 0; k < channels; k++) squares += weights[i * channels + k] ** 2;
  const outside = (place, length) => Math.max(-0.5 - place, place - length + 0.5, 0);
  const beyond = (outside(x, width) / a) ** 2 + (outside(y, height) / Math.hypot(b, c)) ** 2;
  return squares * a * c * Math.exp(-beyond);
}

function meanColour({ values, channels }) {
  const pixels = values.length / channels;
  return Float32Array.from({ length: channels }, (_, c) => {
    let sum = 0;
    for (let at = c * pixels; at < (c + 1) * pixels; at++) sum += values[at];
    return sum / pixels;
  });
}

function without({ values, channels }, background) {
  const pixels = values.length / channels;
  return values.map((value, at) => value - background[Math.floor(at / pixels)]);
}
