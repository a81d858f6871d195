// The file section: open a file, choose its layout, score it, and show the results.

import { actionButton, announce, byId, element, showAlert } from "./dom.js";
import { colour, count, dot, NO_EMOTION, number, percent, verdict } from "./emotions.js";
import { exampleFile } from "./examples.js";
import { Failure } from "./failures.js";
import { firstTexts, guessLayout, layoutAs, looksLikeTable, sampleOf, withHeader } from "./layout.js";
import { ScoringRun } from "./scoring.js";

const MAX_IMMEDIATE_BYTES = 1 << 20; // A larger file is scored only when the user has checked its layout.
const REDRAW_INTERVAL = 200; // milliseconds
const PAGE_ROWS = 50;
const MAX_SHOWN_CHARACTERS = 300;
const MAX_SHOWN_REJECTED = 20;
const MAX_ONE_TEXT_BYTES = 200_000;
const PREVIEWED_TEXTS = 3;
const MAX_CHECKED_TEXTS = 100; // If none of them has words or emoji, the column has no texts, but numbers or dates.
const WITH_WORDS = /[\p{L}\p{So}]/u;

export class FileSection {
  constructor() {
    this.onLongText = () => {};
    this.limits = {};
    byId("file").addEventListener("change", ({ target }) => {
      if (target.files[0]) this.open(target.files[0]);
      target.value = "";
    });
    byId("example-table").addEventListener("click", () => this.open(exampleFile()));
    byId("format").addEventListener("change", ({ target }) => this.setLayout(() => layoutAs(target.value, this.sample)));
    byId("header").addEventListener("change", ({ target }) =>
      this.setLayout(() => withHeader(this.layout, target.checked, this.sample)),
    );
    byId("column").addEventListener("change", ({ target }) =>
      this.setLayout(() => ({ ...this.layout, column: Number(target.value) })),
    );
    byId("start").addEventListener("click", () => this.start());
    byId("stop").addEventListener("click", () => this.controller?.abort());
    byId("as-one-text").addEventListener("click", () => this.openAsOneText());
    byId("more").addEventListener("click", () => this.showRows(this.shownRows + PAGE_ROWS));
    this.listenToDrops();
    document.addEventListener("paste", (event) => this.onPaste(event));
  }

  /** Keep to the server's limits, as `/info` reports them. */
  setLimits(info) {
    if (info.max_client_batch_size > 0) this.limits.maxTexts = info.max_client_batch_size;
  }

  listenToDrops() {
    const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
    const highlight = (isOver) => byId("drop-zone").classList.toggle("over", isOver);
    document.addEventListener("dragover", (event) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      highlight(true);
    });
    document.addEventListener("dragleave", (event) => event.relatedTarget ?? highlight(false));
    document.addEventListener("drop", (event) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      highlight(false);
      this.open(event.dataTransfer.files[0]);
      byId("file-title").scrollIntoView();
    });
  }

  /** Open a pasted file anywhere on the page, pasted text only outside the fields. */
  onPaste(event) {
    const [file] = event.clipboardData.files;
    const isInField = event.target.closest?.("input, textarea, select");
    const text = file || isInField ? "" : event.clipboardData.getData("text/plain");
    if (!file && !text.trim()) return;
    event.preventDefault();
    this.open(file ?? new File([text], looksLikeTable(text) ? "pasted.csv" : "pasted.txt"));
    byId("file-title").scrollIntoView();
  }

  async open(file) {
    this.controller?.abort();
    this.file = file;
    for (const part of ["settings", "run", "result"]) byId(part).hidden = true;
    showAlert(byId("file-error"), "");
    try {
      this.sample = await sampleOf(file);
    } catch (error) {
      const isOurs = error.constructor === Error;
      return showAlert(byId("file-error"), `${file.name}: ${isOurs ? error.message : "It cannot be read. Is it a folder?"}`);
    }
    byId("file-name").textContent = `${file.name}, ${fileSize(file.size)}`;
    const isFallback = this.sample.encoding === "windows-1252";
    byId("encoding").textContent = isFallback ? "The file is not UTF-8. It is read as Windows-1252." : "";
    return this.setLayout(() => guessLayout(file.name, this.sample));
  }

  /** Use a layout. A small file is scored at once, a large one when the user starts it. */
  setLayout(choose) {
    this.controller?.abort();
    byId("result").hidden = byId("run").hidden = true;
    this.layout = choose();
    this.showLayout();
    const isSmall = this.file.size <= MAX_IMMEDIATE_BYTES;
    byId("start").hidden = isSmall;
    if (isSmall && this.texts.length) this.start();
  }

  showLayout() {
    const { kind, delimiter, columns, column, header } = this.layout;
    byId("format").value = kind === "delimited" ? delimiter : kind;
    byId("column").replaceChildren(
      ...columns.map((name, i) => element("option", { value: i, selected: i === column }, name || `column ${i + 1}`)),
    );
    byId("column-field").hidden = kind === "lines";
    byId("header-field").hidden = kind !== "delimited";
    byId("header").checked = Boolean(header);
    byId("as-one-text").hidden = kind !== "lines" || this.file.size > MAX_ONE_TEXT_BYTES;
    const texts = firstTexts(this.layout, this.sample, MAX_CHECKED_TEXTS);
    this.texts = texts.some((text) => WITH_WORDS.test(text)) ? texts.slice(0, PREVIEWED_TEXTS) : [];
    byId("preview-texts").replaceChildren(...this.texts.map((text) => element("li", {}, shortened(text))));
    showAlert(byId("file-error"), this.texts.length ? "" : "No texts found. Choose another format or column.");
    byId("preview").hidden = !this.texts.length;
    byId("settings").hidden = false;
    byId("start").disabled = !this.texts.length;
  }

  async openAsOneText() {
    const decoder = new TextDecoder(this.sample.encoding);
    this.onLongText(decoder.decode(await this.file.arrayBuffer()));
  }

  async start() {
    const controller = (this.controller = new AbortController());
    const layout = { ...this.layout, encoding: this.sample.encoding, bom: this.sample.bom };
    const onWait = (failure, seconds) => this.isCurrent(controller) && this.showWait(failure, seconds);
    const run = new ScoringRun(this.file, layout, { ...this.limits, signal: controller.signal, onWait });
    this.run = run;
    this.filter = null;
    this.shownRows = PAGE_ROWS;
    this.started = performance.now();
    showAlert(byId("file-error"), "");
    byId("start").hidden = true;
    byId("run").hidden = false;
    byId("waiting").textContent = "";
    announce(`Scoring ${this.file.name}`, 0);
    const timer = setInterval(() => this.isCurrent(controller) && this.showProgress(), REDRAW_INTERVAL);
    this.showProgress();
    try {
      await run.start();
      if (this.isCurrent(controller)) this.finish("");
    } catch (error) {
      if (this.isCurrent(controller)) this.finish(controller.signal.aborted ? "Stopped." : this.messageFor(error), error.action);
    } finally {
      clearInterval(timer);
    }
  }

  /** Whether a run is still the one that the page shows. */
  isCurrent(controller) {
    return this.controller === controller && !byId("run").hidden;
  }

  messageFor(error) {
    if (error instanceof Failure) return error.message;
    if (error.name === "NotReadableError") return "The file has changed. Choose it again.";
    console.error(error);
    return `The page failed: ${error.message}.`;
  }

  showWait(failure, seconds) {
    const resumes = seconds >= 1 ? ` Continuing in ${Math.ceil(seconds)} s.` : "";
    byId("waiting").textContent = failure ? `${failure.message}${resumes}` : "";
  }

  showProgress() {
    const { bytes, rows } = this.run;
    byId("progress").max = this.file.size;
    byId("progress").value = bytes;
    const share = bytes / this.file.size;
    const seconds = (performance.now() - this.started) / 1000;
    const left = share > 0.02 && seconds > 3 ? `, about ${duration((seconds / share) * (1 - share))} left` : "";
    byId("progress-text").textContent = `${count(rows, "row")}${left}`;
    if (this.run.scored) this.showResult();
  }

  finish(error, action = null) {
    const { rows } = this.run;
    byId("run").hidden = true;
    byId("start").hidden = !error;
    const soFar = error && rows ? ` The first ${count(rows, "row")} are below.` : "";
    showAlert(byId("file-error"), `${error}${soFar}`, ...(rows ? [] : actionButton(action, () => this.start())));
    if (!rows && error) return;
    this.showResult(true);
    const seconds = (performance.now() - this.started) / 1000;
    byId("duration").textContent = error ? "" : ` in ${duration(seconds)}`;
    if (!error) announce(`${byId("summary").textContent} ${byId("other-rows").textContent}`, 0);
  }

  showResult(isDone = false) {
    const { rows, scored, blank, rejected, counts, answers } = this.run;
    byId("result").hidden = false;
    byId("scored").textContent = count(scored, "text");
    byId("duration").textContent = "";
    const others = [
      blank && `${count(blank, "row")} without a text`,
      rejected.length && `${count(rejected.length, "row")} rejected`,
    ].filter(Boolean);
    byId("other-rows").textContent = others.length ? `${number.format(rows)} rows in all: ${others.join(", ")}.` : "";
    byId("downloads").hidden = !isDone;
    if (isDone) this.showDownloads();
    this.showRejected(isDone);
    showChart(byId("chart"), answers, counts, scored, this.filter, (label) => this.toggleFilter(label));
    this.showRows(this.shownRows);
  }

  showDownloads() {
    this.downloadUrls?.forEach((url) => URL.revokeObjectURL(url));
    const { rejected } = this.run;
    const lines = rejected.map((row) => `${JSON.stringify(row)}\n`);
    const link = (id, blob, name) => {
      const url = URL.createObjectURL(blob);
      Object.assign(byId(id), { href: url, download: name });
      return url;
    };
    byId("download-rejected").hidden = !rejected.length;
    this.downloadUrls = [
      link("download", this.run.output(), this.run.outputName()),
      link("download-rejected", new Blob(lines, { type: "application/x-ndjson" }), `${this.run.outputName()}.rejected.jsonl`),
    ];
  }

  showRejected(isDone) {
    const { rejected } = this.run;
    byId("rejected").hidden = !isDone || !rejected.length;
    if (!isDone) return;
    const items = rejected
      .slice(0, MAX_SHOWN_REJECTED)
      .map(({ line, reason }) => element("li", {}, `Line ${line}: ${reason}`));
    const rest = rejected.length - items.length;
    if (rest > 0) items.push(element("li", {}, `and ${count(rest, "more row")}`));
    byId("rejected-rows").replaceChildren(...items);
  }

  toggleFilter(label) {
    this.filter = this.filter === label ? null : label;
    this.shownRows = PAGE_ROWS;
    this.showResult(!byId("downloads").hidden);
    announce(byId("caption").textContent, 0);
  }

  showRows(shownRows) {
    this.shownRows = shownRows;
    const { firstRows, firstRowsByLabel, labels, counts, rows, rejected } = this.run;
    const kept = this.filter ? (firstRowsByLabel.get(this.filter) ?? []) : firstRows;
    const total = this.filter ? (counts.get(this.filter) ?? 0) : rows - rejected.length;
    const noun = !this.filter ? "rows" : this.filter === NO_EMOTION ? "rows without emotion" : `${this.filter} rows`;
    const shown = Math.min(shownRows, kept.length);
    byId("caption").textContent =
      shown < total ? `The first ${number.format(shown)} of ${number.format(total)} ${noun}` : `All ${number.format(total)} ${noun}`;
    const body = byId("rows");
    const filter = `${this.filter}`;
    if (body.dataset.filter !== filter || this.shownRun !== this.run) body.replaceChildren();
    body.dataset.filter = filter;
    this.shownRun = this.run;
    body.append(...kept.slice(body.childElementCount, shown).map((row) => tableRow(row, labels)));
    byId("more").hidden = shown >= kept.length;
  }
}

function tableRow({ line, text, score, scores, neutral }, labels) {
  const emotion = element("td", { class: "emotion" });
  if (scores) {
    const { isSure, names, heading } = verdict(labels, scores, neutral);
    emotion.append(
      ...names.map((name) => dot(name, labels)),
      element("span", { class: isSure ? false : "unsure" }, heading),
    );
  }
  return element(
    "tr",
    {},
    element("td", { class: "figure line" }, String(line)),
    element("td", { class: "text", dir: "auto" }, shortened(text ?? "")),
    emotion,
    element("td", { class: "figure" }, scores ? percent(score) : "", scores ? null : element("span", { class: "hidden" }, "no text")),
  );
}

/** A bar per label with its number of rows; each is a button that filters the table. */
function showChart(root, labels, counts, scored, filter, onChoose) {
  const largest = Math.max(...counts.values(), 1);
  if (root.childElementCount !== labels.length || root.dataset.labels !== labels.join()) {
    root.dataset.labels = labels.join();
    root.replaceChildren(...labels.map((label) => chartRow(label, labels, onChoose)));
  }
  labels.forEach((label, i) => {
    const button = root.children[i].firstElementChild;
    const rows = counts.get(label) ?? 0;
    button.setAttribute("aria-pressed", String(filter === label));
    button.disabled = rows === 0 && filter !== label;
    button.querySelector(".bar").style.setProperty("--share", rows / largest);
    button.querySelector(".value").textContent = number.format(rows);
    button.querySelector(".portion").textContent = scored ? `${((100 * rows) / scored).toFixed(1)}%` : "";
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

const shortened = (text) => (text.length > MAX_SHOWN_CHARACTERS ? `${text.slice(0, MAX_SHOWN_CHARACTERS)}…` : text);

function duration(seconds) {
  if (seconds < 0.1) return "less than 0.1 s";
  if (seconds < 60) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}

function fileSize(bytes) {
  for (const [unit, scale] of [["GB", 1e9], ["MB", 1e6], ["kB", 1e3]]) {
    if (bytes >= scale) return `${(bytes / scale).toPrecision(3)} ${unit}`;
  }
  return `${bytes} bytes`;
}
