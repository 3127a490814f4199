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

// The number of columns that lets n images of this shape be largest.
function columnsFor(n, width, height, shape) {
  let best = [0, 1];
  for (let columns = 1; columns <= n; columns++) {
    const w = width / columns, h = height / Math.ceil(n / columns) - 60;
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
  const bar = element("span", { class: "scale" }), length = element("span", { class: "length" });
  const value = element("output", { class: "value" });
  const root = element("figure", { class: "pane" }, element("figcaption", { class: "head" }, title, note),
    element("p", { class: "warn", hidden: true }), stage, element("div", { class: "foot" }, bar, length, value));
  return Object.assign(pane, { root, canvas, boxes, stage, title, note, bar, length, value,
    warn: root.querySelector(".warn"), told: root.querySelector(".told") });
}

const widened = ({ left, top, width, height }, by) => ({ left: left - by, top: top - by, width: width + 2 * by,
  height: height + 2 * by });

// Boxes as buttons, so that the keyboard and a screen reader reach them; the mouse goes to the stage.
function placeBoxes(pane, state, place, choose) {
  const shown = pane.view.boxes.filter((box) => state.look[{ detection: "detections", below: "below",
    truth: "truth" }[box.kind]]);
  const stamp = JSON.stringify([pane.view.case, shown]);
  if (pane.boxStamp !== stamp) {
    pane.boxStamp = stamp;
    pane.buttons = shown.map((box) => element("button", { class: `box ${box.kind}`, type: "button",
      "aria-label": box.spoken, title: box.spoken, on: { click: () => choose(pane.view, box) } },
      element("span", {}, box.shown)));
    pane.boxes.replaceChildren(...pane.buttons);
    pane.labelSizes = pane.buttons.map((b) => ({ width: b.firstChild.offsetWidth, height: b.firstChild.offsetHeight }));
  }
  const target = targetOf(state, pane.view);
  // A reference is drawn a little wider, so that a detection of the same size does not hide it.
  const rectangles = shown.map((box) => widened(rectangle(place, box.edges), box.kind === "truth" ? 4 : 0));
  const labels = labelPlaces(rectangles, pane.labelSizes, { width: pane.width, height: pane.height });
  pane.buttons.forEach((button, i) => {
    const { left, top, width, height } = rectangles[i];
    Object.assign(button.style, { left: `${left}px`, top: `${top}px`, width: `${width}px`, height: `${height}px` });
    Object.assign(button.firstChild.style, { left: `${labels[i].left - left}px`, top: `${labels[i].top - top}px` });
    const chosen = shown[i].target !== "" && shown[i].target === target;
    button.classList.toggle("chosen", chosen);
    button.setAttribute("aria-pressed", String(chosen));
  });
  pane.shownBoxes = shown;
}
