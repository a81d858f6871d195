// Runs an ONNX graph on windows of token ids. Windows of similar length run together. Knows no text and no label.

const COMPACT = { maxTokens: 8192, callRows: 5 };
const ENCODER = { maxTokens: 512, callRows: 0 };

/** A graph with the inputs `input_ids`, `attention_mask` and perhaps `token_type_ids`, and the output `logits`. */
export class Graph {
  /**
   * @param {object} ort the module onnxruntime-web
   * @param {Uint8Array} bytes contents of the .onnx file
   * @param {boolean} isCompact whether it is a compact student, whose logits do not depend on padding
   */
  static async load(ort, bytes, isCompact) {
    const session = await ort.InferenceSession.create(bytes, {
      executionProviders: ["wasm"],
      enableMemPattern: false,
      logSeverityLevel: 4,
    });
    return new Graph(ort, session, isCompact ? COMPACT : ENCODER);
  }

  constructor(ort, session, grouping) {
    Object.assign(this, { ort, session, grouping });
  }

  /** Logits of every window, in their order. */
  async logits(windows) {
    const rows = new Array(windows.length);
    for (const group of groups(windows, this.grouping)) {
      const logits = await this.run(group.map((i) => windows[i]));
      group.forEach((row, i) => (rows[row] = logits[i]));
    }
    return rows;
  }

  /** Logits of some windows, the longest first. */
  async run(windows) {
    const [rows, length] = [windows.length, windows[0].length];
    const ids = new BigInt64Array(rows * length);
    const mask = new BigInt64Array(rows * length);
    const [idWords, maskWords] = [new Int32Array(ids.buffer), new Int32Array(mask.buffer)]; // the lower half comes first
    windows.forEach((window, row) => {
      window.forEach((id, i) => {
        idWords[2 * (row * length + i)] = id;
        maskWords[2 * (row * length + i)] = 1;
      });
    });
    const values = { input_ids: ids, attention_mask: mask, token_type_ids: new BigInt64Array(0) };
    const feeds = {};
    for (const name of this.session.inputNames) {
      const data = name === "token_type_ids" ? new BigInt64Array(rows * length) : values[name];
      feeds[name] = new this.ort.Tensor("int64", data, [rows, length]);
    }
    const { logits } = await this.session.run(feeds, ["logits"]);
    const width = logits.dims[1];
    return Array.from({ length: rows }, (_, row) => logits.data.slice(row * width, (row + 1) * width));
  }
}

/** Groups of indices of windows, the longest windows first. Windows of several lengths share a group if padding is cheap. */
function groups(windows, { maxTokens, callRows }) {
  const order = windows.map((_, i) => i).sort((a, b) => windows[b].length - windows[a].length);
  const found = [];
  for (const rows of runs(order, windows, callRows)) {
    const size = Math.max(1, Math.floor(maxTokens / windows[rows[0]].length));
    for (let start = 0; start < rows.length; start += size) found.push(rows.slice(start, start + size));
  }
  return found;
}

function runs(order, windows, callRows) {
  const found = [];
  for (let start = 0, stop; start < order.length; start = stop) {
    const { length } = windows[order[start]];
    for (stop = start; stop < order.length && windows[order[stop]].length === length; ) stop++;
    const rows = order.slice(start, stop);
    const last = found.at(-1);
    const isCheap = last && rows.length * (windows[last[0]].length - length) < callRows * length;
    if (isCheap) last.push(...rows);
    else found.push(rows);
  }
  return found;
}
