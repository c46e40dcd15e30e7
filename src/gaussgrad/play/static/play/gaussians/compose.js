/**
 * The three ways to compose Gaussians at a pixel (docs/maths.md, equations 5 and 6).
 *
 * Each keeps what its gradient needs while it draws. `add` puts one row of one Gaussian in one channel on the canvas, from
 * the index `at` on; `finish` turns the canvas into the image; `slopes` gives the gradient to these values.
 */

const sum = {
  begin: (size) => ({ canvas: new Float64Array(size) }),

  add({ canvas }, at, row, weight) {
    for (let k = 0; k < row.count; k++) canvas[at + k] += weight * row.shape[k];
  },

  finish: ({ canvas }) => canvas,

  slopes(_, upstream, at, row) {
    for (let k = 0; k < row.count; k++) row.slopes[k] = upstream[at + k];
  },
};

/** The largest value or 0; among equals the lowest index takes the gradient. */
const max = {
  begin: (size) => ({ canvas: new Float64Array(size), winner: new Int32Array(size).fill(-1) }),

  add({ canvas, winner }, at, row, weight, i) {
    for (let k = 0; k < row.count; k++) {
      const value = weight * row.shape[k];
      if (value > canvas[at + k]) {
        canvas[at + k] = value;
        winner[at + k] = i;
      }
    }
  },

  finish: ({ canvas }) => canvas,

  slopes({ winner }, upstream, at, row, weight, i) {
    for (let k = 0; k < row.count; k++) row.slopes[k] = winner[at + k] === i ? upstream[at + k] : 0;
  },
};

/** 1 - prod(1 - value): the canvas holds the product of the factors that are not zero; zeros are counted. */
const union = {
  begin: (size) => ({ canvas: new Float64Array(size).fill(1), zeros: new Int32Array(size) }),

  add({ canvas, zeros }, at, row, weight) {
    for (let k = 0; k < row.count; k++) {
      const factor = 1 - weight * row.shape[k];
      if (factor === 0) zeros[at + k]++;
      else canvas[at + k] *= factor;
    }
  },

  finish: ({ canvas, zeros }) => canvas.map((product, at) => (zeros[at] ? 1 : 1 - product)),

  slopes({ canvas, zeros }, upstream, at, row, weight) {
    for (let k = 0; k < row.count; k++) {
      const [factor, others] = [1 - weight * row.shape[k], zeros[at + k]];
      const product = others === 0 ? canvas[at + k] / factor : others === 1 && factor === 0 ? canvas[at + k] : 0;
      row.slopes[k] = upstream[at + k] * product;
    }
  },
};

export const COMPOSE = { sum, max, union };
