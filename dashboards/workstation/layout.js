// The panes: which views and methods stand side by side, and their elements.

const LAYOUTS = { exam: "Views", pair: "Image and map", methods: "All methods" };

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "on") Object.entries(value).forEach(([event, act]) => made.addEventListener(event, act));
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

// What each pane shows: {view, method ("" for the image alone)}.
function contents(state) {
  const { views } = state.data, own = views.find((view) => view.case === state.data.case) || views[0];
  if (state.look.layout === "exam") return views.map((view) => ({ view, method: state.method }));
  const methods = methodsOf(own, targetOf(state, own));
  const shown = state.look.layout === "methods" ? methods : methods.filter((m) => m === state.method).slice(0, 1);
  return [{ view: own, method: "" }, ...(shown.length ? shown : [state.method || "none"]).map((method) =>
    ({ view: own, method }))];
}

const methodsOf = (view, target) => view.maps.filter((m) => m.target === target).map((m) => m.method);

// The target whose map a view shows: the chosen one, else its missed lesion, else its first.
function targetOf(state, view) {
  const names = view.targets.map((t) => t.target), chosen = state.chosen.get(view.case);
  if (names.includes(chosen)) return chosen;
  return names.find((name) => /^m\d+$/.test(name)) || names[0] || "";
}

// The number of columns that lets n images of this shape be largest; words: the height of a pane's text.
function columnsFor(n, width, height, shape, words) {
  let best = [0, 1];
  for (let columns = 1; columns <= n; columns++) {
    const w = width / columns, h = height / Math.ceil(n / columns) - words;
    const scale = Math.min(w / shape[0], h / shape[1]);
    if (scale > best[0] * 1.02) best = [scale, columns];
  }
  return best[1];
}

function paneElements(pane) {
  const canvas = element("canvas", { role: "img" });
  const boxes = element("div", { class: "boxes" });
  const stage = element("div", { class: "stage", tabindex: "0", role: "group" }, canvas, boxes,
    element("p", { class: "told", hidden: true }));
  const title = element("span", { class: "title" }), note = element("span", { class: "note" });
  const bar = element("span", { class: "scale" }), length = element("span");
  const value = element("output", { class: "value" });
  const under = element("p", { class: "told under", hidden: true });
  const root = element("figure", { class: "pane" }, element("figcaption", { class: "head" }, title, note),
    element("p", { class: "warn", hidden: true }), stage, under,
    element("div", { class: "foot" }, element("span", { class: "length" }, bar, length), value));
  return Object.assign(pane, { root, canvas, boxes, stage, title, note, bar, length, value, under,
    warn: root.querySelector(".warn"), told: stage.querySelector(".told") });
}

const widened = ({ left, top, width, height }, by) => ({ left: left - by, top: top - by, width: width + 2 * by,
  height: height + 2 * by });

// Which switch of the toolbar shows the boxes of a kind, and what their lines mean.
const SWITCH = { detection: "detections", false: "detections", below: "below", truth: "truth", missed: "truth" };
const LINES = { detection: "Green, solid: the model's detection.", false: "Green, double line: false positive.",
  below: "Pale green, thin: weaker than the operating point.", truth: "Magenta, dashed: the reference.",
  missed: "Magenta, dotted: missed." };

const boxesShown = (state, view) => view.boxes.filter((box) => state.look[SWITCH[box.kind]]);

// The edges of masks in sight: found with the detections, the reference with its boxes, of all classes or one.
const outlinesShown = (state, view) => (view.outlines || []).filter(({ name, kind }) =>
  state.look[kind === "found" ? "detections" : "truth"] && ["All", name].includes(state.look.part));

// What the lines of the boxes and outlines in sight mean.
function linesSaid(state) {
  const drawn = new Set(state.panes.flatMap(({ view }) => outlinesShown(state, view).map(({ kind }) => kind)));
  if (drawn.size) return [drawn.has("found") && "Green, solid: found.", drawn.has("reference")
    && "Magenta, dashed: the reference."].filter(Boolean).join(" ");
  const kinds = new Set(state.panes.flatMap(({ view }) => boxesShown(state, view).map((box) => box.kind)));
  return Object.keys(LINES).filter((kind) => kinds.has(kind)).map((kind) => LINES[kind]).join(" ");
}

// Boxes as buttons, so that the keyboard and a screen reader reach them; the mouse goes to the stage.
function placeBoxes(pane, state, place, choose) {
  const shown = boxesShown(state, pane.view), room = { width: pane.width, height: pane.height };
  const target = targetOf(state, pane.view);
  makeBoxes(pane, shown, choose);
  chooseBoxes(pane, shown.map((box) => box.target !== "" && box.target === target), room);
  // A reference is drawn a little wider, so that a detection of the same size does not hide it.
  const rectangles = shown.map((box) => widened(rectangle(place, box.edges), SWITCH[box.kind] === "truth" ? 4 : 0));
  const arrows = rectangles.map((box) => arrowTo(box, room)), seen = (_, i) => !arrows[i];
  const labels = labelPlaces(rectangles.filter(seen), pane.labelSizes.filter(seen), room);
  pane.buttons.forEach((button, i) => {
    const box = arrows[i] || rectangles[i], spoken = shown[i].spoken + (arrows[i] ? "; outside the pane" : "");
    const { left, top, width = ARROW, height = ARROW } = box;
    Object.assign(button.style, { left: `${left}px`, top: `${top}px`, width: `${width}px`, height: `${height}px` });
    button.classList.toggle("off", Boolean(arrows[i]));
    button.dataset.arrow = arrows[i] ? arrows[i].arrow : "";
    button.setAttribute("aria-label", spoken);
    const label = arrows[i] ? box : labels.shift();
    Object.assign(button.firstChild.style, { left: `${label.left - left}px`, top: `${label.top - top}px` });
  });
  pane.shownBoxes = shown;
}

function makeBoxes(pane, shown, choose) {
  const stamp = JSON.stringify([pane.view.case, shown]);
  if (pane.boxStamp === stamp) return;
  pane.boxStamp = stamp;
  pane.sizeStamp = "";
  pane.buttons = shown.map((box) => element("button", { class: `box ${box.kind}`, type: "button", title: box.spoken,
    on: { click: () => choose(pane.view, box) } }, element("span", {}, box.shown)));
  pane.boxes.replaceChildren(...pane.buttons);
}

// Mark what is chosen, then measure the labels: a chosen one is bold, so it is wider.
function chooseBoxes(pane, chosen, room) {
  const stamp = JSON.stringify([chosen, room.width]);
  if (pane.sizeStamp === stamp) return;
  pane.sizeStamp = stamp;
  pane.boxes.style.setProperty("--room", `${room.width}px`);
  pane.buttons.forEach((button, i) => {
    button.classList.toggle("chosen", chosen[i]);
    button.setAttribute("aria-pressed", String(chosen[i]));
  });
  pane.labelSizes = pane.buttons.map((button) => {
    const { width, height } = button.firstChild.getBoundingClientRect();
    return { width: Math.ceil(width), height: Math.ceil(height) };
  });
}
