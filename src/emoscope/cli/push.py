"""Upload a checkpoint or a model folder to the Hugging Face Hub.

The model card is uploaded with it. The repository is created if it does not exist. Needs a token with write access:
HF_TOKEN, or `hf auth login`.

examples:
  emoscope push runs/distilbert me/distilbert-emotion
  emoscope push model me/emoscope-compact --private
"""

from __future__ import annotations

import argparse
from pathlib import Path

from emoscope.cli.output import show


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of the command."""
    parser.add_argument("folder", type=Path, metavar="DIR", help="folder written by emoscope train, distill or export")
    parser.add_argument("repository", metavar="REPO", help="repository to upload to: owner/name")
    parser.add_argument("--private", action="store_true", help="create the repository as a private one")


def run(args: argparse.Namespace) -> int:
    """Upload the folder and print its address."""
    from emoscope.hub import push_folder

    show(push_folder(args.folder, args.repository, private=args.private))
    return 0
