"""A scored table whose true labels are known."""

import csv

import numpy as np

from emoscope import EMOTIONS

ROWS = 800
MONTHS = ["2024-04", "2024-05", "2024-06"]


def write_scored(file, strength=2.5):
    """Write ROWS scored rows, and return the true label of each; every hundredth one has no time."""
    rng = np.random.default_rng(round(10 * strength))
    truth = rng.choice(6, ROWS, p=[0.3, 0.3, 0.1, 0.15, 0.1, 0.05])
    logits = 3 * rng.random((ROWS, 6)) + strength * np.eye(6)[truth] + np.eye(6)[1]
    scores = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    with file.open("w", encoding="utf-8", newline="") as output:
        writer = csv.writer(output)
        writer.writerow(["id", "review", "product", "written", "emotion", "emotion_score", *EMOTIONS, "neutral"])
        for row, values in enumerate(scores):
            best = int(values.argmax())
            when = "soon" if row % 100 == 7 else f"{MONTHS[row * 3 // ROWS]}-{1 + row % 28:02}"
            cells = [row, f"text {row}, with a comma", "ab"[row % 2], when, EMOTIONS[best], values[best], *values, 0.1]
            writer.writerow(cells)
    return [EMOTIONS[index] for index in truth]


def fill_labels(sample, truth, output):
    """Fill the labels of a table that `emoscope sample` wrote."""
    with sample.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        row["label"] = truth[int(row["row"]) - 1]
    with output.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
