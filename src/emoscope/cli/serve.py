"""Serve a model over HTTP: one command, every client's dialect, a page at /.

  POST /v1/predict     {"texts": [...]}             labels and scores, in columns
  POST /v1/explain     {"texts": [...]}             the words that decided
  POST /v1/sentences   {"text": "..."}              a long text, sentence by sentence
  POST /v1/score?text_column=C                      CSV or JSON lines in, the same with emotions out
  POST / and /models/M (Hugging Face inference), /predict (text-embeddings-inference),
       /classify (infinity), /v1/classify (vLLM)    what the clients of these servers send
  GET  /  /docs  /openapi.json  /health  /health/ready  /info  /metrics

It listens at 127.0.0.1 alone unless --host says otherwise. SIGTERM and Ctrl-C end it when all it accepted is answered.

API keys: --new-key prints a key, and a line with its hash for a file that --api-keys (or EMOSCOPE_API_KEYS_FILE) names.
EMOSCOPE_API_KEYS may hold keys themselves, with commas between. The page and /health stay open.

examples:
  emoscope serve
  curl -H 'Content-Type: application/json' -d '{"texts": ["i feel so happy"]}' http://127.0.0.1:8000/v1/predict
  curl -H 'Content-Type: text/csv' --data-binary @reviews.csv 'http://127.0.0.1:8000/v1/score?text_column=review'
  emoscope serve --host 0.0.0.0 --workers 4 --api-keys keys.txt
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from emoscope.cli.model_options import add_model_arguments
from emoscope.cli.numbers import number

if TYPE_CHECKING:
    from socket import socket

    from emoscope.serving import Settings
    from emoscope.serving.keys import ApiKeys

MIB = 1024 * 1024


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of the command."""
    count, positive = number(int, 1), number(float, 0.001)
    add_model_arguments(parser)
    parser.add_argument("--host", default="127.0.0.1", metavar="H", help="address to listen at (default: 127.0.0.1)")
    parser.add_argument(
        "--port", type=number(int, 0, 65535), default=8000, metavar="P", help="default: 8000; 0 for any that is free"
    )
    parser.add_argument("--workers", type=count, default=1, metavar="N", help="processes (default: 1)")
    safety = parser.add_argument_group("who may ask")
    safety.add_argument("--api-keys", type=Path, metavar="FILE", help="file with the hashes of API keys")
    safety.add_argument("--new-key", action="store_true", help="print a key and its line for the file, and end")
    safety.add_argument(
        "--cors-origin", action="append", default=[], metavar="O", help="origin whose pages may ask, '*' for any; again"
    )
    limits = parser.add_argument_group("limits")
    limits.add_argument("--max-texts", type=count, metavar="N", help="of a request (default: 1024)")
    limits.add_argument("--max-characters", type=count, metavar="N", help="of a text (default: 100000)")
    limits.add_argument("--max-body-mb", type=positive, metavar="MB", help="of a request but /v1/score (default: 4)")
    limits.add_argument("--max-connections", type=count, metavar="N", help="open at once, a worker (default: 10000)")
    limits.add_argument(
        "--target-latency",
        type=positive,
        metavar="S",
        help="seconds; what would not be answered within them is refused with 429 (default: 0.025, or what 32 "
        "ordinary texts take a slower model)",
    )
    limits.add_argument("--timeout", type=positive, metavar="S", help="seconds a request may take (default: 10)")
    limits.add_argument("--max-batch-tokens", type=count, metavar="N", help="of a batch (default: 4096)")
    limits.add_argument("--cache-mb", type=number(float, 0), metavar="MB", help="of scores, a worker (default: 64)")
    logs = parser.add_argument_group("logs and end")
    logs.add_argument("--access-log", action="store_true", help="a line a request")
    logs.add_argument("--log-texts", action="store_true", help="the same, with the texts")
    logs.add_argument(
        "--grace",
        type=number(float, 0),
        default=1.0,
        metavar="S",
        help="seconds from SIGTERM on in which new requests are still told to go elsewhere (default: 1)",
    )
    parser.add_argument("--worker", type=int, nargs=2, help=argparse.SUPPRESS)  # its socket, and who started it


def run(args: argparse.Namespace) -> int:
    """Serve until a signal comes."""
    from emoscope.serving.keys import new_key, read_keys
    from emoscope.serving.logs import configure_logging

    if args.new_key:
        key, line = new_key()
        print(f"key, for the client:  {key}\nline, for the file:   {line}")
        return 0
    keys = read_keys(args.api_keys, os.environ)
    configure_logging()
    if args.worker or args.workers == 1:
        return _serve(args, keys)
    return _serve_in_workers(args, keys)


def _serve(args: argparse.Namespace, keys: ApiKeys) -> int:
    """Serve in this process."""
    from socket import socket

    from emoscope.classifier import EmotionClassifier
    from emoscope.encoding import usable_cores
    from emoscope.serving import create_app
    from emoscope.serving import run as serve

    descriptor, parent = args.worker or (None, None)
    threads = max(1, usable_cores() // args.workers)
    classifier = EmotionClassifier.from_pretrained(args.model, device=args.device, threads=threads)
    app = create_app(classifier, _settings(args), model=args.model, keys=keys)
    listener = socket(fileno=descriptor) if args.worker else _listen(args, keys)
    serve(app, listener, grace=args.grace, parent=parent)
    return 0


def _serve_in_workers(args: argparse.Namespace, keys: ApiKeys) -> int:
    from emoscope.model_folder import GRAPHS, WEIGHTS, open_folder, resolve
    from emoscope.serving.workers import Workers

    open_folder(resolve(args.model, one_of=(GRAPHS, *WEIGHTS)))
    with _listen(args, keys) as listener:
        return Workers(sys.argv[1:], args.workers, listener).run()


def _listen(args: argparse.Namespace, keys: ApiKeys) -> socket:
    import logging

    from emoscope.serving.logs import LOGGER
    from emoscope.serving.server import is_loopback, listen

    listener = listen(args.host, args.port)
    if not keys and not is_loopback(args.host):
        logging.getLogger(LOGGER).warning("anybody who can reach %s may ask; give --api-keys", args.host)
    return listener


def _settings(args: argparse.Namespace) -> Settings:
    from emoscope.serving import Settings

    given = {
        "max_texts": args.max_texts,
        "max_characters": args.max_characters,
        "max_body_bytes": args.max_body_mb and int(args.max_body_mb * MIB),
        "max_connections": args.max_connections,
        "target_latency": args.target_latency,
        "timeout": args.timeout,
        "max_batch_tokens": args.max_batch_tokens,
        "cache_bytes": None if args.cache_mb is None else int(args.cache_mb * MIB),
    }
    return Settings(
        cors_origins=tuple(args.cors_origin),
        access_log=args.access_log or args.log_texts,
        log_texts=args.log_texts,
        **{name: value for name, value in given.items() if value is not None},
    )
