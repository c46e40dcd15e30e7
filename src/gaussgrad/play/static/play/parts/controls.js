/** Controls by their id: sliders that show their number, buttons, and one redraw for each frame. */

export function byId(id) {
  return document.getElementById(id);
}

/** A slider with an <output> beside it; `value` is the number that it means. */
export function slider(id, changed, { meaning = (number) => number, text = (value) => String(value) } = {}) {
  const input = byId(id);
  const output = byId(`${id}-output`);
  const control = {
    get value() {
      return meaning(Number(input.value));
    },
    /** Set the position without calling `changed`. */
    place(position) {
      input.value = position;
      control.show();
    },
    show() {
      output.textContent = text(control.value);
      input.setAttribute("aria-valuetext", output.textContent);
    },
  };
  input.addEventListener("input", () => {
    control.show();
    changed();
  });
  control.show();
  return control;
}

export function button(id, pressed) {
  byId(id).addEventListener("click", pressed);
}

/** A function that draws soon, once however often it is called until then. */
export function oncePerFrame(draw) {
  let waiting = false;
  return () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      draw();
    });
  };
}

/** A table of names and texts in a <dl>. */
export function tell(id, rows) {
  byId(id).replaceChildren(
    ...rows.flatMap(([name, text]) => {
      const [term, said] = [document.createElement("dt"), document.createElement("dd")];
      term.textContent = name;
      said.textContent = text;
      return [term, said];
    }),
  );
}

/** Three digits after the point, with a true minus. */
export function number(value, digits = 3) {
  return value.toFixed(digits).replace(/^-(?=0\.?0*$)/, "").replace("-", "−");
}
