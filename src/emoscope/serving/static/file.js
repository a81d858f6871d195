// The file section: take a file, settle how it is read, score it, show what came of it.

import { askForKey, Failure } from "./client.js";
import { announce, byId, element, tell } from "./dom.js";
import { colour, count, number, percent, verdict } from "./emotions.js";
import { exampleFile } from "./examples.js";
import { beginning, firstTexts, guess, layoutAs, looksLikeTable, withHeader } from "./layout.js";
import { Scoring } from "./scoring.js";

const AT_ONCE = 1 << 20;
const REDRAW = 200;
const PAGE = 50;
const LONGEST_TEXT = 300;
const LIKE_PROSE = 200_000;

export class FileSection {
  constructor() {
    this.onLongText = () => {};
    this.options = {};
    byId("file").addEventListener("change", ({ target }) => {
      if (target.files[0]) this.open(target.files[0]);
      target.value = "";
    });
    byId("example-table").addEventListener("click", () => this.open(exampleFile()));
    byId("format").addEventListener("change", ({ target }) => this.relayout(() => layoutAs(target.value, this.sample)));
    byId("header").addEventListener("change", ({ target }) =>
      this.relayout(() => withHeader(this.layout, target.checked, this.sample)),
    );
    byId("column").addEventListener("change", ({ target }) =>
      this.relayout(() => ({ ...this.layout, column: Number(target.value) })),
    );
    byId("start").addEventListener("click", () => this.run());
    byId("stop").addEventListener("click", () => this.abort?.abort());
    byId("as-one").addEventListener("click", () => this.readAsOne());
    byId("more").addEventListener("click", () => this.showRows(this.shown + PAGE));
    this.listenToDrops();
    document.addEventListener("paste", (event) => this.paste(event));
  }

  /** What `/info` says of the server's limits. */
  limits(info) {
    if (info.max_client_batch_size > 0) this.options.mostTexts = info.max_client_batch_size;
  }

  listenToDrops() {
    const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
    const mark = (isOver) => byId("drop").classList.toggle("over", isOver);
    document.addEventListener("dragover", (event) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      mark(true);
    });
    document.addEventListener("dragleave", (event) => event.relatedTarget ?? mark(false));
    document.addEventListener("drop", (event) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      mark(false);
      this.open(event.dataTransfer.files[0]);
      byId("file-title").scrollIntoView();
    });
  }

  /** A file from the clipboard anywhere; text only outside the fields. */
  paste(event) {
    const [file] = event.clipboardData.files;
    const isField = event.target.closest?.("input, textarea, select");
    const text = file || isField ? "" : event.clipboardData.getData("text/plain");
    if (!file && !text.trim()) return;
    event.preventDefault();
    this.open(file ?? new File([text], looksLikeTable(text) ? "pasted.csv" : "pasted.txt"));
    byId("file-title").scrollIntoView();
  }

  async open(file) {
    this.abort?.abort();
    this.file = file;
    for (const part of ["settings", "run", "result"]) byId(part).hidden = true;
    tell(byId("file-trouble"), "");
    try {
      this.sample = await beginning(file);
    } catch (error) {
      const isOurs = error.constructor === Error;
      return tell(byId("file-trouble"), `${file.name}: ${isOurs ? error.message : "It cannot be read. A folder perhaps?"}`);
    }
    byId("file-name").textContent = `${file.name}, ${size(file.size)}`;
    const isOld = this.sample.encoding === "windows-1252";
    byId("encoding").textContent = isOld ? "It is no UTF-8, and is read as Windows-1252." : "";
    return this.relayout(() => guess(file.name, this.sample));
  }

  /** Settle the layout. A small file is scored at once, a large one when somebody has seen how it is read. */
  relayout(choose) {
    this.abort?.abort();
    byId("result").hidden = byId("run").hidden = true;
    this.layout = choose();
    this.showSettings();
    const isSmall = this.file.size <= AT_ONCE;
    byId("start").hidden = isSmall;
    if (isSmall && this.texts.length) this.run();
  }

  showSettings() {
    const { kind, delimiter, columns, column, header } = this.layout;
    byId("format").value = kind === "delimited" ? delimiter : kind;
    byId("column").replaceChildren(
      ...columns.map((name, i) => element("option", { value: i, selected: i === column }, name || `column ${i + 1}`)),
    );
    byId("column-field").hidden = kind === "lines";
    byId("header-field").hidden = kind !== "delimited";
    byId("header").checked = Boolean(header);
    byId("as-one").hidden = kind !== "lines" || this.file.size > LIKE_PROSE;
    this.texts = firstTexts(this.layout, this.sample);
    byId("first-texts").replaceChildren(...this.texts.map((text) => element("li", {}, clipped(text))));
    const problem = this.texts.length ? "" : "No texts are found this way. Choose another format or column.";
    tell(byId("file-trouble"), problem);
    byId("first").hidden = !this.texts.length;
    byId("settings").hidden = false;
    byId("start").disabled = !this.texts.length;
  }

  async readAsOne() {
    const decoder = new TextDecoder(this.sample.encoding);
    this.onLongText(decoder.decode(await this.file.arrayBuffer()));
  }

  async run() {
    const abort = (this.abort = new AbortController());
    const layout = { ...this.layout, encoding: this.sample.encoding, bom: this.sample.bom };
    const onWait = (failure, seconds) => this.isNow(abort) && this.showWait(failure, seconds);
    const job = new Scoring(this.file, layout, { ...this.options, signal: abort.signal, onWait });
    this.job = job;
    this.filter = null;
    this.shown = PAGE;
    this.started = performance.now();
    tell(byId("file-trouble"), "");
    byId("start").hidden = true;
    byId("run").hidden = false;
    byId("waiting").textContent = "";
    announce(`Scoring ${this.file.name}`, 0);
    const timer = setInterval(() => this.isNow(abort) && this.showProgress(), REDRAW);
    this.showProgress();
    try {
      await job.run();
      if (this.isNow(abort)) this.finish("");
    } catch (error) {
      if (this.isNow(abort)) this.finish(abort.signal.aborted ? "Stopped." : this.inWords(error));
    } finally {
      clearInterval(timer);
    }
  }

  /** Whether the run is still the one that the page shows. */
  isNow(abort) {
    return this.abort === abort && !byId("run").hidden;
  }

  inWords(error) {
    if (error instanceof Failure) return error.message;
    if (error.name === "NotReadableError") return "The file has changed meanwhile. Choose it again.";
    console.error(error);
    return `The page failed: ${error.message}.`;
  }

  showWait(failure, seconds) {
    const again = seconds >= 1 ? ` Going on in ${Math.ceil(seconds)} s.` : "";
    byId("waiting").textContent = failure ? `${failure.message}${again}` : "";
  }

  showProgress() {
    const { bytes, rows } = this.job;
    byId("progress").max = this.file.size;
    byId("progress").value = bytes;
    const share = bytes / this.file.size;
    const seconds = (performance.now() - this.started) / 1000;
    const left = share > 0.02 && seconds > 3 ? `, about ${duration((seconds / share) * (1 - share))} left` : "";
    byId("progress-words").textContent = `${count(rows, "row")}${left}`;
    if (this.job.scored) this.showResult();
  }

  finish(trouble) {
    const { rows } = this.job;
    byId("run").hidden = true;
    byId("start").hidden = !trouble;
    const isKeyless = trouble && this.job.scored === 0 && /API key/.test(trouble);
    const enter = async () => (await askForKey()) && this.run();
    const key = isKeyless ? [" ", element("button", { type: "button", class: "link", click: enter }, "Enter a key")] : [];
    const soFar = trouble && rows ? ` The first ${count(rows, "row")} are below.` : "";
    tell(byId("file-trouble"), `${trouble}${soFar}`, ...key);
    if (!rows && trouble) return;
    this.showResult(true);
    const seconds = (performance.now() - this.started) / 1000;
    byId("took").textContent = trouble ? "" : ` in ${duration(seconds)}`;
    if (!trouble) announce(`${byId("summary").textContent} ${byId("balance").textContent}`, 0);
  }

  showResult(isDone = false) {
    const { rows, scored, blank, rejected, counts, labels } = this.job;
    byId("result").hidden = false;
    byId("scored").textContent = count(scored, "text");
    byId("took").textContent = "";
    const besides = [
      blank && `${count(blank, "row")} without a text`,
      rejected.length && `${count(rejected.length, "row")} left out`,
    ].filter(Boolean);
    byId("balance").textContent = besides.length ? `${number.format(rows)} rows in all: ${besides.join(", ")}.` : "";
    byId("downloads").hidden = !isDone;
    if (isDone) this.showDownloads();
    this.showRejected(isDone);
    showChart(byId("chart"), labels, counts, scored, this.filter, (label) => this.select(label));
    this.showRows(this.shown);
  }

  showDownloads() {
    this.links?.forEach((url) => URL.revokeObjectURL(url));
    const { rejected } = this.job;
    const lines = rejected.map((row) => `${JSON.stringify(row)}\n`);
    const link = (id, blob, name) => {
      const url = URL.createObjectURL(blob);
      Object.assign(byId(id), { href: url, download: name });
      return url;
    };
    byId("download-rejected").hidden = !rejected.length;
    this.links = [
      link("download", this.job.output(), this.job.outputName()),
      link("download-rejected", new Blob(lines, { type: "application/x-ndjson" }), `${this.job.outputName()}.rejected.jsonl`),
    ];
  }

  showRejected(isDone) {
    const { rejected } = this.job;
    byId("rejected").hidden = !isDone || !rejected.length;
    if (!isDone) return;
    const shown = rejected.slice(0, 20).map(({ line, reason }) => element("li", {}, `Line ${line}: ${reason}`));
    const rest = rejected.length - shown.length;
    byId("rejected-rows").replaceChildren(...shown, ...(rest > 0 ? [element("li", {}, `and ${count(rest, "more row")}`)] : []));
  }

  select(label) {
    this.filter = this.filter === label ? null : label;
    this.shown = PAGE;
    this.showResult(!byId("downloads").hidden);
    announce(byId("caption").textContent, 0);
  }

  showRows(shown) {
    this.shown = shown;
    const { first, of, labels, counts, rows } = this.job;
    const all = this.filter ? (of.get(this.filter) ?? []) : first;
    const total = this.filter ? (counts.get(this.filter) ?? 0) : rows;
    const kind = this.filter ? `${this.filter} rows` : "rows";
    const most = Math.min(shown, all.length);
    byId("caption").textContent = most < total ? `The first ${number.format(most)} of ${number.format(total)} ${kind}` : `All ${number.format(total)} ${kind}`;
    const body = byId("rows");
    const key = `${this.filter}`;
    if (body.dataset.filter !== key || this.body !== this.job) body.replaceChildren();
    body.dataset.filter = key;
    this.body = this.job;
    body.append(...all.slice(body.childElementCount, most).map((row) => tableRow(row, labels)));
    byId("more").hidden = most >= all.length;
  }
}

function tableRow({ line, text, label, score, scores, set, clear }, labels) {
  const emotion = element("td", { class: "emotion" });
  if (scores) {
    const { sure, names, words } = verdict(labels, scores, set, clear);
    const dots = names.map((name) => colour(element("span", { class: "dot" }), name, labels));
    emotion.append(...dots, element("span", { class: sure ? false : "unsure" }, words));
  }
  return element(
    "tr",
    {},
    element("td", { class: "figure line" }, String(line)),
    element("td", { class: "text", dir: "auto" }, clipped(text ?? "")),
    emotion,
    element("td", { class: "figure" }, scores ? percent(score) : "", scores ? null : element("span", { class: "hidden" }, "no text")),
  );
}

/** Labels and how many rows have them; each is a button that shows its rows alone. */
function showChart(root, labels, counts, scored, chosen, onChoose) {
  const most = Math.max(...counts.values(), 1);
  if (root.childElementCount !== labels.length || root.dataset.labels !== labels.join()) {
    root.dataset.labels = labels.join();
    root.replaceChildren(...labels.map((label) => chartRow(label, labels, onChoose)));
  }
  labels.forEach((label, i) => {
    const button = root.children[i].firstElementChild;
    const rows = counts.get(label) ?? 0;
    button.setAttribute("aria-pressed", String(chosen === label));
    button.disabled = rows === 0 && chosen !== label;
    button.querySelector(".bar").style.setProperty("--share", rows / most);
    button.querySelector(".value").textContent = number.format(rows);
    button.querySelector(".portion").textContent = scored ? percent(rows / scored).replace(/[<>]/, "") : "";
  });
}

function chartRow(label, labels, onChoose) {
  const button = element(
    "button",
    { type: "button", click: () => onChoose(label) },
    element("span", { class: "name" }, label),
    element("span", { class: "track", "aria-hidden": "true" }, element("span", { class: "bar" })),
    element("span", { class: "value" }),
    element("span", { class: "portion" }),
  );
  return element("li", {}, colour(button, label, labels));
}

const clipped = (text) => (text.length > LONGEST_TEXT ? `${text.slice(0, LONGEST_TEXT)}…` : text);

const duration = (seconds) =>
  seconds < 0.1 ? "less than 0.1 s" : seconds < 60 ? `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s` : `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;

function size(bytes) {
  for (const [unit, scale] of [["GB", 1e9], ["MB", 1e6], ["kB", 1e3]]) {
    if (bytes >= scale) return `${(bytes / scale).toPrecision(3)} ${unit}`;
  }
  return `${bytes} bytes`;
}
