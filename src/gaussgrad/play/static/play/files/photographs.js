/** Photographs as planes of numbers from 0 to 1, and back to a canvas. */

/** A photograph {values, width, height, channels} of a file or canvas, its longer side at most so many pixels. */
export async function readPhotograph(source, longest) {
  const bitmap = await createImageBitmap(source);
  const shrink = Math.min(1, longest / Math.max(bitmap.width, bitmap.height));
  const [width, height] = [bitmap.width, bitmap.height].map((side) => Math.max(1, Math.round(side * shrink)));
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, width, height);
  const { data } = context.getImageData(0, 0, width, height);
  const pixels = width * height;
  const values = new Float32Array(3 * pixels);
  for (let at = 0; at < pixels; at++) {
    for (let c = 0; c < 3; c++) values[c * pixels + at] = (data[4 * at + c] * data[4 * at + 3]) / 255 / 255; // onto black
  }
  return { values, width, height, channels: 3 };
}

/** Planes of numbers, 0 black and 1 white, as ImageData; one plane is grey. */
export function toImageData(values, width, height, channels) {
  const picture = new ImageData(width, height);
  const pixels = width * height;
  for (let at = 0; at < pixels; at++) {
    for (let c = 0; c < 3; c++) picture.data[4 * at + c] = 255 * values[(channels === 3 ? c * pixels : 0) + at] + 0.5;
    picture.data[4 * at + 3] = 255;
  }
  return picture;
}

/** A picture to begin with: a sun between hills. */
export function exampleScene() {
  const canvas = new OffscreenCanvas(256, 256);
  const context = canvas.getContext("2d");
  const fill = (paint, shape) => {
    context.fillStyle = paint;
    context.beginPath();
    shape();
    context.fill();
  };
  const sky = context.createLinearGradient(0, 0, 0, 190);
  [[0, "#182848"], [0.45, "#7a4f8f"], [0.75, "#f28b6b"], [1, "#ffd9a0"]].forEach((stop) => sky.addColorStop(...stop));
  fill(sky, () => context.rect(0, 0, 256, 256));
  fill("#fff3c4", () => context.arc(168, 128, 26, 0, 7));
  for (let k = 0; k < 40; k++) fill("#ffffffcc", () => context.arc((k * 97) % 256, (k * 53) % 90, 0.5 + (k % 3) * 0.35, 0, 7));
  const hills = [["#6d4c7d", 170, 22, 41], ["#40395f", 195, 16, 27], ["#1d2b3f", 222, 11, 17]];
  for (const [paint, base, height, length] of hills) {
    fill(paint, () => {
      context.moveTo(0, 256);
      for (let x = 0; x <= 256; x += 2) context.lineTo(x, base - height * Math.sin(x / length) - 5 * Math.sin(x / 7 + base));
      context.lineTo(256, 256);
    });
  }
  return canvas;
}
