// Pieces of pixels by name: asked of the server in batches, fetched once, kept in memory within bounds.

const TILE = 512;
const KEPT_BYTES = 400e6;
const PATIENCE = 15000;

const nameOf = (...key) => JSON.stringify(key);

class Pieces {
  // ask(names) sends a request; changed() is called when a piece has come or failed.
  constructor(ask, changed) {
    Object.assign(this, { ask, changed, known: new Map(), wanted: new Set(), count: 0, asked: new Map(), timer: 0 });
  }

  // The piece of that name if it is here; else it is asked for. A piece with `problem` cannot be had.
  get(...key) {
    const name = nameOf(...key);
    const piece = this.known.get(name);
    if (piece) {
      this.known.delete(name);
      this.known.set(name, piece);
      return piece.ready || piece.problem ? piece : null;
    }
    this.wanted.add(name);
    if (!this.timer) this.timer = setTimeout(() => this.send(), 40);
    return null;
  }

  send() {
    this.timer = 0;
    // What the page sent unasked comes first: making the other views would hold it up.
    if (!this.count && this.coming()) return;
    const now = Date.now();
    const names = [...this.wanted].filter((n) => !this.known.has(n) && now - (this.asked.get(n) || 0) > PATIENCE);
    this.wanted.clear();
    if (!names.length) return;
    const batch = names.slice(0, 24);
    batch.forEach((n) => this.asked.set(n, now));
    this.count += 1;
    this.ask({ count: this.count, keys: batch.map((n) => JSON.parse(n)) });
    if (names.length > batch.length) names.slice(24).forEach((n) => this.wanted.add(n));
  }

  // Take the server's answer: addresses by name. What was asked for in a lost request is asked for again.
  answer(parts, count) {
    if (count >= this.count) this.asked.clear();
    for (const [name, part] of Object.entries(parts)) if (!this.known.has(name)) this.take(name, part);
    if (this.wanted.size) this.send();
  }

  async take(name, part) {
    const piece = { name, ...part, ready: false };
    this.known.set(name, piece);
    if (!piece.problem) {
      try {
        // A range is sent as it is: the server would spend longer compressing a noisy image than sending it.
        const reply = await fetch(part.url, { cache: "no-store", headers: { Range: "bytes=0-" } });
        if (!reply.ok) throw new Error(`the server answered ${reply.status}`);
        unpack(piece, await reply.arrayBuffer());
      } catch (error) {
        piece.problem = `These pixels did not arrive (${error.message}); reload the page.`;
      }
    }
    this.forget();
    this.changed();
    if (!this.count && this.wanted.size) this.send();
  }

  // Whether a piece is on its way.
  coming() {
    return [...this.known.values()].some((piece) => !piece.ready && !piece.problem);
  }

  // Drop what was used longest ago once the pieces together are too large.
  forget() {
    let bytes = 0;
    for (const [name, piece] of [...this.known].reverse()) {
      bytes += piece.bytes || 0;
      if (bytes > KEPT_BYTES) this.known.delete(name);
    }
  }
}

function unpack(piece, buffer) {
  const pixels = piece.width * piece.height;
  if (JSON.parse(piece.name)[0] === "map") {
    piece.read = new Int16Array(buffer, 0, pixels);
    piece.shown = new Int16Array(buffer, pixels * 2, pixels);
  } else {
    piece.words = new Uint16Array(buffer);
  }
  piece.bytes = buffer.byteLength + pixels * 4;
  piece.ready = true;
}
