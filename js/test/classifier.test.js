// What users call, and what they get for wrong input.

import assert from "node:assert/strict";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { EmotionClassifier } from "emoscope";

const MODEL = fileURLToPath(new URL("../model", import.meta.url));
let classifier;

before(async () => {
  classifier = await EmotionClassifier.fromPretrained(MODEL);
});

test("a prediction has the label with the highest score", async () => {
  const [happy, blank] = await classifier.predict(["I feel so happy today!", " \n"]);
  assert.equal(happy.label, "joy");
  assert.equal(happy.score, happy.scores.joy);
  assert.deepEqual(Object.keys(happy.scores), classifier.labels);
  assert.equal(happy.isNeutral, false);
  assert.deepEqual([blank.neutral, blank.isNeutral], [1, true]);
});

test("the score of a text does not depend on the others", async () => {
  const texts = ["i am sad", "we were all so happy about the puppy", "happy ".repeat(2000), "terrified"];
  const together = await classifier.predictProba(texts);
  for (const [i, text] of texts.entries()) {
    const [alone] = await classifier.predictProba([text]);
    alone.forEach((value, j) => assert.ok(Math.abs(value - together[i][j]) < 1e-5));
  }
  assert.deepEqual(await classifier.predict([]), []);
});

test("the word that decides has the largest weight", async () => {
  const [{ label, words }] = await classifier.explain(["😀 I am so happy today, really"]);
  assert.equal(label, "joy");
  const strongest = words.reduce((one, other) => (one.weight > other.weight ? one : other));
  assert.equal(strongest.word, "happy");
  assert.deepEqual([strongest.start, strongest.end], [10, 15]);
  assert.deepEqual((await classifier.explain([""]))[0].words, []);
});

test("a timeline has the sentences and the whole text", async () => {
  const { label, sentences } = await classifier.timeline("Dr. Day was furious about it. 😀 I was furious too!");
  assert.equal(label, "anger");
  assert.deepEqual(sentences.map(({ start, end }) => [start, end]), [[0, 29], [30, 50]]);
  assert.deepEqual((await classifier.timeline(" ")).sentences, []);
});

test("values that are no texts are errors", async () => {
  await assert.rejects(classifier.predict("happy"), /array of strings, got a single string; write \[text\]/);
  await assert.rejects(classifier.predict(["happy", null]), /texts\[1\] must be a string, got null/);
  await assert.rejects(classifier.predict(["happy", 3]), /texts\[1\] must be a string, got number/);
  await assert.rejects(classifier.predict(undefined), /array of strings, got undefined/);
});

test("a folder without a model is an error", async () => {
  await assert.rejects(EmotionClassifier.fromPretrained("/nowhere"), /no config\.json/);
  const folder = await mkdtemp(join(tmpdir(), "emoscope-"));
  try {
    await cp(MODEL, folder, { recursive: true });
    await rm(join(folder, "onnx"), { recursive: true });
    await assert.rejects(EmotionClassifier.fromPretrained(folder), /no onnx\/model\.onnx or onnx\/model_quantized\.onnx/);
    await changed(folder, "tokenizer.json", (tokenizer) => (tokenizer.model.type = "BPE"));
    await assert.rejects(EmotionClassifier.fromPretrained(folder), /tokenizer\.json has BPE, .* allowed: WordPiece/);
    await changed(folder, "emoscope.json", (manifest) => (manifest.normalizer = "other"));
    await assert.rejects(EmotionClassifier.fromPretrained(folder), /normalizer other; allowed: raw, plain, marked, written/);
    await changed(folder, "emoscope.json", (manifest) => (manifest.format = 3));
    await assert.rejects(EmotionClassifier.fromPretrained(folder), /format 3, and this version reads 2/);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("the examples of the documentation run", async () => {
  const pages = ["../README.md", "../../docs/in-the-browser.md"].map((name) => new URL(name, import.meta.url));
  const texts = await Promise.all(pages.map((page) => readFile(page, "utf8")));
  const blocks = texts.flatMap((text) => Array.from(text.matchAll(/^```js\n(.*?)^```/gms), (match) => match[1]));
  assert.equal(blocks.length, 2);
  for (const [i, block] of blocks.entries()) {
    const file = new URL(`example-${i}.mjs`, import.meta.url); // in this package, so that it can import it by its name
    await writeFile(file, block);
    try {
      await import(file);
    } finally {
      await rm(file);
    }
  }
});

async function changed(folder, name, change) {
  const path = join(folder, name);
  const values = JSON.parse(await readFile(path, "utf8"));
  change(values);
  await writeFile(path, JSON.stringify(values));
}
