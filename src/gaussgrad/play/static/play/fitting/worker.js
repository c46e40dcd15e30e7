/** The worker that fits: it takes {kind: "fit" | "pause" | "resume"}, and says every moment where the descent is. */

import { Descent, TOLERANCE } from "./descent.js";

const SLICE = 30; // milliseconds of work between two looks at the messages
const PAUSE = 120; // milliseconds between two moments that are told

let descent = null;
let running = false;
let told = 0;
let worked = 0; // milliseconds
const channel = new MessageChannel(); // unlike a timer, it does not wait
channel.port1.onmessage = work;

self.onmessage = ({ data }) => {
  if (data.kind === "fit") {
    descent = new Descent(data.photograph, data.settings);
    worked = 0;
  }
  const wanted = data.kind !== "pause";
  if (wanted && !running) channel.port2.postMessage(null);
  running = wanted;
  if (!wanted) tell();
};

function work() {
  if (!running || !descent) return;
  const began = performance.now();
  while (!descent.done && performance.now() - began < SLICE) descent.advance();
  worked += performance.now() - began;
  if (descent.done) running = false;
  if (descent.done || performance.now() - told > PAUSE) tell();
  if (running) channel.port2.postMessage(null);
}

function tell() {
  if (!descent) return;
  told = performance.now();
  const { width, height, channels } = descent.options;
  const { means, factors, weights } = descent.present();
  const picture = { width, height, channels, means: means.slice(), factors: factors.slice(), weights: weights.slice() };
  Object.assign(picture, { background: descent.background, tolerance: TOLERANCE, amplitude: "peak", psnr: descent.psnr });
  const { step, steps, count, done } = descent;
  self.postMessage({ step, steps, count, done, running, rate: (1000 * step) / Math.max(worked, 1), picture });
}
