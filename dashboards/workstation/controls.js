// The toolbar. Every control acts on `state.look` and has a name for a screen reader.

const DEFAULTS = { layout: "exam", tool: "window", window: "Whole range", low: 0, high: 1, invert: false, overlay: true,
  opacity: 0.5, threshold: 0, colours: "auto", smoothing: "auto", detections: true, below: false, truth: true,
  linked: true, part: "All" };
const COLOURS = { auto: "By sign", signed: "Blue–orange", positive: "Inferno", cividis: "Cividis" };
const SMOOTHINGS = { auto: "Auto", off: "Off", fine: "Fine", strong: "Strong" };

function controls(state, act) {
  const { look } = state;
  const set = (name) => (value) => act.look({ [name]: value });
  const made = {
    layout: choice("Show", LAYOUTS, set("layout")),
    tool: choice("Drag", { window: "Window", pan: "Move" }, set("tool")),
    window: choice("Window", {}, (name) => act.preset(name)),
    invert: toggle("Invert", set("invert")),
    linked: toggle("Link views", set("linked")),
    overlay: toggle("Overlay", set("overlay")),
    opacity: slider("Opacity", set("opacity")),
    threshold: slider("Hide below", set("threshold")),
    colours: choice("Colours", COLOURS, set("colours")),
    smoothing: choice("Smoothing", SMOOTHINGS, set("smoothing")),
    detections: toggle("Detections", set("detections")),
    below: toggle("Weaker", set("below")),
    truth: toggle("Reference", set("truth")),
    part: choice("Class", {}, set("part")),
  };
  const button = (text, name, go) => element("button", { type: "button", "aria-label": name, title: name,
    on: { click: go } }, text);
  const zoom = element("span", { class: "group" }, button("−", "− zoom out", () => act.zoom(1 / 1.25)),
    button("Fit", "Fit to the pane", act.fit), button("+", "+ zoom in", () => act.zoom(1.25)));
  const help = button("?", "? keys and mouse", act.help);
  const { layout, tool, window: preset, invert, linked, ...rest } = made;
  state.bar.replaceChildren(
    element("div", { class: "row" }, layout.root, preset.root, tool.root, zoom, invert.root, linked.root, help),
    element("div", { class: "row" }, ...Object.values(rest).map((control) => control.root)));
  state.controls = made;
  state.helpButton = help;
  return look;
}

// Bring the toolbar in line with the look.
function showLook(state, presets, onlyView) {
  const parts = state.data.views.flatMap((view) => (view.outlines || []).map((one) => one.name));
  const { controls: shown, look } = state;
  const names = [...presets, ...(presets.includes(look.window) ? [] : [look.window])];
  shown.window.options(Object.fromEntries(names.map((name) => [name, name])));
  shown.layout.options(onlyView ? { pair: LAYOUTS.pair, exam: "One view", methods: LAYOUTS.methods } : LAYOUTS);
  showParts(shown, look, parts, state.data.switches || {});
  for (const [name, control] of Object.entries(shown)) control.value(look[name]);
}

// A segmentation has outlines by class, and no weaker detections; a switch of what no case of the run has is not there.
function showParts(shown, look, parts, switches) {
  const names = ["All", ...new Set(parts)];
  if (!names.includes(look.part)) look.part = "All";
  shown.part.options(Object.fromEntries(names.map((name) => [name, name])));
  shown.part.root.classList.toggle("gone", !parts.length);
  for (const name of ["overlay", "opacity", "threshold", "colours", "smoothing"]) {
    shown[name].root.classList.toggle("gone", switches.maps === false);
  }
  for (const name of ["detections", "below", "truth"]) {
    const there = parts.length ? name !== "below" : switches[name] !== false;
    shown[name].root.classList.toggle("gone", !there);
  }
}

function choice(name, options, changed) {
  const select = element("select", { "aria-label": name, on: { change: () => changed(select.value) } });
  const fill = (wanted) => {
    const key = JSON.stringify(wanted);
    if (select.dataset.key === key) return;
    select.dataset.key = key;
    select.replaceChildren(...Object.entries(wanted).map(([value, text]) => element("option", { value }, text)));
  };
  fill(options);
  return { root: element("label", {}, name, select), options: fill, value: (v) => { select.value = v; } };
}

function toggle(name, changed) {
  const box = element("input", { type: "checkbox", on: { change: () => changed(box.checked) } });
  return { root: element("label", { class: "toggle" }, box, name), value: (v) => { box.checked = v; } };
}

function slider(name, changed) {
  const bar = element("input", { type: "range", "aria-label": name, min: "0", max: "1", step: "0.05",
    on: { input: () => changed(Number(bar.value)) } });
  const told = element("output");
  return { root: element("label", {}, name, bar, told),
    value: (v) => { bar.value = v; told.textContent = `${Math.round(v * 100)} %`; } };
}
