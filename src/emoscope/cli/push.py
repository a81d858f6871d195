"""Upload a checkpoint or a model folder to the Hugging Face Hub.

The repository is made if it is not there. Needs a token with write access: HF_TOKEN, or `hf auth login`.

examples:
  emoscope push runs/distilbert me/distilbert-emotion
  emoscope push model me/emoscope-compact --private
"""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of the command."""
    parser.add_argument("folder", type=Path, metavar="DIR", help="folder that emoscope train or export wrote")
    parser.add_argument("repository", metavar="REPO", help="owner/name")
    parser.add_argument("--private", action="store_true", help="make a private repository, if it is not there yet")


def run(args: argparse.Namespace) -> int:
    """Upload and print where it is."""
    from emoscope.hub import push_folder

    print(push_folder(args.folder, args.repository, private=args.private))
    return 0
