/** What the parts share when they draw: colours of the page, sharp canvases, ellipses and arrows. */

/** A colour of the style sheet by its name, such as "accent", as it is in this theme. */
export function colourOf(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

/** The context of a canvas that has a pixel for each pixel of the screen, in units of `width` to its width; cleared. */
export function sharp(canvas, width) {
  const shown = canvas.clientWidth * devicePixelRatio;
  const scale = shown / width;
  const height = Math.round((canvas.clientHeight / canvas.clientWidth) * shown);
  if (canvas.width !== Math.round(shown) || canvas.height !== height) {
    canvas.width = Math.round(shown);
    canvas.height = height;
  }
  const context = canvas.getContext("2d");
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, width, canvas.height / scale);
  return context;
}

/** The path of an ellipse so many standard deviations from the mean, by its factor [xx, yx, yy]. */
export function ellipse(context, x, y, [xx, yx, yy], stddevs) {
  context.save();
  context.transform(xx, yx, 0, yy, x, y);
  context.beginPath();
  context.arc(0, 0, stddevs, 0, 2 * Math.PI);
  context.restore();
}

export function arrow(context, x, y, dx, dy) {
  const length = Math.hypot(dx, dy);
  if (length < 1) return;
  const head = Math.min(7, 0.5 * length);
  const [ux, uy] = [dx / length, dy / length];
  context.beginPath();
  context.moveTo(x, y);
  context.lineTo(x + dx - 0.7 * head * ux, y + dy - 0.7 * head * uy);
  context.stroke();
  context.beginPath();
  context.moveTo(x + dx, y + dy);
  context.lineTo(x + dx - head * (ux + 0.5 * uy), y + dy - head * (uy - 0.5 * ux));
  context.lineTo(x + dx - head * (ux - 0.5 * uy), y + dy - head * (uy + 0.5 * ux));
  context.fill();
}

/** Where a pointer is on a canvas whose width is so many units. */
export function pointerOn(canvas, event, width) {
  const box = canvas.getBoundingClientRect();
  const scale = width / box.width;
  return [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
}
