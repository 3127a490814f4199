// The component: one state for each place on the page, brought up to date whenever the server sends data.

const STATES = new WeakMap();
const REMEMBERED = { ...DEFAULTS };
const LOADING = "Loading the map";

export default function viewer({ parentElement, data, setStateValue }) {
  if (!data) return undefined;
  let state = STATES.get(parentElement);
  if (!state) {
    state = started(parentElement);
    STATES.set(parentElement, state);
  }
  state.send = setStateValue;
  take(state, data);
  return state.end;
}

function started(parent) {
  const find = (name) => parent.querySelector(name);
  const state = { root: find(".viewer"), bar: find(".bar"), panesRoot: find(".panes"), help: find(".help"),
    trust: find(".trust"), caption: find(".caption"), hint: find(".hint"), look: REMEMBERED, chosen: new Map(),
    cameras: new Map(), panes: [], picks: 0, frame: 0, data: { views: [] }, colours: {} };
  state.act = actions(state);
  state.pieces = new Pieces((request) => state.send("want", request), () => again(state));
  controls(state, state.act);
  state.help.append(...helpText());
  state.hint.textContent = "n next · p previous · m next miss · space overlay · i invert · drag window · wheel zoom · ? keys";
  const keyed = (event) => {
    const at = event.composedPath()[0];
    if (pressed(event, at, state, state.act)) event.preventDefault();
  };
  document.addEventListener("keydown", keyed);
  const sized = new ResizeObserver(() => again(state));
  sized.observe(state.panesRoot);
  state.end = () => {
    document.removeEventListener("keydown", keyed);
    sized.disconnect();
    STATES.delete(parent);
  };
  return state;
}

// Take what the server sent: another case, a choice made elsewhere on the page, pieces.
function take(state, data) {
  const before = state.data;
  if (data.run !== before.run || data.case !== before.case) {
    const same = before.views.some((view) => view.case === data.case);
    if (!same) {
      state.cameras.clear();
      state.chosen.clear();
    }
  }
  const choice = (d) => JSON.stringify([d.case, d.target, d.method]);
  if (choice(data) !== choice(before)) {
    state.chosen.set(data.case, data.target);
    state.method = data.method || state.method;
  }
  for (const [name, text] of Object.entries(data.colours))
    state.colours[name] = state.colours[name] || Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  data.views.forEach((view) => { view.hung = data.views.length > 1; });
  state.data = data;
  state.pieces.answer(data.parts, data.answered);
  again(state);
}

function again(state) {
  if (!state.frame) state.frame = requestAnimationFrame(() => {
    state.frame = 0;
    draw(state);
  });
}

function actions(state) {
  const act = {
    look: (change) => { Object.assign(state.look, change); again(state); },
    preset: (name) => act.look({ window: name }),
    presetNumber: (n) => { if (state.presets[n]) act.preset(state.presets[n]); },
    window: (wider, darker) => {
      const { low, high } = windowOf(state, state.focus || state.panes[0]);
      const width = clampTo(high - low + wider, 0.004, 2), level = clampTo((high + low) / 2 + darker, 0, 1);
      act.look({ window: "Set by hand", low: level - width / 2, high: level + width / 2 });
    },
    fit: () => { state.cameras.clear(); again(state); },
    help: () => {
      state.help.hidden = !state.help.hidden;
      state.helpButton.setAttribute("aria-expanded", String(!state.help.hidden));
    },
    focus: (pane) => { state.focus = pane; },
    camera: (pane, camera) => {
      state.cameras.set(state.look.linked ? "" : pane.view.case, camera);
      again(state);
    },
    pan: (pane, dx, dy) => pane.size && act.camera(pane, moved(pane.view, pane.size, cameraOf(state, pane), pane, dx, dy)),
    zoomAt: (pane, x, y, factor) => pane.size
      && act.camera(pane, zoomedAt(pane.view, pane.size, cameraOf(state, pane), pane, x, y, factor)),
    zoom: (factor) => {
      const pane = state.focus || state.panes[0];
      if (pane) act.zoomAt(pane, pane.width / 2, pane.height / 2, factor);
    },
    move: (dx, dy) => state.focus && act.pan(state.focus, dx, dy),
    hover: (pane, x, y) => { state.pointer = pane && pane.place ? toImage(pane.place, x, y) : null;
      state.over = pane; readOut(state); },
    click: (pane, x, y) => {
      if (!pane.place) return;
      const box = boxAt(pane.shownBoxes || [], ...toImage(pane.place, x, y), 4 / pane.place.scale);
      const other = state.look.layout === "methods" && pane.method && pane.method !== state.method;
      if (box && box.target) act.choose(pane.view, box, other ? pane.method : "");
      else if (other) act.pick(pane.view, targetOf(state, pane.view), pane.method);
      else if (box) act.choose(pane.view, box);
    },
    // Another target, and where it is given another method, becomes the choice of the page.
    pick: (view, target, method) => {
      state.chosen.set(view.case, target);
      state.method = method || state.method;
      state.look.overlay = true;
      again(state);
      state.picks += 1;
      state.send("pick", { count: state.picks, at: Date.now(), case: view.case, target, method });
    },
    choose: (view, box, method = "") => {
      if (!box.target) {
        state.caption.textContent = `${box.text}: no map was made for this box.`;
        return;
      }
      act.pick(view, box.target, method);
    },
  };
  return act;
}

const cameraOf = (state, pane) => state.cameras.get(state.look.linked ? "" : pane.view.case) || { zoom: 1, u: 0.5, v: 0.5 };

// The window [low, high] of a pane: a preset is the image's own, one set by hand holds for all.
function windowOf(state, pane) {
  const { window: name, low, high } = state.look;
  const own = pane && pane.image && (pane.image.windows || []).find((preset) => preset.name === name);
  return own || (name === "Set by hand" ? { low, high } : { low: 0, high: 1 });
}

function draw(state) {
  if (!state.data.views.length) return;
  arrange(state);
  const image = state.panes.map((pane) => state.pieces.get("image", pane.view.case)).find((p) => p && p.windows);
  state.presets = image ? image.windows.map((preset) => preset.name) : ["Whole range"];
  showLook(state, state.presets, state.data.views.length === 1);
  // All words first: they make panes lower, and a pane is measured when it is drawn.
  state.panes.forEach((pane) => prepare(state, pane));
  tell(state);
  state.panes.forEach((pane) => drawPane(state, pane));
  readOut(state);
}

// Make the panes anew if another set is to be shown.
function arrange(state) {
  const wanted = contents(state);
  const stamp = JSON.stringify(wanted.map(({ view, method }) => [view.case, state.look.layout === "exam" || method]));
  if (stamp !== state.stamp) {
    state.stamp = stamp;
    state.panes = wanted.map((pane) => paneElements(pane));
    state.panes.forEach((pane) => handle(pane, state, state.act));
    state.panesRoot.replaceChildren(...state.panes.map((pane) => pane.root));
    state.focus = null;
  }
  wanted.forEach((pane, i) => Object.assign(state.panes[i], pane));
  const { clientWidth, clientHeight } = state.panesRoot, { view } = wanted[0];
  const shape = view.width && view.height ? [view.width, view.height] : [1, 1];
  const words = state.look.layout === "exam" ? 60 : 100;
  const columns = columnsFor(wanted.length, clientWidth, clientHeight, shape, words);
  state.panesRoot.style.setProperty("--columns", columns);
  state.panesRoot.style.setProperty("--rows", Math.ceil(wanted.length / columns));
}

// Find the image and map of a pane and write its words; what it lacks stands under the image, off the tissue.
function prepare(state, pane) {
  const { view } = pane, image = state.pieces.get("image", view.case);
  pane.image = image && !image.problem ? image : null;
  if (pane.image) view.flip = view.hung && image.turned.includes(view.side);
  heading(state, pane);
  const trouble = view.problem || (image && image.problem) || "";
  const lacking = pane.image && pane.method ? findMap(state, pane) : "";
  const wait = lacking === LOADING;
  say(pane.told, !pane.image ? trouble || "Loading the image" : wait && !trouble ? LOADING : "");
  say(pane.under, !pane.image ? "" : trouble || (state.look.overlay && !wait ? lacking : ""));
}

function drawPane(state, pane) {
  const { view, image } = pane;
  Object.assign(pane, { width: pane.stage.clientWidth, height: pane.stage.clientHeight, place: null });
  if (!image || !pane.width) {
    begin(pane.canvas, null, pane.width, pane.height);
    pane.boxes.replaceChildren();
    pane.boxStamp = "";
    delete pane.stage.dataset.shown;
    return;
  }
  pane.size = image.full;
  pane.place = placed(view, pane.size, cameraOf(state, pane), pane.width, pane.height);
  const pen = begin(pane.canvas, pane.place, pane.width, pane.height);
  drawImage(state, pane, pen);
  pane.stage.dataset.shown = view.case;
  if (pane.map && state.look.overlay) drawMap(state, pane, pen);
  drawOutlines(state, pane, pen);
  placeBoxes(pane, state, pane.place, state.act.choose);
  const bar = scaleBar(pane.place.scale, view.spacing, Math.min(120, pane.width / 3));
  pane.bar.style.width = `${bar.width}px`;
  pane.length.textContent = `${bar.length} ${bar.unit}`;
}

function drawImage(state, pane, pen) {
  const { low, high } = windowOf(state, pane), { invert } = state.look;
  const stamp = `${low} ${high} ${invert}`;
  const table = pane.greys && pane.greyStamp === stamp ? pane.greys : greyTable(low, high, invert);
  Object.assign(pane, { greys: table, greyStamp: stamp });
  const { place, image } = pane;
  pen.drawImage(greyCanvas(image, table, stamp), 0, 0, place.w, place.h);
  const dense = window.devicePixelRatio || 1;
  if (place.scale * dense * (place.h / image.height) < 1.15 || place.h === image.height) return;
  for (const [column, row] of tilesShown(place, pane.width, pane.height)) {
    const tile = state.pieces.get("tile", pane.view.case, column, row);
    if (tile && tile.ready) pen.drawImage(greyCanvas(tile, table, stamp), column * TILE, row * TILE, tile.width, tile.height);
  }
}

// Find the map of a pane; what is to be said instead where there is none.
function findMap(state, pane) {
  const target = targetOf(state, pane.view);
  pane.map = null;
  delete pane.stage.dataset.map;
  if (!target) return pane.view.nothing;
  if (!methodsOf(pane.view, target).includes(pane.method)) return "This method made no map for this target.";
  const map = state.pieces.get("map", pane.view.case, target, pane.method, state.look.smoothing);
  if (!map) return LOADING;
  if (map.problem) return map.problem;
  if (map.empty) return `${map.empty}: this map says nothing.`;
  pane.map = map;
  pane.stage.dataset.map = `${target}/${pane.method}`;
  return "";
}

function drawMap({ look, colours }, { map, place }, pen) {
  const kind = look.colours === "auto" ? map.kind : look.colours;
  const stamp = `${kind} ${look.threshold}`;
  if (map.stamp !== stamp) map.table = heatTable(colours[kind], kind === "signed", look.threshold);
  pen.globalAlpha = look.opacity;
  pen.drawImage(heatCanvas(map, map.table, stamp), 0, 0, place.w, place.h);
  pen.globalAlpha = 1;
}

function say(place, text) {
  place.hidden = !text;
  if (place.textContent !== text) place.textContent = text;
}

function heading(state, pane) {
  const { view, method } = pane, target = targetOf(state, view);
  const entry = view.maps.find((map) => map.method === method && map.target === target);
  const words = view.targets.find((t) => t.target === target);
  const own = view.case === state.data.case && (state.look.layout === "exam" ? state.data.views.length > 1
    : state.look.layout === "methods" && method !== "" && method === state.method);
  const among = state.look.layout === "methods", said = words ? words.brief : target;
  // Beside each other the methods explain the same target: it is named once, over the image.
  pane.title.textContent = among && method ? "" : `${view.title}${own && !among ? " ●" : ""}${view.flip ? " (mirrored)" : ""}`;
  pane.note.textContent = method === "" ? `image${among && said ? ` · ${said}` : ""}`
    : !entry ? "no map" : among ? entry.name : `${entry.name} · ${said}`;
  pane.root.classList.toggle("own", own);
  const warning = entry && entry.warning ? entry.warning.split(". ")[0].replace(/\.?$/, ".") : "";
  pane.warn.hidden = !warning || state.look.layout === "exam";
  pane.warn.textContent = `⚠ ${warning}`;
  pane.warn.classList.toggle("failed", Boolean(entry && entry.failed));
  const count = boxesShown(state, view).length, lines = outlinesShown(state, view).map((one) => `${one.name} ${one.kind}`);
  const boxes = lines.length ? `outlines: ${lines.join(", ")}` : count === 1 ? "1 box" : `${count || "no"} boxes`;
  pane.stage.setAttribute("aria-label", `${view.title}, ${pane.note.textContent}, ${boxes}. ${warning}`);
  pane.canvas.setAttribute("aria-label", `${pane.note.textContent} over ${view.title}, case ${view.case}`);
  pane.warning = entry ? entry.warning : "";
  pane.failed = Boolean(entry && entry.failed);
}

// The trust warning once for all views of one method, and the caption of the chosen map.
function tell(state) {
  const mine = state.panes.filter((pane) => pane.view.case === state.data.case && pane.method);
  const own = mine.find((pane) => pane.method === state.method) || mine[0] || state.panes[0];
  const doubted = state.look.layout === "exam" ? state.panes.find((pane) => pane.failed)
    || state.panes.find((pane) => pane.warning) : null;
  state.trust.hidden = !doubted;
  state.trust.textContent = doubted ? `⚠ ${doubted.warning}` : "";
  state.trust.classList.toggle("failed", Boolean(doubted && doubted.failed));
  const shown = own.map && state.look.overlay ? own.map.text : "";
  const { low, high } = windowOf(state, own);
  const level = `Window ${(high - low).toFixed(2)}, level ${((high + low) / 2).toFixed(2)}. `;
  const among = state.look.layout === "methods";
  const named = among && shown ? `${own.note.textContent}: ` : "", absent = (among && own.view.absent) || "";
  const target = own.view.targets.find((one) => one.target === targetOf(state, own.view));
  // What the model said at a missed lesion is longer than the choice beside the image shows.
  const missed = target && target.text.startsWith("missed") ? `${target.text[0].toUpperCase()}${target.text.slice(1)}. ` : "";
  const text = `${missed}${level}${named}${shown} ${linesSaid(state)} ${absent}`.trim();
  if (state.caption.textContent !== text) state.caption.textContent = text;
}

// The values under the cursor, in every pane that shows the same view.
function readOut(state) {
  for (const pane of state.panes) {
    const same = state.over && state.pointer && pane.view.case === state.over.view.case && pane.place;
    pane.value.textContent = same ? valuesAt(state, pane, ...state.pointer) : "";
  }
}

function valuesAt(state, pane, x, y) {
  const { w, h } = pane.place;
  if (x < 0 || y < 0 || x >= w || y >= h) return "";
  const pick = (piece, values, channels = 1) => values[(Math.floor((y / h) * piece.height) * piece.width
    + Math.floor((x / w) * piece.width)) * channels];
  const tile = pane.image.height < h && state.pieces.known.get(nameOf("tile", pane.view.case, Math.floor(x / TILE),
    Math.floor(y / TILE)));
  const grey = tile && tile.ready ? tile.words[(Math.floor(y % TILE) * tile.width + Math.floor(x % TILE)) * tile.channels]
    : pick(pane.image, pane.image.words, pane.image.channels);
  let text = `x ${Math.floor(x)}, y ${Math.floor(y)}: grey ${(grey / 65535).toFixed(3)}`;
  if (pane.map) {
    const raw = pick(pane.map, pane.map.read);
    text += raw === MISSING ? ", map no value" : `, map ${(raw * pane.map.unit).toPrecision(3)}`;
  }
  return text;
}
