/** The second part: ten points look for their target, each pulled by the gradient of a loss. */

import { button, byId, number, oncePerFrame, slider } from "./controls.js";
import { arrow, colourOf, pointerOn, sharp } from "./drawing.js";
import { FIRST, N, SIZE, drawPoints, prepare, pulls, scattered, targetPoints } from "./pulls.js";

const NOTHING = 1e-4; // of the strongest pull: too little to move
const THERE = 1; // pixel, from a place of the target
const LONGEST = 34; // pixels, of the arrow of the strongest pull
const SOME = 0.3; // of its width, that a point moves under the strongest pull; of 8 pixels, by the energy distance
const FADE = 0.985; // of the blur is left after each step
const STEP = 6; // pixels, that a key moves a point
const WORDS = {
  squared: "The squared error compares pixels. A point feels only light that its own Gaussian touches.",
  blurred: "Both images are blurred alike, so far Gaussians meet. The blur fades while the points run.",
  energy: "The energy distance compares places. Each point is pulled to all light from any distance, and the points push each other apart.",
};

let points = scattered(FIRST);
let chosen = 0;
let running = false;
let controls = null;
let prepared = { key: "", target: null };
let backdrop = { key: "", image: null };

export function startPoints() {
  const pixels = (value) => `${number(value, 1)} px`;
  controls = {
    width: slider("points-width", redraw, { text: pixels }),
    tolerance: slider("points-tolerance", redraw, { meaning: (k) => (k > -8 ? 10 ** k : 0), text: toleranceText }),
    blur: slider("points-blur", redraw, { text: pixels }),
  };
  for (const id of ["points-loss", "points-target", "points-view"]) byId(id).addEventListener("change", redraw);
  byId("points-loss").addEventListener("change", () => controls.blur.place(30));
  button("points-run", () => run(!running));
  button("points-scatter", () => {
    points = scattered(Math.floor(1e9 * Math.random()));
    redraw();
  });
  takePointer(byId("points-canvas"));
  redraw();
}

function toleranceText(value) {
  if (value === 0) return "0: no end";
  return `${value.toPrecision(2)}: ends at ${number(Math.sqrt(-2 * Math.log(value)), 1)} widths`;
}

function settings() {
  const { width, tolerance, blur } = controls;
  return { loss: byId("points-loss").value, width: width.value, tolerance: tolerance.value, blur: blur.value };
}

/** The pulls, with the target prepared anew only where it changed. */
function pullsNow(given) {
  const key = JSON.stringify([given, byId("points-target").value]);
  if (prepared.key !== key) prepared = { key, target: prepare(targetPoints(byId("points-target").value), given) };
  return pulls(points, prepared.target, given);
}

function run(wanted) {
  running = wanted;
  byId("points-run").textContent = running ? "Stop" : "Let them run";
  if (running) requestAnimationFrame(advance);
}

function advance() {
  if (!running || byId("points").hidden) return run(false);
  const given = settings();
  const { gradient, scale } = pullsNow(given);
  const reach = given.loss === "energy" ? 8 : Math.hypot(given.width, given.loss === "blurred" ? given.blur : 0);
  for (let k = 0; k < points.length; k++) points[k] -= (SOME * reach * gradient[k]) / scale;
  if (given.loss === "blurred") controls.blur.place(given.blur * FADE);
  redraw();
  requestAnimationFrame(advance);
}

const redraw = oncePerFrame(() => {
  const given = settings();
  const { gradient, loss, scale } = pullsNow(given);
  byId("points-blur").disabled = given.loss !== "blurred";
  const context = sharp(byId("points-canvas"), SIZE);
  drawImages(context, given);
  const shown = given.loss === "energy" ? "" : ` Loss: ${loss.toExponential(2)}.`;
  const said = telling(drawArrows(context, gradient, scale));
  byId("points-status").textContent = `${WORDS[given.loss]} ${said}${shown}`;
});

/** How the points do, in one sentence. */
function telling({ stuck, there }) {
  if (there === N) return "All points are there.";
  if (!stuck) return there ? `${there} of ${N} points are there, the others feel a pull.` : "Every point feels a pull.";
  const lost = `${stuck} of ${N} points feel nothing (hollow rings)`;
  return there ? `${lost}, ${there} are there.` : `${lost}.`;
}

/** The target in one colour of light, the points in the other: where both are, it is white. */
function drawImages(context, given) {
  const blur = given.loss === "blurred" && byId("points-view").value === "loss" ? given.blur : 0;
  const target = targetImage({ ...given, blur });
  const drawn = drawPoints(points, { ...given, blur }).image;
  const brightness = 255 * Math.hypot(given.width, blur) ** 2 / given.width ** 2;
  const data = new ImageData(SIZE, SIZE);
  for (let at = 0; at < target.length; at++) {
    data.data[4 * at] = 12 + brightness * drawn[at];
    data.data[4 * at + 1] = 16 + brightness * (0.45 * drawn[at] + 0.55 * target[at]);
    data.data[4 * at + 2] = 28 + brightness * target[at];
    data.data[4 * at + 3] = 255;
  }
  const layer = new OffscreenCanvas(SIZE, SIZE);
  layer.getContext("2d").putImageData(data, 0, 0);
  context.drawImage(layer, 0, 0);
}

/** The image of the target, drawn anew only where it changed. */
function targetImage(given) {
  const name = byId("points-target").value;
  const key = JSON.stringify([given.width, given.tolerance, given.blur, name]);
  if (backdrop.key !== key) backdrop = { key, image: drawPoints(targetPoints(name), given).image };
  return backdrop.image;
}

/** Arrows against the gradient, as long as the root of the pull; how many points are stuck, and how many are there. */
function drawArrows(context, gradient, scale) {
  const [places, counts] = [targetPoints(byId("points-target").value), { stuck: 0, there: 0 }];
  context.lineWidth = 1.4;
  for (let i = 0; i < N; i++) {
    const [x, y] = [points[2 * i] + 0.5, points[2 * i + 1] + 0.5];
    const strength = Math.hypot(gradient[2 * i], gradient[2 * i + 1]);
    const felt = strength / scale > NOTHING;
    const there = !felt && isThere(points.subarray(2 * i, 2 * i + 2), places);
    const length = felt ? (LONGEST * Math.sqrt(strength / scale)) / strength : 0;
    context.strokeStyle = context.fillStyle = "#fff";
    arrow(context, x, y, -gradient[2 * i] * length, -gradient[2 * i + 1] * length);
    context.beginPath();
    context.arc(x, y, 3.5, 0, 7);
    context.fillStyle = felt ? "#ff9d5c" : there ? "#fff" : "#0c101c";
    context.fill();
    context.stroke();
    if (i === chosen && document.activeElement === byId("points-canvas")) {
      context.strokeStyle = colourOf("accent");
      context.strokeRect(x - 7, y - 7, 14, 14);
    }
    counts.there += there;
    counts.stuck += !felt && !there;
  }
  return counts;
}

function isThere([x, y], places) {
  return places.some((_, k) => k % 2 === 0 && Math.hypot(places[k] - x, places[k + 1] - y) < THERE);
}

/** Drag a point; by keys, Tab comes here, Page Up and Page Down choose a point, and arrows move it. */
function takePointer(canvas) {
  let dragged = false;
  const move = (...to) => {
    for (const k of [0, 1]) points[2 * chosen + k] = Math.min(Math.max(to[k], 0), SIZE - 1);
    redraw();
  };
  const place = (event) => {
    const at = pointerOn(canvas, event, SIZE);
    move(at[0] - 0.5, at[1] - 0.5);
  };
  canvas.addEventListener("pointerdown", (event) => {
    const [x, y] = pointerOn(canvas, event, SIZE);
    const distances = Array.from({ length: N }, (_, i) => Math.hypot(points[2 * i] - x, points[2 * i + 1] - y));
    chosen = distances.indexOf(Math.min(...distances));
    dragged = distances[chosen] < 24;
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => dragged && place(event));
  canvas.addEventListener("pointerup", () => (dragged = false));
  for (const kind of ["focus", "blur"]) canvas.addEventListener(kind, redraw);
  const keys = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };
  canvas.addEventListener("keydown", (event) => {
    const turn = { PageUp: N - 1, PageDown: 1 }[event.key];
    if (turn) chosen = (chosen + turn) % N;
    else if (keys[event.key]) move(...keys[event.key].map((by, k) => points[2 * chosen + k] + by));
    else return;
    event.preventDefault();
    redraw();
  });
}

export { redraw as redrawPoints };
