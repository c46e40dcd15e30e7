/** The page: four parts behind tabs, in a light or a dark theme. */

import { button } from "./parts/controls.js";
import { redrawGaussian, startGaussian } from "./parts/gaussian.js";
import { open, redrawPhotograph, startPhotograph } from "./parts/photograph.js";
import { redrawPoints, startPoints } from "./parts/points.js";
import { redrawSampling, startSampling } from "./parts/sampling.js";

const PARTS = { photograph: redrawPhotograph, points: redrawPoints, gaussian: redrawGaussian, sampling: redrawSampling };
const tabs = [...document.querySelectorAll("[role=tab]")];

function choose(name) {
  for (const tab of tabs) {
    const chosen = tab.getAttribute("aria-controls") === name;
    tab.setAttribute("aria-selected", chosen);
    tab.tabIndex = chosen ? 0 : -1;
    document.getElementById(tab.getAttribute("aria-controls")).hidden = !chosen;
  }
  PARTS[name]();
}

function chooseByAddress() {
  const name = location.hash.slice(1);
  choose(name in PARTS ? name : "photograph");
}

/** Setting `location.hash` would take the focus from the tab. */
function visit(name) {
  if (location.hash !== `#${name}`) history.pushState(null, "", `#${name}`);
  choose(name);
}

for (const tab of tabs) {
  tab.addEventListener("click", () => visit(tab.getAttribute("aria-controls")));
  tab.addEventListener("keydown", ({ key }) => {
    const turn = { ArrowRight: 1, ArrowLeft: tabs.length - 1 }[key];
    if (!turn) return;
    const next = tabs[(tabs.indexOf(tab) + turn) % tabs.length];
    next.focus();
    next.click();
  });
}

function redrawAll() {
  for (const redraw of Object.values(PARTS)) redraw();
}

const system = matchMedia("(prefers-color-scheme: dark)");
button("theme", () => {
  const { dataset } = document.documentElement;
  const dark = dataset.theme ? dataset.theme === "dark" : system.matches;
  dataset.theme = dark ? "light" : "dark";
  redrawAll();
});
system.addEventListener("change", redrawAll);
addEventListener("resize", redrawAll);
addEventListener("hashchange", chooseByAddress);

startPhotograph();
startPoints();
startGaussian();
startSampling();
chooseByAddress();

const given = new URLSearchParams(location.search).get("open"); // what `gaussgrad play IMAGE` serves beside the page
if (given) {
  const answer = await fetch("given");
  if (answer.ok) open(await answer.blob(), given);
}
document.documentElement.dataset.ready = true;
