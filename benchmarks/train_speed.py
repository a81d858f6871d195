"""Time of a complete fine-tuning run: the public card's recipe on an encoder of DistilBERT's size, card included.

The encoder's weights are random: time does not depend on them. The run of the public card took 21 min 17 s.

Run on a GPU: python benchmarks/train_speed.py --data DIR
Run on a CPU with few rows: python benchmarks/train_speed.py --data DIR --rows 256 --epochs 1
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from pathlib import Path

import torch
from transformers import DistilBertConfig, DistilBertModel, PreTrainedTokenizerFast

import record
from emoscope.data import load_splits
from emoscope.model_folder import BUNDLED
from emoscope.training import Progress, train
from emoscope.training.config import EncoderConfig

CARD_SECONDS = 21 * 60 + 17


def main() -> None:
    args = _arguments()
    splits = load_splits(args.data)
    if args.rows:
        splits = {name: rows.subset(range(min(args.rows, len(rows)))) for name, rows in splits.items()}
    marks: list[tuple[float, Progress]] = []
    with tempfile.TemporaryDirectory() as temporary:
        encoder = _encoder(Path(temporary) / "encoder")
        config = EncoderConfig(model=str(encoder), epochs=args.epochs)
        start = time.perf_counter()
        report = train(
            config,
            splits,
            Path(temporary) / "run",
            progress=lambda progress: marks.append((time.perf_counter() - start, progress)),
        )
        total = time.perf_counter() - start
    results = {
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        "rows": len(splits["train"]),
        "epochs": args.epochs,
        "seconds": total,
        "seconds_until_first_step": marks[0][0],
        "seconds_training_and_epoch_evaluations": marks[-1][0] - marks[0][0],
        "seconds_report_and_card": total - marks[-1][0],
        "final_evaluation_seconds": report["runtime_seconds"] if report else None,
        "card_seconds": CARD_SECONDS if len(splits["train"]) == 16_000 and args.epochs == 8 else None,
    }
    print(results)
    print(record.write("train_speed", results, packages=("emoscope", "torch", "transformers"), seed=config.seed))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--rows", type=int, default=0, help="only the first rows of each split (0: all)")
    parser.add_argument("--epochs", type=int, default=8)
    return parser.parse_args()


def _encoder(folder: Path) -> Path:
    torch.manual_seed(0)
    DistilBertModel(DistilBertConfig()).save_pretrained(folder)
    shutil.copyfile(BUNDLED / "tokenizer.json", folder / "tokenizer.json")
    special = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"), **special).save_pretrained(folder)
    return folder


if __name__ == "__main__":
    main()
