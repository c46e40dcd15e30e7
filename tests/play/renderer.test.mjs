/** The renderer of the page against what Python says: values and gradients, in both precisions. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const PAGE = new URL("../../src/gaussgrad/play/static/play/", import.meta.url);
const { gradients, render } = await import(new URL("gaussians/render.js", PAGE));
const { blurred, energyDistance, lightOf, squaredError } = await import(new URL("gaussians/losses.js", PAGE));
const golden = JSON.parse(readFileSync(new URL("golden.json", import.meta.url), "utf-8"));
const KINDS = [
  [Float32Array, 1e-5],
  [Float64Array, 1e-12],
];

/** Fails where the largest error, relative to the largest number or to 1, is above the bar. */
function close(got, wanted, bar, what) {
  assert.equal(got.length, wanted.length, what);
  const scale = Math.max(1, ...wanted.map(Math.abs));
  const errors = wanted.map((number, k) => Math.abs(got[k] - number) / scale);
  assert.ok(Math.max(...errors) <= bar, `${what} is off by ${Math.max(...errors)}`);
}

for (const scene of golden.scenes) {
  for (const [Numbers, bar] of KINDS) {
    test(`${JSON.stringify(scene.options)} in ${Numbers.name}`, () => {
      const arrays = ["means", "widths", "weights"].map((name) => Numbers.from(scene[name]));
      const { image, saved } = render(...arrays, scene.options);
      assert.equal(image.constructor, Numbers);
      close(image, scene.image, bar, "the image");
      const slopes = gradients(Numbers.from(scene.upstream), saved, ...arrays, scene.options);
      for (const name of ["means", "widths", "weights"]) {
        assert.equal(slopes[name].constructor, Numbers);
        close(slopes[name], scene[`to_${name}`], bar, `the gradient to ${name}`);
      }
    });
  }
}

test("the energy distance and its gradient", () => {
  const { width, light, means, loss, to_means } = golden.energy;
  const got = energyDistance(Float64Array.from(means), lightOf(Float64Array.from(light), width));
  close([got.loss], [loss], 1e-12, "the loss");
  close(got.gradient, to_means, 1e-12, "the gradient");
});

test("points that coincide and light under a point give no NaN", () => {
  const got = energyDistance(Float64Array.of(1, 1, 1, 1), lightOf(Float64Array.of(0, 0, 0, 1), 2));
  assert.deepEqual([got.loss, ...got.gradient], [0, 0, 0, 0, 0]);
});

test("a blur widens and lowers", () => {
  const { stddev, covariances, weights, wider, lower } = golden.blur;
  const got = blurred(Float64Array.from(covariances), Float64Array.from(weights), stddev);
  close(got.covariances, wider, 1e-12, "the covariances");
  close(got.weights, lower, 1e-12, "the weights");
});

test("the squared error is the mean over pixels", () => {
  const { loss, upstream } = squaredError(Float64Array.of(1, 3), Float64Array.of(0, 1));
  assert.deepEqual([loss, ...upstream], [2.5, 1, 2]);
});

test("what cannot be drawn is refused by name", () => {
  const size = { width: 2, height: 2 };
  const one = [Float64Array.of(0, 0), Float64Array.of(1, 0, 1), Float64Array.of(1)];
  assert.throws(() => render(...one, { ...size, compose: "mean" }), /compose must be sum, max, union; got mean/);
  assert.throws(() => render(...one, { ...size, tolerance: 1 }), /tolerance must be a number in \[0, 1\); got 1/);
  assert.throws(() => render(...one, { ...size, channels: 3 }), /weights must be of 3 numbers/);
  assert.throws(() => render(one[0], Float64Array.of(1, 2, 1), one[2], size), /positive definite matrix; got 1, 2, 1/);
});
