// The keyboard and the mouse.

const KEYS = [
  ["n, p, m", "next case, previous case, next miss"], ["space", "overlay on or off"], ["i", "invert"],
  ["1 to 4", "presets of the window"], ["[ and ]", "less or more opacity"], [", and .", "narrower or wider window"],
  ["; and '", "darker or brighter"], ["+ − 0", "zoom in, zoom out, fit"], ["arrows", "move the image (pane in focus)"],
  ["t", "drag sets the window or moves"], ["v", "views, image and map, all methods"], ["l", "link the views or not"],
  ["Tab, Enter", "to a box, show its map"], ["?", "this list"], ["drag", "window: right is wider, up is brighter"],
  ["shift + drag", "the other of window and move"], ["wheel", "zoom at the pointer"], ["double click", "fit"],
];

function helpText() {
  const rows = KEYS.flatMap(([key, what]) => [element("dt", {}, key), element("dd", {}, what)]);
  return [element("h2", {}, "Keys and mouse"), element("dl", {}, ...rows)];
}

// What a key does; false if it is not ours. `at` is the element in focus.
function pressed(event, at, state, act) {
  const typing = at && at.matches && at.matches("input:not([type=checkbox]):not([type=range]), textarea, select, "
    + "[contenteditable=true], [role=combobox]");
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return false;
  const widget = at && at.matches && at.matches("button, input, a, summary, [role=option], [role=slider]");
  const { look } = state;
  const flip = (name) => () => act.look({ [name]: !look[name] });
  const acts = { i: flip("invert"), l: flip("linked"), "?": act.help, "+": () => act.zoom(1.25),
    "=": () => act.zoom(1.25), "-": () => act.zoom(0.8), 0: act.fit,
    t: () => act.look({ tool: look.tool === "window" ? "pan" : "window" }),
    v: () => act.look({ layout: { exam: "pair", pair: "methods", methods: "exam" }[look.layout] }),
    "[": () => act.look({ opacity: clampTo(look.opacity - 0.1, 0, 1) }),
    "]": () => act.look({ opacity: clampTo(look.opacity + 0.1, 0, 1) }),
    ",": () => act.window(-0.05, 0), ".": () => act.window(0.05, 0),
    ";": () => act.window(0, 0.03), "'": () => act.window(0, -0.03) };
  if (event.key === " " && !widget) acts[" "] = flip("overlay");
  if (event.key === "Escape" && !state.help.hidden) acts.Escape = act.help;
  if (/^[1-4]$/.test(event.key)) acts[event.key] = () => act.presetNumber(Number(event.key) - 1);
  if (at && at.classList && at.classList.contains("stage")) {
    Object.assign(acts, { ArrowLeft: () => act.move(60, 0), ArrowRight: () => act.move(-60, 0),
      ArrowUp: () => act.move(0, 60), ArrowDown: () => act.move(0, -60) });
  }
  if (!Object.hasOwn(acts, event.key)) return false;
  acts[event.key]();
  return true;
}

// Drag, wheel, click and hover on one pane.
function handle(pane, state, act) {
  const { stage } = pane;
  let drag = null;
  const at = (event) => {
    const edge = stage.getBoundingClientRect();
    return [event.clientX - edge.left, event.clientY - edge.top];
  };
  stage.addEventListener("pointerdown", (event) => {
    if (event.button > 1) return;
    const pan = (state.look.tool === "pan") !== event.shiftKey || event.button === 1;
    drag = { pan, last: at(event), moved: 0 };
    stage.setPointerCapture(event.pointerId);
    act.focus(pane);
  });
  stage.addEventListener("pointermove", (event) => {
    const [x, y] = at(event);
    if (drag) {
      const dx = x - drag.last[0], dy = y - drag.last[1];
      drag.moved += Math.abs(dx) + Math.abs(dy);
      drag.last = [x, y];
      if (drag.moved > 3) drag.pan ? act.pan(pane, dx, dy) : act.window(dx / 500, dy / 500);
    }
    act.hover(pane, x, y);
  });
  stage.addEventListener("pointerup", (event) => {
    if (drag && drag.moved <= 3) act.click(pane, ...at(event));
    drag = null;
  });
  stage.addEventListener("pointerleave", () => act.hover(null));
  stage.addEventListener("pointercancel", () => { drag = null; });
  stage.addEventListener("dblclick", act.fit);
  stage.addEventListener("focus", () => act.focus(pane));
  stage.addEventListener("wheel", (event) => {
    event.preventDefault();
    act.zoomAt(pane, ...at(event), Math.exp(-clampTo(event.deltaY, -300, 300) / 400));
  }, { passive: false });
}
