// The same labels and scores as in Python, on texts of all kinds.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";

import { EmotionClassifier } from "emoscope";

const TOLERANCE = 1e-4;

test("labels and scores are those of Python", async () => {
  const file = await readFile(new URL("conformance.jsonl", import.meta.url), "utf8");
  const expected = file.trimEnd().split("\n").map((line) => JSON.parse(line));
  const classifier = await EmotionClassifier.fromPretrained();
  const predictions = await classifier.predict(expected.map(({ text }) => text));
  assert.equal(predictions.length, 2000);
  predictions.forEach((prediction, i) => {
    const { text, label, scores, neutral } = expected[i];
    assert.equal(prediction.label, label, text);
    const values = [...Object.values(prediction.scores), prediction.neutral];
    [...scores, neutral].forEach((value, j) => assert.ok(Math.abs(values[j] - value) <= TOLERANCE, text));
  });
});
