// Where things lie: the camera, the placing of an image in its pane, hit tests, labels beside boxes, the scale bar.
// A camera is {zoom, u, v}: zoom 1 fits the pane; u runs from the chest wall outwards, v downwards, both as shares.

const ARROW = 18;
const ARROWS = [["↖", "↑", "↗"], ["←", "", "→"], ["↙", "↓", "↘"]];

const clampTo = (value, low, high) => Math.min(Math.max(value, low), high);

// The place of an image of full size [w, h] in a pane of `width` x `height` CSS pixels.
function placed(view, size, camera, width, height) {
  const [w, h] = size;
  const fit = Math.min(width / w, height / h);
  const scale = fit * camera.zoom;
  const across = view.side === "R" ? 1 - camera.u : camera.u;
  const aligned = view.hung ? { R: width - w * scale, L: 0 }[view.side] : undefined;
  return { scale, fit, w, h, flip: view.flip, x: offset(across, w * scale, width, aligned),
           y: offset(camera.v, h * scale, height) };
}

function offset(share, length, room, aligned) {
  if (length <= room) return aligned === undefined ? (room - length) / 2 : aligned;
  return clampTo(room / 2 - share * length, room - length, 0);
}

// CSS pixels of a pane to original pixels of the image, and back.
function toImage(place, x, y) {
  const across = (x - place.x) / place.scale;
  return [place.flip ? place.w - across : across, (y - place.y) / place.scale];
}

function toPane(place, x, y) {
  return [place.x + (place.flip ? place.w - x : x) * place.scale, place.y + y * place.scale];
}

function rectangle(place, [x0, y0, x1, y1]) {
  const [ax, ay] = toPane(place, x0, y0);
  const [bx, by] = toPane(place, x1, y1);
  return { left: Math.min(ax, bx), top: ay, width: Math.abs(bx - ax), height: by - ay };
}

// The camera zoomed by `factor` so that the point under (x, y) stays there.
function zoomedAt(view, size, camera, pane, x, y, factor) {
  const zoom = clampTo(camera.zoom * factor, 1, 40);
  const before = placed(view, size, camera, pane.width, pane.height);
  const px = (x - before.x) / before.scale, py = (y - before.y) / before.scale;
  const scale = before.fit * zoom;
  const across = (px * scale - x + pane.width / 2) / (size[0] * scale);
  const down = (py * scale - y + pane.height / 2) / (size[1] * scale);
  return settled(view, size, { zoom, u: view.side === "R" ? 1 - across : across, v: down }, pane);
}

// The camera moved by (dx, dy) CSS pixels of a drag.
function moved(view, size, camera, pane, dx, dy) {
  const { scale } = placed(view, size, camera, pane.width, pane.height);
  const du = dx / (size[0] * scale);
  return settled(view, size, { zoom: camera.zoom, u: camera.u + (view.side === "R" ? du : -du),
                               v: camera.v - dy / (size[1] * scale) }, pane);
}

// The camera kept where it shows image, so that the next drag answers at once.
function settled(view, size, camera, pane) {
  const { scale } = placed(view, size, camera, pane.width, pane.height);
  const keep = (share, length, room) => {
    const half = Math.min(0.5, room / length / 2);
    return clampTo(share, half, 1 - half);
  };
  return { zoom: camera.zoom, u: keep(camera.u, size[0] * scale, pane.width),
           v: keep(camera.v, size[1] * scale, pane.height) };
}

// The smallest of the boxes at the original pixel (x, y), those with a map before those without.
function boxAt(boxes, x, y, reach) {
  const area = ({ edges: [x0, y0, x1, y1] }) => (x1 - x0) * (y1 - y0);
  const hit = boxes.filter(({ edges: [x0, y0, x1, y1] }) => x >= x0 - reach && x <= x1 + reach
    && y >= y0 - reach && y <= y1 + reach);
  return hit.sort((a, b) => (b.target !== "") - (a.target !== "") || area(a) - area(b))[0] || null;
}

const shared = (a, b) => Math.max(0, Math.min(a.left + a.width, b.left + b.width) - Math.max(a.left, b.left))
  * Math.max(0, Math.min(a.top + a.height, b.top + b.height) - Math.max(a.top, b.top));

// For each rectangle the place {left, top} of its label of size {width, height}: beside it, over no other box.
function labelPlaces(rectangles, labels, room) {
  const taken = [];
  return rectangles.map((box, i) => {
    const label = labels[i], right = box.left + box.width, under = box.top + box.height + 2;
    const over = box.top - label.height - 2, before = box.left - label.width - 3;
    const spots = [[box.left, over], [box.left, under], [right + 3, box.top], [before, box.top],
                   [right - label.width, over], [right - label.width, under]].map(([left, top]) => ({
      left: clampTo(left, 0, Math.max(0, room.width - label.width)),
      top: clampTo(top, 0, Math.max(0, room.height - label.height)), ...label }));
    const cost = (spot) => [...rectangles, ...taken].reduce((sum, other) => sum + shared(spot, other), 0);
    const best = spots.reduce((a, b) => (cost(b) < cost(a) ? b : a));
    taken.push(best);
    return best;
  });
}

// Where the arrow to a box that lies wholly outside the pane stands, {left, top, arrow}; null for one that is in sight.
function arrowTo(box, room) {
  const past = (start, length, whole) => (start >= whole ? 1 : start + length <= 0 ? -1 : 0);
  const across = past(box.left, box.width, room.width), down = past(box.top, box.height, room.height);
  if (!across && !down) return null;
  const at = (start, length, whole) => clampTo(start + length / 2 - ARROW / 2, 2, Math.max(2, whole - ARROW - 2));
  return { left: at(box.left, box.width, room.width), top: at(box.top, box.height, room.height),
           arrow: ARROWS[down + 1][across + 1] };
}

// A round length for a bar of at most `room` CSS pixels: {length, unit, width}.
function scaleBar(scale, spacing, room) {
  const unit = spacing > 0 ? "mm" : "px";
  const each = spacing > 0 ? scale / spacing : scale;
  const most = room / each;
  const power = 10 ** Math.floor(Math.log10(most));
  const length = [5, 2, 1].map((n) => n * power).find((n) => n <= most) || power;
  if (unit === "px" || length >= 0.01) return { length, unit, width: length * each };
  const [fold, small] = length >= 0.001 ? [1e3, "µm"] : [1e6, "nm"];
  return { length: Number((length * fold).toPrecision(3)), unit: small, width: length * each };
}
