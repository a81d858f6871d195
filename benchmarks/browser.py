"""The static site in Chromium: bytes on the wire, time until the first scores, and texts a second of a dropped CSV.

The site is served on loopback by Python's plain file server, which compresses nothing. Each round starts a browser of
its own, without a cache. The first scores are those of a text that is filled in at once; the time counts from the start
of the navigation. The CSV has 10,000 rows of the data and is dropped on the page once; its time ends when the scored
file can be downloaded.

Run: python benchmarks/browser.py --data DIR [--runtime PATH]
"""

from __future__ import annotations

import argparse
import csv
import io
import statistics
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright

import record
from emoscope.data import load_splits
from emoscope.model_folder import BUNDLED, open_folder
from emoscope.page import read_runtime, write_site

CHROMIUM = "/usr/bin/chromium"
TEXT = "I am so happy about it!"
FIRST_SCORES = f"""async () => {{
  const field = document.getElementById("text");
  field.value = {TEXT!r};
  field.dispatchEvent(new Event("input"));
  while (!document.querySelector("#bars .highlighted")) await new Promise((go) => setTimeout(go, 2));
  return performance.now() / 1000;
}}"""
DROP = """async () => {
  const text = await (await fetch("rows.csv")).text();
  const data = new DataTransfer();
  data.items.add(new File([text], "rows.csv"));
  const began = performance.now();
  document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
  const is = (id) => !document.getElementById(id).hidden;
  while (!is("settings")) await new Promise((go) => setTimeout(go, 2));
  if (is("start")) document.getElementById("start").click();
  while (!is("result") || !is("downloads")) await new Promise((go) => setTimeout(go, 2));
  const seconds = (performance.now() - began) / 1000;
  return { seconds, scored: document.getElementById("scored").textContent, cores: navigator.hardwareConcurrency };
}"""


def main() -> None:
    args = _arguments()
    with tempfile.TemporaryDirectory() as name, sync_playwright() as driver:
        folder = Path(name)
        bytes_on_disk = write_site(folder / "site", open_folder(BUNDLED), read_runtime(args.runtime))
        characters = _write_rows(folder / "site" / "rows.csv", args.data, args.rows)
        rounds = [_round(driver, folder / "site") for _ in range(args.rounds)]
    scored = {each["csv"]["scored"] for each in rounds}
    assert scored == {f"{args.rows:,} texts"}, scored
    median = statistics.median(each["csv"]["seconds"] for each in rounds)
    results = {
        "bytes_on_disk": bytes_on_disk,
        "bytes_on_the_wire": max(each["bytes"] for each in rounds),
        "seconds_to_first_scores": statistics.median(each["first_scores"] for each in rounds),
        "rows": args.rows,
        "mean_characters": characters,
        "csv_seconds": median,
        "texts_per_second": args.rows / median,
        "rounds": rounds,
    }
    print({name: value for name, value in results.items() if name != "rounds"})
    print(record.write("browser", results, packages=("emoscope", "onnxruntime", "playwright")))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True)
    parser.add_argument("--runtime", type=Path, help="folder or tarball of onnxruntime-web; otherwise downloaded")
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    return parser.parse_args()


def _write_rows(path: Path, data: str, rows: int) -> float:
    """Write a CSV with an id and a text a row, and return the mean number of characters of the texts."""
    texts = list(dict.fromkeys(text for split in load_splits(data).values() for text in split.texts))[:rows]
    content = io.StringIO(newline="")
    csv.writer(content).writerows([("id", "text"), *enumerate(texts)])
    path.write_text(content.getvalue(), "utf-8", newline="")
    return statistics.mean(map(len, texts))


def _round(driver: Any, site: Path) -> dict[str, Any]:
    """What one browser measures."""
    with _served(site) as (address, sent):
        browser: Browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        page.goto(address, wait_until="commit")
        page.wait_for_selector("#bars li")
        first_scores = page.evaluate(FIRST_SCORES)
        total = sum(sent)
        dropped = page.evaluate(DROP)
        version = browser.version
        browser.close()
    result = {"chromium": version, "bytes": total, "first_scores": first_scores, "csv": dropped}
    print(result, flush=True)
    return result


@contextmanager
def _served(folder: Path) -> Iterator[tuple[str, list[int]]]:
    """The address of a folder, and the sizes of the files that were sent."""
    sent: list[int] = []

    class Counting(SimpleHTTPRequestHandler):
        def copyfile(self, source: Any, outputfile: Any) -> None:
            content = source.read()
            sent.append(len(content))
            outputfile.write(content)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Counting, directory=str(folder)))
    threading.Thread(target=server.serve_forever).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/", sent
    finally:
        server.shutdown()
        server.server_close()


if __name__ == "__main__":
    main()
