"""Serve a model over HTTP, with a page at /.

examples:
  emoscope serve
  curl -H 'Content-Type: application/json' -d '{"texts": ["i feel so happy"]}' http://127.0.0.1:8000/v1/predict
"""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of the command."""
    parser.add_argument(
        "--model", default="bundled", metavar="M", help="'bundled' (default), a model folder, a checkpoint, or a Hub id"
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen at; default: 127.0.0.1, this machine")
    parser.add_argument("--port", type=int, default=8000, help="default: 8000")


def run(args: argparse.Namespace) -> int:
    """Serve until a signal comes."""
    from emoscope.classifier import EmotionClassifier
    from emoscope.serving import create_app
    from emoscope.serving import run as serve

    serve(create_app(EmotionClassifier.from_pretrained(args.model), model=args.model), args.host, args.port)
    return 0
