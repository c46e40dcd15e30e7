/** The third part: one Gaussian, in every form that the library takes. */

import { render } from "../gaussians/render.js";
import { byId, number, oncePerFrame, slider, tell } from "./controls.js";
import { colourOf, ellipse, pointerOn, sharp } from "./drawing.js";

const SIZE = 64; // pixels
let controls = null;
let mean = [31.5, 31.5];

export function startGaussian() {
  const pixels = (value) => `${number(value, 1)} px`;
  controls = {
    along: slider("gaussian-along", turned, { text: pixels }),
    across: slider("gaussian-across", turned, { text: pixels }),
    angle: slider("gaussian-angle", turned, { text: (value) => `${number(value, 0)}°` }),
    x: slider("gaussian-x", sheared, { text: pixels }),
    y: slider("gaussian-y", sheared, { text: pixels }),
    correlation: slider("gaussian-correlation", sheared, { text: (value) => number(value) }),
  };
  takeMean(byId("gaussian-canvas"));
  turned();
}

/** Covariances by the stddevs along the axes and the angle from x towards y (docs/maths.md, equation 26). */
function turned() {
  const [a, b, angle] = [controls.along.value, controls.across.value, (controls.angle.value * Math.PI) / 180];
  const [c, s] = [Math.cos(angle), Math.sin(angle)];
  const [xx, xy, yy] = [a * a * c * c + b * b * s * s, (a - b) * (a + b) * c * s, a * a * s * s + b * b * c * c];
  controls.x.place(Math.sqrt(xx));
  controls.y.place(Math.sqrt(yy));
  controls.correlation.place(xy / Math.sqrt(xx * yy));
  show([xx, xy, yy]);
}

/** Covariances by stddevs and correlation (equation 34); the axes follow by equation 27. */
function sheared() {
  const [x, y, correlation] = [controls.x.value, controls.y.value, controls.correlation.value];
  const [xx, xy, yy] = [x * x, correlation * x * y, y * y];
  const half = (xx - yy) / 2;
  const larger = (xx + yy) / 2 + Math.hypot(half, xy);
  controls.along.place(Math.sqrt(larger));
  controls.across.place(Math.sqrt((xx * yy - xy * xy) / larger));
  controls.angle.place((Math.atan2(xy, half) * 90) / Math.PI);
  show([xx, xy, yy]);
}

let shown = [1, 0, 1];
const redraw = oncePerFrame(() => {
  const [xx, xy, yy] = shown;
  const factor = [Math.sqrt(xx), xy / Math.sqrt(xx), Math.sqrt(yy - (xy * xy) / xx)];
  drawGaussian(factor);
  const row = [...mean, xx, xy, yy].map((each) => number(each, 2)).join(", ");
  tell("gaussian-numbers", [
    ["Row [x, y, xx, xy, yy]", `[${row}]`],
    ["Cholesky factor [xx, yx, yy]", `[${factor.map((each) => number(each)).join(", ")}]`],
    ["Density at the mean", `1 / (2π √det) = ${(1 / (2 * Math.PI * Math.sqrt(xx * yy - xy * xy))).toPrecision(4)}`],
    ["Determinant", `xx · yy − xy² = ${(xx * yy - xy * xy).toPrecision(4)}`],
  ]);
});

function show(covariances) {
  shown = covariances;
  redraw();
}

function drawGaussian(factor) {
  const context = sharp(byId("gaussian-canvas"), SIZE);
  const means = Float64Array.from(mean);
  const given = { width: SIZE, height: SIZE, form: "cholesky", amplitude: "peak", tolerance: 0 };
  const { image } = render(means, Float64Array.from(factor), Float64Array.of(1), given);
  const data = new ImageData(SIZE, SIZE);
  for (let at = 0; at < image.length; at++) {
    const light = Math.sqrt(image[at]); // the flanks would be too dark to see
    data.data.set([12 + 235 * light, 16 + 150 * light ** 1.5, 28 + 120 * light ** 3, 255], 4 * at);
  }
  const layer = new OffscreenCanvas(SIZE, SIZE);
  layer.getContext("2d").putImageData(data, 0, 0);
  context.imageSmoothingEnabled = false;
  context.drawImage(layer, 0, 0);
  context.lineWidth = 0.25;
  context.strokeStyle = colourOf("accent");
  for (const stddevs of [1, 2, 3]) {
    context.globalAlpha = 1.2 - 0.3 * stddevs;
    ellipse(context, mean[0] + 0.5, mean[1] + 0.5, factor, stddevs);
    context.stroke();
  }
  context.globalAlpha = 1;
}

/** Drag the mean; arrows move it by half a pixel. */
function takeMean(canvas) {
  let dragged = false;
  const place = (x, y) => {
    mean = [x, y].map((each) => Math.min(Math.max(each, 0), SIZE - 1));
    redraw();
  };
  canvas.addEventListener("pointerdown", (event) => {
    dragged = true;
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => dragged && place(...pointerOn(canvas, event, SIZE).map((at) => at - 0.5)));
  canvas.addEventListener("pointerup", () => (dragged = false));
  const keys = { ArrowLeft: [-0.5, 0], ArrowRight: [0.5, 0], ArrowUp: [0, -0.5], ArrowDown: [0, 0.5] };
  canvas.addEventListener("keydown", (event) => {
    if (!keys[event.key]) return;
    event.preventDefault();
    place(mean[0] + keys[event.key][0], mean[1] + keys[event.key][1]);
  });
}

export { redraw as redrawGaussian };
