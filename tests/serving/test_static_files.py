"""The files of the page: small, self-contained, and with colours that everyone can distinguish."""

from __future__ import annotations

import re
from itertools import combinations

import numpy as np
import pytest

from emoscope import EMOTIONS
from emoscope.page.site import STATIC

OF_SITE = re.compile(r"<!--site\n.*?-->", re.DOTALL)
"""Comments of the page that `emoscope page` makes part of its sites."""


def test_files_are_small_and_refer_only_to_each_other():
    files = {path.name: OF_SITE.sub("", path.read_text("utf-8")) for path in STATIC.iterdir()}
    assert sum(len(text.encode()) for text in files.values()) < 150_000
    for name, text in files.items():
        addresses = set(re.findall(r"https?://[\w./]+", text)) - {"http://www.w3.org/2000/svg"}
        assert addresses == set(), name
        named = re.findall(r'(?:href|src)="page/([\w.]+)"', text) + re.findall(r'from "\./([\w.]+)"', text)
        assert set(named) <= set(files), name
    for name in ("index.html", "docs.html"):
        assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", files[name]), name


def luminance(rgb):
    return float(np.array([0.2126, 0.7152, 0.0722]) @ rgb)


def contrast(one, other):
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def linear(colour):
    values = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def oklab(rgb):
    """Ottosson (2020): linear sRGB to a space in which equal distances look about equal."""
    to_cones = [[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566]]
    to_cones.append([0.0883024619, 0.2817188376, 0.6299787005])
    to_lab = [[0.2104542553, 0.793617785, -0.0040720468], [1.9779984951, -2.428592205, 0.4505937099]]
    to_lab.append([0.0259040371, 0.7827717662, -0.808675766])
    return np.array(to_lab) @ np.cbrt(np.array(to_cones) @ np.clip(rgb, 0, 1))


COLOUR_VISION = {
    "full": np.eye(3),
    "no red cones": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "no green cones": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
    "no blue cones": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
}
"""Matrices on linear sRGB by Machado, Oliveira and Fernandes (2009), severity 1."""


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_emotion_colours_are_distinguishable_and_have_contrast(scheme):
    pairs = re.findall(r"--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)", (STATIC / "style.css").read_text("utf-8"))
    colours = {name: linear(values[scheme]) for name, *values in pairs}
    for emotion in EMOTIONS:
        assert contrast(colours[emotion], colours["card"]) >= 3
        assert contrast(colours[emotion], colours["track"]) >= 2.7
    for text, back in [("text", "card"), ("text", "page"), ("muted", "card"), ("muted", "page"), ("accent", "card")]:
        assert contrast(colours[text], colours[back]) >= 4.5, (text, back)
    for kind, matrix in COLOUR_VISION.items():
        seen = {emotion: oklab(np.array(matrix) @ colours[emotion]) for emotion in EMOTIONS}
        distances = {pair: float(np.linalg.norm(seen[pair[0]] - seen[pair[1]])) for pair in combinations(EMOTIONS, 2)}
        assert min(distances.values()) > 0.1, (kind, min(distances, key=distances.__getitem__))
