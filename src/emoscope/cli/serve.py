"""Serve a model over HTTP, with a web page and an API.

  POST /v1/predict     {"texts": [...]}         labels and scores, in columns
  POST /v1/explain     {"texts": [...]}         how much each word contributed
  POST /v1/sentences   {"text": "..."}          the scores of a long text, sentence by sentence
  POST /v1/score?text_column=C                  CSV or JSON lines in, the same with emotions out
  POST / and /models/M, /predict, /classify, /v1/classify
                                                for clients of the Hugging Face inference API,
                                                text-embeddings-inference, infinity and vLLM
  GET  /  /docs  /openapi.json  /health  /health/ready  /info  /metrics

The server listens on 127.0.0.1 only, unless --host says otherwise. On SIGTERM or Ctrl-C it answers every request that
it has accepted, and then exits. The log is JSON lines, or on a terminal plain text.

API keys: --new-key prints a key and a line with its hash. Put the line into a file and name it with --api-keys or the
environment variable EMOSCOPE_API_KEYS_FILE. EMOSCOPE_API_KEYS can hold keys themselves, separated by commas. The page
and /health need no key.

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
from typing import TYPE_CHECKING, Any

from emoscope.cli.model_options import add_model_arguments
from emoscope.cli.numbers import number

if TYPE_CHECKING:
    from collections.abc import Sequence
    from dataclasses import Field
    from socket import socket

    from emoscope.serving import Settings
    from emoscope.serving.api_keys import ApiKeys


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of the command: its own, and one for each setting of a server."""
    add_model_arguments(parser)
    parser.add_argument("--host", default="127.0.0.1", metavar="H", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument(
        "--port", type=number(int, 0, 65535), default=8000, metavar="P", help="default: 8000; 0 for any free port"
    )
    parser.add_argument(
        "--workers", type=number(int, 1), default=1, metavar="N", help="number of processes (default: 1)"
    )
    parser.add_argument(
        "--grace",
        type=number(float, 0),
        default=1.0,
        metavar="S",
        help="seconds after SIGTERM during which new requests still get a 503 response (default: 1)",
    )
    parser.add_argument(
        "--otlp-endpoint",
        metavar="URL",
        help="send a trace of every request to this OpenTelemetry collector, such as http://localhost:4318",
    )
    parser.add_argument("--worker", type=int, nargs=2, help=argparse.SUPPRESS)  # its socket, and its parent process
    access = parser.add_argument_group("access")
    access.add_argument("--api-keys", type=Path, metavar="FILE", help="file with the hashes of accepted API keys")
    access.add_argument("--new-key", action="store_true", help="print a new key and its line for that file, and exit")
    _add_settings(parser, access)


def _add_settings(parser: argparse.ArgumentParser, access: argparse._ArgumentGroup) -> None:
    from dataclasses import fields

    from emoscope.serving.settings import Settings

    groups = {"access": access}
    for field in fields(Settings):
        title = field.metadata["group"]
        if title not in groups:
            groups[title] = parser.add_argument_group(title)
        name = field.metadata.get("name", field.name.replace("_", "-"))
        groups[title].add_argument(f"--{name}", dest=field.name, default=argparse.SUPPRESS, **_options(field))


def _options(field: Field[Any]) -> dict[str, Any]:
    """What argparse needs to know about the flag of a setting."""
    default, metadata = field.default, field.metadata
    if isinstance(default, bool):
        return {"action": "store_true", "help": metadata["help"]}
    if default == ():
        return {"action": "append", "metavar": metadata["metavar"], "help": metadata["help"]}
    unit = metadata["unit"]
    parse = number(int if isinstance(default, int) and unit == 1 else float, metadata["minimum"])
    is_size = unit != 1
    shown = "" if default is None else f" (default: {default / unit:g})"
    return {
        "type": (lambda text: int(parse(text) * unit)) if is_size else parse,
        "metavar": "MIB" if is_size else "N" if isinstance(default, int) else "S",
        "help": metadata["help"] + shown,
    }


def run(args: argparse.Namespace) -> int:
    """Serve until a signal arrives."""
    from emoscope.errors import require_extra
    from emoscope.serving.api_keys import new_key, read_keys
    from emoscope.serving.logs import configure_logging
    from emoscope.serving.tracing import check_endpoint

    if args.new_key:
        key, line = new_key()
        print(f"key, for the client:  {key}\nline, for the file:   {line}")
        return 0
    require_extra("serve")
    if args.otlp_endpoint:
        check_endpoint(args.otlp_endpoint)
    keys = read_keys(args.api_keys, os.environ)
    configure_logging(worker=bool(args.worker))
    if args.worker or args.workers == 1:
        return _serve(args, keys)
    return _serve_in_workers(args, keys)


def _serve(args: argparse.Namespace, keys: ApiKeys) -> int:
    """Serve in this process."""
    from socket import socket

    from emoscope.classifier import EmotionClassifier
    from emoscope.parallel import usable_cores
    from emoscope.serving import create_app
    from emoscope.serving import run as serve
    from emoscope.serving.tracing import trace_requests

    descriptor, parent = args.worker or (None, None)
    threads = max(1, usable_cores() // args.workers)
    classifier = EmotionClassifier.from_pretrained(args.model, device=args.device, threads=threads)
    app = create_app(classifier, _settings(args), model=args.model, keys=keys)
    if args.otlp_endpoint:
        trace_requests(app, args.otlp_endpoint)
    listener = socket(fileno=descriptor) if args.worker else _listen(args, keys)
    serve(app, listener, grace=args.grace, parent=parent)
    return 0


def _serve_in_workers(args: argparse.Namespace, keys: ApiKeys) -> int:
    from emoscope.errors import EmoscopeError
    from emoscope.model_folder import GRAPHS, WEIGHTS, cascade_agreement, open_folder, resolve
    from emoscope.serving.supervisor import Supervisor

    if sys.platform == "win32":
        raise EmoscopeError(
            "--workers needs a system whose processes can share a socket, which Windows does not let them; start one "
            "server without --workers, or several on ports of their own behind a proxy"
        )
    name = args.model if cascade_agreement(args.model) is None else "accurate"
    open_folder(resolve(name, one_of=(GRAPHS, *WEIGHTS)))
    with _listen(args, keys) as listener:
        return Supervisor(sys.argv[1:], args.workers, listener).run()


def _listen(args: argparse.Namespace, keys: ApiKeys) -> socket:
    import logging

    from emoscope.serving.logs import LOGGER
    from emoscope.serving.server import is_loopback, listen

    listener = listen(args.host, args.port)
    if not keys and not is_loopback(args.host):
        logging.getLogger(LOGGER).warning("anyone who can reach %s can use the server; set --api-keys", args.host)
    return listener


def _settings(args: argparse.Namespace) -> Settings:
    from dataclasses import fields

    from emoscope.serving import Settings

    given: dict[str, Any] = {field.name: vars(args)[field.name] for field in fields(Settings) if field.name in args}
    if "cors_origins" in given:
        given["cors_origins"] = tuple(given["cors_origins"])
    given["allowed_hosts"] = _allowed_hosts(args.host, given.get("allowed_hosts", ()))
    return Settings(**given)


def _allowed_hosts(host: str, given: Sequence[str]) -> tuple[str, ...]:
    """The names that requests may be for; () for any."""
    from emoscope.serving.server import is_loopback

    if not given and not is_loopback(host):
        return ()
    return ("localhost", "127.0.0.1", "[::1]", f"[{host}]" if ":" in host else host, *given)
