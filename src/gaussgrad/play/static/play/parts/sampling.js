/** The fourth part: samples move with mean and log-variance while their noise is held: the reparameterisation trick. */

import { normalFrom, uniformFrom } from "../fitting/random.js";
import { button, byId, number, oncePerFrame, slider, tell } from "./controls.js";
import { colourOf, sharp } from "./drawing.js";

const [WIDTH, HEIGHT] = [640, 400];
const [ABOVE, BELOW] = [130, 350]; // where the axes of noise and samples lie
const COUNT = 24;
const FARTHEST = 6; // what the axes show on either side
let noise = [];
let controls = null;

export function startSampling() {
  controls = {
    mean: slider("sampling-mean", redraw, { text: (value) => number(value, 2) }),
    logVariance: slider("sampling-log-variance", redraw, { text: (value) => number(value, 2) }),
  };
  button("sampling-draw", () => drawNoise(Math.floor(1e9 * Math.random())));
  drawNoise(3);
}

function drawNoise(seed) {
  const normal = normalFrom(uniformFrom(seed));
  noise = Array.from({ length: COUNT }, normal).sort((a, b) => a - b);
  redraw();
}

const place = (value) => WIDTH / 2 + (value / FARTHEST) * (WIDTH / 2 - 16);

const redraw = oncePerFrame(() => {
  const [mean, logVariance] = [controls.mean.value, controls.logVariance.value];
  const stddev = Math.exp(logVariance / 2);
  const context = sharp(byId("sampling-canvas"), WIDTH);
  curve(context, ABOVE, 0, 1, colourOf("muted"));
  curve(context, BELOW, mean, stddev, colourOf("accent"));
  for (const each of noise) thread(context, each, mean + stddev * each);
  label(context, "ε ~ N(0, 1), held", ABOVE + 20);
  label(context, "z = μ + σ ε", BELOW + 20);
  const last = noise[COUNT - 1];
  const divergence = (mean * mean + stddev * stddev - 1 - logVariance) / 2;
  tell("sampling-numbers", [
    ["σ = exp(½ log σ²)", number(stddev)],
    ["Largest sample", `μ + σ · ${number(last)} = ${number(mean + stddev * last)}`],
    ["Its gradient to μ", "1"],
    ["Its gradient to log σ²", `½ σ ε = ${number(0.5 * stddev * last)}`],
    ["Divergence from N(0, 1)", number(divergence)],
  ]);
});

/** A normal density on its axis; tall ones are drawn as high as there is room. */
function curve(context, base, mean, stddev, colour) {
  const height = Math.min(90 / stddev, 110);
  context.beginPath();
  for (let x = -FARTHEST; x <= FARTHEST; x += 0.02) {
    context.lineTo(place(x), base - height * Math.exp(-0.5 * ((x - mean) / stddev) ** 2));
  }
  context.strokeStyle = colour;
  context.lineWidth = 2;
  context.stroke();
  context.lineTo(place(FARTHEST), base);
  context.lineTo(place(-FARTHEST), base);
  context.globalAlpha = 0.15;
  context.fillStyle = colour;
  context.fill();
  context.globalAlpha = 1;
  context.fillRect(place(-FARTHEST), base, place(FARTHEST) - place(-FARTHEST), 1);
}

/** From the noise above to its sample below. */
function thread(context, from, to) {
  context.strokeStyle = context.fillStyle = colourOf("warm");
  context.lineWidth = 1;
  context.globalAlpha = 0.45;
  context.beginPath();
  context.moveTo(place(from), ABOVE);
  context.bezierCurveTo(place(from), ABOVE + 60, place(to), BELOW - 110, place(to), BELOW);
  context.stroke();
  context.globalAlpha = 1;
  for (const [x, y] of [[from, ABOVE], [to, BELOW]]) {
    context.beginPath();
    context.arc(place(x), y, 3.5, 0, 7);
    context.fill();
  }
}

function label(context, text, y) {
  context.fillStyle = colourOf("ink");
  const size = Math.max(15, (13 * WIDTH) / context.canvas.clientWidth); // no smaller than other text on a phone
  context.font = `${size}px system-ui, sans-serif`;
  context.fillText(text, 16, y + size - 15);
}

export { redraw as redrawSampling };
