/** A picture made of Gaussians, seen through a window: any part of it, at any size. */

import { render } from "../gaussians/render.js";

/**
 * The values of a window that begins at (left, top) of the picture, where each pixel of the picture is `scale` wide.
 *
 * The outer edges stay the outer edges: a point x moves to scale (x + 1/2 - left) - 1/2.
 */
export function drawWindow(picture, { left, top, scale, width, height }) {
  const { channels, background, tolerance, amplitude } = picture;
  const means = picture.means.map((number, k) => scale * (number + 0.5 - (k % 2 ? top : left)) - 0.5);
  const factors = picture.factors.map((number) => scale * number);
  const grown = amplitude === "density" ? scale * scale : 1;
  const weights = grown === 1 ? picture.weights : picture.weights.map((number) => grown * number);
  const options = { width, height, channels, form: "cholesky", amplitude, tolerance };
  const { image } = render(means, factors, weights, options);
  for (let at = 0; at < image.length; at++) image[at] += background[Math.floor(at / (width * height))];
  return image;
}

/** The whole picture, pixel by pixel. */
export function drawWhole(picture) {
  const { width, height } = picture;
  return drawWindow(picture, { left: 0, top: 0, scale: 1, width, height });
}

/** How far a picture is from a photograph, as grey: white where channels differ by a fifth of the range or more. */
export function errorMap(picture, photograph) {
  const [drawn, wanted] = [drawWhole(picture), photograph.values];
  const pixels = picture.width * picture.height;
  const share = 5 / photograph.channels;
  const grey = new Float32Array(pixels);
  for (let at = 0; at < drawn.length; at++) grey[at % pixels] += share * Math.abs(drawn[at] - wanted[at]);
  return grey;
}
