"""Write a web page that runs a model in the browser.

OUT becomes a static site: the page of emoscope serve, the model, and ONNX Runtime for browsers. Copy it to any web
server or static host; it needs no other files, no network and no build. Texts and tables are scored in the visitor's
browser and sent nowhere. The scores are those of emoscope predict.

ONNX Runtime for browsers is not part of the Python package. Its npm package (onnxruntime-web, 33 MB) is downloaded
once, compared with a checksum, and kept in the cache of the Hugging Face Hub's client (HF_HOME). NPM_CONFIG_REGISTRY
names a mirror. Without a network, give a folder or tarball with --runtime: npm pack onnxruntime-web@1.30.0

--model takes a model folder that emoscope export wrote from a compact student, or from an encoder with the tokenizer of
BERT (BERT, DistilBERT, MiniLM, ELECTRA).

examples:
  emoscope page site
  python -m http.server --directory site
  emoscope page site --model model
  emoscope page site --runtime onnxruntime-web-1.30.0.tgz
"""

from __future__ import annotations

import argparse
from pathlib import Path

from emoscope.cli.output import show


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of the command."""
    parser.add_argument("output", type=Path, metavar="OUT", help="folder to write; new or empty")
    parser.add_argument(
        "--model",
        default="bundled",
        metavar="MODEL",
        help="'bundled' (default), 'accurate', a model folder, or a Hub id",
    )
    parser.add_argument(
        "--runtime", type=Path, metavar="PATH", help="folder or tarball of onnxruntime-web, instead of the download"
    )


def run(args: argparse.Namespace) -> int:
    """Write the site and print how to serve it."""
    from emoscope.errors import ModelError
    from emoscope.files import require_free
    from emoscope.model_folder import GRAPHS, open_folder, resolve
    from emoscope.page import read_runtime, write_site

    require_free(args.output, ModelError)
    folder = open_folder(resolve(args.model, one_of=(GRAPHS,)))
    size = write_site(args.output, folder, read_runtime(args.runtime), model=args.model)
    show(f"{args.output}: {size / 1e6:.1f} MB; try it: python -m http.server --directory {args.output}")
    return 0
