"""Offer a model to agents, by the Model Context Protocol.

The tools are classify, explain and timeline; with --folder also score_table and estimate_shares, which read and write
tables in that folder and nowhere else. Texts, files and messages have the limits of emoscope serve.

An agent starts this command and speaks with it over standard input and output. With --http it listens instead, on
127.0.0.1 unless --host says otherwise, at the path /mcp. There are no keys: let a proxy that asks for them serve other
machines.

examples:
  emoscope mcp
  emoscope mcp --folder ~/feedback
  emoscope mcp --http --port 8100
"""

from __future__ import annotations

import argparse
from pathlib import Path

from emoscope.cli.model_options import add_model_arguments, load_classifier
from emoscope.cli.numbers import number
from emoscope.errors import DataError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of the command."""
    add_model_arguments(parser)
    parser.add_argument("--folder", type=Path, metavar="DIR", help="folder whose tables may be read and written")
    parser.add_argument("--http", action="store_true", help="listen for HTTP instead of standard input")
    parser.add_argument("--host", metavar="H", help="with --http: address to listen on (default: 127.0.0.1)")
    parser.add_argument("--port", type=number(int, 1, 65535), metavar="P", help="with --http: port (default: 8000)")
    parser.set_defaults(refuse=parser.error)


def run(args: argparse.Namespace) -> int:
    """Serve until standard input ends, or until a signal."""
    if not args.http and (args.host or args.port):
        args.refuse("--host and --port go with --http")
    if args.folder and not args.folder.is_dir():
        raise DataError(f"{args.folder} is not a folder; give the folder of the tables")
    from emoscope.mcp import create_server
    from emoscope.serving.settings import Settings

    settings = Settings()
    server = create_server(load_classifier(args), folder=args.folder, settings=settings)
    if args.http:
        server.run(
            "streamable-http",
            host=args.host or "127.0.0.1",
            port=args.port or 8000,
            json_response=True,
            stateless_http=True,
            max_request_body_size=settings.max_body_bytes,
        )
    else:
        server.run("stdio")
    return 0
