// From pixels to colours: the grey window, the colours of a map, and both drawn at a place.

const MISSING = -32768;
const FULL = 32767;

// uint8 for each of the 65536 pixel values.
function greyTable(low, high, invert) {
  const table = new Uint8Array(65536);
  const a = low * 65535, span = Math.max((high - low) * 65535, 1);
  for (let i = 0; i < 65536; i++) {
    const level = clampTo(Math.round(((i - a) / span) * 255), 0, 255);
    table[i] = invert ? 255 - level : level;
  }
  return table;
}

// The piece as a canvas under the window, made anew only when the window has changed.
function greyCanvas(piece, table, stamp) {
  if (piece.stamp === stamp) return piece.canvas;
  piece.canvas = piece.canvas || blank(piece);
  piece.data = piece.data || new ImageData(piece.width, piece.height);
  const out = new Uint32Array(piece.data.data.buffer), { words } = piece;
  if (piece.channels === 3) {
    for (let i = 0, j = 0; i < out.length; i++, j += 3)
      out[i] = 0xff000000 | (table[words[j + 2]] << 16) | (table[words[j + 1]] << 8) | table[words[j]];
  } else {
    for (let i = 0; i < out.length; i++) out[i] = 0xff000000 | (table[words[i]] * 0x010101);
  }
  piece.canvas.getContext("2d").putImageData(piece.data, 0, 0);
  piece.stamp = stamp;
  return piece.canvas;
}

function blank({ width, height }) {
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width, height });
  return canvas;
}

// For a share of -1 to 1 in 65536 steps the colour with its alpha; the same rule as in the report's pictures.
function heatTable(colours, signed, threshold) {
  const table = new Uint32Array(65536);
  for (let i = 0; i < 65536; i++) {
    const share = clampTo((i - 32768) / FULL, -1, 1);
    const strength = signed ? Math.abs(share) : share;
    if (strength <= 0 || strength < threshold) continue;
    const at = 3 * Math.round(signed ? (share + 1) * 127.5 : share * 255);
    table[i] = (Math.round(Math.sqrt(strength) * 255) << 24) | (colours[at + 2] << 16) | (colours[at + 1] << 8)
      | colours[at];
  }
  return table;
}

// The map as a canvas; pixels without a value are hatched.
function heatCanvas(piece, table, stamp) {
  if (piece.stamp === stamp) return piece.canvas;
  piece.canvas = piece.canvas || blank(piece);
  const data = new ImageData(piece.width, piece.height);
  const out = new Uint32Array(data.data.buffer), { shown, width } = piece;
  const period = Math.max(8, Math.min(piece.width, piece.height) >> 5);
  for (let i = 0; i < out.length; i++) {
    out[i] = shown[i] !== MISSING ? table[shown[i] + 32768]
      : ((i % width) + Math.floor(i / width)) % period < period / 2 ? 0xffa8a8a8 : 0xff606060;
  }
  piece.canvas.getContext("2d").putImageData(data, 0, 0);
  piece.stamp = stamp;
  return piece.canvas;
}

// The edges of the masks in sight: the reference dashed and wider, so that what was found does not hide it.
function drawOutlines(state, { view, place }, pen) {
  for (const { kind, lines } of outlinesShown(state, view).sort((a, b) => (a.kind < b.kind) - (a.kind > b.kind))) {
    const found = kind === "found";
    pen.strokeStyle = found ? "#00e640" : "#ff5cd6";
    pen.lineWidth = (found ? 1.5 : 2.5) / place.scale;
    pen.setLineDash(found ? [] : [6 / place.scale, 4 / place.scale]);
    pen.beginPath();
    for (const line of lines) {
      for (let i = 0; i < line.length; i += 2) pen[i ? "lineTo" : "moveTo"](line[i], line[i + 1]);
      pen.closePath();
    }
    pen.stroke();
  }
  pen.setLineDash([]);
}

// Size the pane's canvas for the screen and leave it black, in original pixels of the image from here on.
function begin(canvas, place, width, height) {
  const dense = window.devicePixelRatio || 1;
  const [w, h] = [Math.round(width * dense), Math.round(height * dense)];
  if (canvas.width !== w || canvas.height !== h) Object.assign(canvas, { width: w, height: h });
  const pen = canvas.getContext("2d");
  pen.setTransform(1, 0, 0, 1, 0, 0);
  pen.globalAlpha = 1;
  pen.fillStyle = "#000";
  pen.fillRect(0, 0, w, h);
  if (place) {
    const s = place.scale * dense, x = place.flip ? place.x + place.w * place.scale : place.x;
    pen.setTransform(place.flip ? -s : s, 0, 0, s, x * dense, place.y * dense);
  }
  pen.imageSmoothingEnabled = true;
  return pen;
}

// The tiles of the full size that a pane shows, as [column, row].
function tilesShown(place, width, height) {
  const [ax, ay] = toImage(place, 0, 0), [bx, by] = toImage(place, width, height);
  const first = (v) => Math.max(0, Math.floor(v / TILE));
  const last = (v, size) => Math.min(Math.ceil(size / TILE) - 1, Math.floor(v / TILE));
  const found = [];
  for (let row = first(ay); row <= last(by, place.h); row++)
    for (let column = first(Math.min(ax, bx)); column <= last(Math.max(ax, bx), place.w); column++)
      found.push([column, row]);
  return found;
}
