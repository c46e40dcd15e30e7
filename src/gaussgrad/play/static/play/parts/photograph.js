/** The first part: a photograph becomes Gaussians while you watch. */

import { readGauss, writeGauss } from "../files/gauss.js";
import { exampleScene, readPhotograph, toImageData } from "../files/photographs.js";
import { save } from "../files/save.js";
import { writeSvg } from "../files/svg.js";
import { button, byId, number, oncePerFrame, slider } from "./controls.js";
import { colourOf, ellipse, pointerOn, sharp } from "./drawing.js";
import { drawWhole, drawWindow, errorMap } from "./views.js";

const FINEST = 512; // pixels of the longer side that are drawn
const state = { name: "photograph", source: null, photograph: null, picture: null, running: false, begun: false, left: 0, top: 0 };
let worker = null;
let controls = null;

export function startPhotograph() {
  const text = (value) => value.toLocaleString("en");
  controls = {
    n: slider("photo-n", () => {}, { meaning: (position) => Number((10 ** position).toPrecision(2)), text }),
    steps: slider("photo-steps", () => {}, { text }),
    zoom: slider("photo-zoom", redraw, { meaning: (position) => 2 ** position, text: (value) => `${number(value, 1)}×` }),
  };
  worker = new Worker(new URL("../fitting/worker.js", import.meta.url), { type: "module" });
  worker.onmessage = ({ data }) => showMoment(data);
  button("photo-fit", () => fit());
  button("photo-pause", () => worker.postMessage({ kind: state.running ? "pause" : "resume" }));
  button("photo-choose", () => byId("photo-file").click());
  button("photo-example", () => open(exampleScene(), "example"));
  byId("photo-file").addEventListener("change", ({ target }) => {
    if (target.files.length) open(target.files[0], target.files[0].name);
    target.value = "";
  });
  button("photo-png", savePng);
  button("photo-svg", () => attempt(() => save(writeSvg(state.picture), `${state.name}.svg`, "image/svg+xml")));
  button("photo-gauss", () => save(writeGauss(state.picture), `${state.name}.gauss`, "application/octet-stream"));
  for (const id of ["photo-show", "photo-ellipses"]) byId(id).addEventListener("change", redraw);
  byId("photo-size").addEventListener("change", () => state.source && open(state.source, state.name));
  takeDrops();
  takeMoves(byId("photo-canvas"));
  open(exampleScene(), "example");
}

/** Open a file or a canvas: a photograph is fitted, a .gauss file is shown. */
export async function open(source, name) {
  say("");
  const size = Number(byId("photo-size").value);
  try {
    if (name.toLowerCase().endsWith(".gauss")) showPicture(readGauss(await source.arrayBuffer()));
    else {
      state.photograph = await readPhotograph(source, size);
      state.source = source;
    }
  } catch (error) {
    const readable = "Choose a PNG, JPEG or WebP file, or a .gauss file.";
    const gauss = name.toLowerCase().endsWith(".gauss");
    say(gauss ? `${name} cannot be opened: ${error.message}.` : `${name} is no image that this browser can read. ${readable}`);
    return;
  }
  state.name = name.replace(/\.\w+$/, "");
  Object.assign(state, { left: 0, top: 0 });
  controls.zoom.place(0);
  if (!name.toLowerCase().endsWith(".gauss")) fit();
}

function showPicture(picture) {
  worker.postMessage({ kind: "pause" });
  Object.assign(state, { picture, photograph: null, source: null, running: false, begun: false });
  const quality = Number.isFinite(picture.psnr) ? `, ${number(picture.psnr, 2)} dB` : "";
  byId("photo-status").textContent = `${(picture.means.length / 2).toLocaleString("en")} Gaussians${quality}, from a file`;
  byId("photo-progress").value = 1;
  enable();
  redraw();
}

function fit() {
  if (!state.photograph) return say("Choose a photograph first: a .gauss file holds Gaussians, not the photograph.");
  say("");
  Object.assign(state, { begun: true, running: true });
  const settings = { n: controls.n.value, steps: controls.steps.value, adding: byId("photo-adding").checked };
  worker.postMessage({ kind: "fit", photograph: state.photograph, settings });
}

function showMoment({ step, steps, count, running, done, rate, picture }) {
  if (!state.begun) return;
  Object.assign(state, { picture, running });
  const said = [`step ${step} of ${steps}`, `${count.toLocaleString("en")} Gaussians`, `PSNR ${number(picture.psnr, 2)} dB`];
  byId("photo-status").textContent = `${said.join(" · ")} · ${number(rate, 0)} steps a second`;
  byId("photo-progress").value = step / steps;
  document.documentElement.dataset.fitted = done;
  enable(done);
  redraw();
}

function enable(done = true) {
  const pause = byId("photo-pause");
  pause.disabled = done;
  pause.textContent = state.running ? "Pause" : "Go on";
  for (const id of ["photo-png", "photo-svg", "photo-gauss"]) byId(id).disabled = false;
  byId("photo-fit").disabled = !state.photograph;
}

const redraw = oncePerFrame(() => {
  const { picture, photograph } = state;
  if (!picture) return;
  const canvas = byId("photo-canvas");
  canvas.style.aspectRatio = `${picture.width} / ${picture.height}`;
  canvas.style.maxWidth = `min(100%, calc(72vh * ${picture.width / picture.height}))`;
  const zoom = controls.zoom.value;
  const [width, height] = [picture.width / zoom, picture.height / zoom];
  state.left = Math.min(Math.max(state.left, 0), picture.width - width);
  state.top = Math.min(Math.max(state.top, 0), picture.height - height);
  const context = sharp(canvas, width);
  const show = photograph ? byId("photo-show").value : "gaussians";
  if (show === "gaussians") drawGaussians(context, width, height);
  else drawPixels(context, show);
  if (byId("photo-ellipses").checked) drawEllipses(context, zoom);
});

function drawGaussians(context, width, height) {
  const scale = FINEST / Math.max(width, height);
  const window = { left: state.left, top: state.top, scale, width: Math.round(width * scale), height: Math.round(height * scale) };
  const drawn = toImageData(drawWindow(state.picture, window), window.width, window.height, state.picture.channels);
  context.drawImage(canvasOf(drawn), 0, 0, width, height);
}

/** The photograph, or how far the Gaussians are from it, as it is: pixels. */
function drawPixels(context, show) {
  const { photograph, picture } = state;
  const { width, height } = photograph;
  const [values, channels] = show === "error" ? [errorMap(picture, photograph), 1] : [photograph.values, 3];
  context.imageSmoothingEnabled = false;
  context.drawImage(canvasOf(toImageData(values, width, height, channels)), -state.left, -state.top, width, height);
}

function drawEllipses(context, zoom) {
  const { means, factors } = state.picture;
  context.strokeStyle = colourOf("accent");
  context.lineWidth = Math.min(0.35, 0.7 / zoom);
  for (let i = 0; i < means.length / 2; i++) {
    const [x, y] = [means[2 * i] + 0.5 - state.left, means[2 * i + 1] + 0.5 - state.top];
    ellipse(context, x, y, factors.subarray(3 * i, 3 * i + 3), 1);
    context.stroke();
  }
}

function canvasOf(data) {
  const canvas = new OffscreenCanvas(data.width, data.height);
  canvas.getContext("2d").putImageData(data, 0, 0);
  return canvas;
}

async function savePng() {
  const { width, height, channels } = state.picture;
  const canvas = canvasOf(toImageData(drawWhole(state.picture), width, height, channels));
  save(await canvas.convertToBlob({ type: "image/png" }), `${state.name}.png`);
}

function attempt(action) {
  try {
    say("");
    action();
  } catch (error) {
    say(error.message);
  }
}

function say(text) {
  byId("photo-message").textContent = text;
}

function takeDrops() {
  const zone = byId("photograph");
  for (const kind of ["dragover", "dragleave", "drop"]) {
    zone.addEventListener(kind, (event) => {
      event.preventDefault();
      zone.classList.toggle("dropping", kind === "dragover");
      const file = kind === "drop" && event.dataTransfer.files[0];
      if (file) open(file, file.name);
    });
  }
}

/** Drag to move the window, turn the wheel to zoom; arrows and plus and minus do the same. */
function takeMoves(canvas) {
  let last = null;
  const units = () => state.picture.width / controls.zoom.value;
  const shift = (dx, dy) => {
    state.left += dx;
    state.top += dy;
    redraw();
  };
  const turn = (by) => {
    controls.zoom.place(Number(byId("photo-zoom").value) + by);
    redraw();
  };
  canvas.addEventListener("pointerdown", (event) => {
    last = pointerOn(canvas, event, units());
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!last) return;
    const now = pointerOn(canvas, event, units());
    shift(last[0] - now[0], last[1] - now[1]);
    last = now;
  });
  canvas.addEventListener("pointerup", () => (last = null));
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    turn(-Math.sign(event.deltaY) * 0.25);
  }, { passive: false });
  const keys = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  canvas.addEventListener("keydown", (event) => {
    if (keys[event.key]) shift(...keys[event.key].map((by) => (by * units()) / 10));
    else if ("+-".includes(event.key)) turn(event.key === "+" ? 0.5 : -0.5);
    else return;
    event.preventDefault();
  });
}

export { redraw as redrawPhotograph };
