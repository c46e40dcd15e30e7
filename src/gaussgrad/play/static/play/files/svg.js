/** Gaussians as SVG: a radial gradient each, which the browser adds up, as `gaussgrad export` writes it but for the stops. */

const STOPS = 24; // of the profile
const FARTHEST = 4; // standard deviations
const BRIGHTEST = 64; // a value at a mean: a circle has at most 1, so that others lie on it

/** The text of an SVG; an Error where weights are below 0, for a browser adds light and takes none away. */
export function writeSvg({ width, height, channels, means, factors, weights, background, tolerance, amplitude }) {
  if (weights.some((weight) => weight < 0)) {
    throw new Error("An SVG only adds light, and some weights are below 0. Tick “only add light” and fit again.");
  }
  const radius = tolerance > 0 ? Math.min(Math.sqrt(-2 * Math.log(tolerance)), FARTHEST) : FARTHEST;
  const stops = Array.from({ length: STOPS }, (_, k) => stop(k / (STOPS - 1), radius, tolerance)).join("");
  const lines = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">`,
    "<style>.gaussians{isolation:isolate}.gaussians circle{mix-blend-mode:plus-lighter}</style>",
    `<g class="gaussians"><rect width="${width}" height="${height}" fill="${colour([...background])}"/>`,
  ];
  for (let i = 0; i < means.length / 2; i++) {
    const [xx, yx, yy] = factors.subarray(3 * i, 3 * i + 3);
    const scale = amplitude === "density" ? 1 / (2 * Math.PI * xx * yy) : 1;
    const peak = [...weights.subarray(channels * i, channels * (i + 1))].map((weight) => weight * scale);
    const brightest = Math.min(Math.max(...peak), BRIGHTEST);
    if (brightest <= 0) continue;
    const at = [xx, yx, 0, yy, means[2 * i] + 0.5, means[2 * i + 1] + 0.5].map((number) => number.toPrecision(6));
    const count = Math.ceil(brightest);
    const circle =
      `<circle r="${radius.toFixed(4)}" transform="matrix(${at.join(" ")})" fill="url(#gaussian${i})" ` +
      `fill-opacity="${(brightest / count).toFixed(5)}"/>`;
    lines.push(`<radialGradient id="gaussian${i}" color="${colour(peak.map((value) => value / brightest))}">${stops}</radialGradient>`);
    for (let k = 0; k < count; k++) lines.push(circle);
  }
  return lines.concat("</g></svg>\n").join("\n");
}

function stop(share, radius, tolerance) {
  const opacity = Math.max(Math.exp(-((share * radius) ** 2) / 2) - tolerance, 0);
  return `<stop offset="${share.toFixed(4)}" stop-color="currentColor" stop-opacity="${opacity.toFixed(4)}"/>`;
}

/** Grey or RGB in [0, 1] as #rrggbb. */
function colour(numbers) {
  const three = numbers.length === 1 ? [numbers[0], numbers[0], numbers[0]] : numbers;
  const byte = (number) => Math.round(255 * Math.min(Math.max(number, 0), 1)).toString(16).padStart(2, "0");
  return `#${three.map(byte).join("")}`;
}
