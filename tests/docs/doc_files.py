"""The files in a page's folder: tiny data and models under the names that the pages use for the reader's own.

The recipes are those of the project with fewer epochs and units. The pretrained encoders are random ones of a few
hundred kilobytes, under the Hub ids that the pages name. EMOSCOPE_ENCODER can name a folder with the real
all-MiniLM-L6-v2 to take the place of its substitute; the outputs in the tutorials were obtained with it.
"""

from __future__ import annotations

import csv
import gzip
import json
import os
import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from doc_blocks import Block
from tokenizers import Tokenizer
from transformers import BertConfig, BertModel

import tiny
from emoscope.labels import EMOTIONS
from emoscope.model_folder import BUNDLED
from emoscope.training import train
from emoscope.training.config import CompactConfig, EncoderConfig

ROOT = Path(__file__).parents[2]
SMALLER = {"epochs": "1", "dimension": "8", "hidden": "8", "batch_size": "32", "recombined": "0.0"}
REVIEWS = ("What a lovely surprise, thank you!", "I am so angry about the delivery", "I was afraid it would break")


def write_files(folder: Path, blocks: Sequence[Block], models: Callable[[], Path]) -> None:
    """Write the files that the code of a page names and does not make itself.

    Args:
        folder: folder of the page.
        blocks: blocks of the page.
        models: returns the folder with the repositories of `hub.repositories`.
    """
    code = "".join(block.code for block in blocks)
    run = "".join(block.code for block in blocks if not block.not_run)
    made = {block.title for block in blocks} | set(re.findall(r"--output ([\w/.-]+)", run))
    if "emoscope distill" in code:
        code += CompactConfig().embeddings
    for name, write in FILES.items():
        if (
            name not in made
            and not (folder / name).exists()
            and re.search(rf"(?<![\w/.-]){re.escape(name)}(?![\w-])", code)
        ):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            write(folder / name, models)


def smaller(recipe: str) -> str:
    """The recipe, changed to train in a second, or unchanged if there is the real encoder."""
    for key, value in ({} if "EMOSCOPE_ENCODER" in os.environ else SMALLER).items():
        recipe = re.sub(rf"^{key} = .*$", f"{key} = {value}", recipe, flags=re.MULTILINE)
    return recipe


def _splits(folder: Path, _: Callable[[], Path]) -> None:
    folder.mkdir()
    rows = tiny.examples("all")
    pairs = [(text, EMOTIONS[label_id]) for text, label_id in zip(rows.texts, rows.label_ids, strict=True)]
    for split, labelled in {"train": pairs[::2], "validation": pairs[1::4], "test": pairs[3::4]}.items():
        _csv(folder / f"{split}.csv", [("text", "label"), *labelled])


def _comments(folder: Path, _: Callable[[], Path]) -> None:
    folder.mkdir()
    (folder / "labels.txt").write_text("\n".join([*EMOTIONS, "annoyance", "gratitude", "neutral"]))
    rows = (
        ("So happy for you", "1"),
        ("Sad", "0"),
        ("Thanks, mate", "7"),
        ("Annoyed", "6"),
        ("The bus leaves at nine", "8"),
    )
    for split in ("train", "dev"):
        lines = (f"{text} {n}\t{ids}\tid{n}\n" for n in range(8) for text, ids in rows)
        (folder / f"{split}.tsv").write_text("".join(lines))


def _neutral(folder: Path, _: Callable[[], Path]) -> None:
    folder.mkdir()
    emotional = [(text, "emotional") for text in tiny.examples("all").texts]
    neutral = [(f"The {thing} leaves at {n}", "neutral") for thing in ("bus", "train", "ship") for n in range(20)]
    for first, split in enumerate(("train", "validation")):
        _csv(folder / f"{split}.csv", [("text", "label"), *emotional[first::2], *neutral[first::2]])


def _recipes(folder: Path, models: Callable[[], Path]) -> None:
    shutil.copytree(ROOT / "recipes", folder)
    for encoder in (CompactConfig().embeddings, EncoderConfig().model):
        if not (folder.parent / encoder).exists():
            FILES[encoder](folder.parent / encoder, models)
    program = folder / "real_text.py"
    program.write_text(re.sub(r"default=(?:5000|25_000)", "default=2", program.read_text("utf-8")), encoding="utf-8")
    for recipe in folder.glob("*.toml"):
        recipe.write_text(smaller(recipe.read_text("utf-8")), encoding="utf-8")


def _reviews(file: Path, _: Callable[[], Path]) -> None:
    _csv(file, [("id", "review", "text"), *((n, text, text) for n, text in enumerate(REVIEWS))])


def _texts(file: Path, _: Callable[[], Path]) -> None:
    if file.suffix == ".gz":
        with gzip.open(file, "wt", encoding="utf-8") as opened:
            opened.write("id,text\n" + "".join(f'{n},"{text}"\n' for n, text in enumerate(REVIEWS)))
    elif file.suffix == ".parquet":
        import pyarrow
        from pyarrow import parquet

        parquet.write_table(pyarrow.table({"id": [0, 1, 2], "text": REVIEWS}), file)
    else:
        lines = [json.dumps({"review": text}) if file.suffix == ".jsonl" else text for text in REVIEWS]
        file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _workbook(file: Path, _: Callable[[], Path]) -> None:
    import xlsxwriter

    with xlsxwriter.Workbook(str(file)) as book:
        book.add_worksheet().write_column(0, 0, ["text", *REVIEWS])


def _csv(file: Path, rows: Sequence[tuple[object, ...]]) -> None:
    with file.open("w", newline="", encoding="utf-8") as opened:
        csv.writer(opened).writerows(rows)


def _student(folder: Path, models: Callable[[], Path]) -> None:
    trained = models() / "student"
    if not trained.exists():
        rows = {split: tiny.examples(split) for split in ("train", "validation")}
        vectors = str(models() / "models" / "google-bert/bert-base-uncased")
        train(CompactConfig(embeddings=vectors, dimension=8, hidden=8, epochs=3, learning_rate=0.02), rows, trained)
    shutil.copytree(trained, folder)


def _folder(folder: Path, models: Callable[[], Path]) -> None:
    """The bundled model, since only a model with right predictions can be calibrated."""
    shutil.copytree(BUNDLED, folder)


def _multi_label(folder: Path, models: Callable[[], Path]) -> None:
    tiny.bundled_as_multi_label(folder)


def _multi_label_rows(file: Path, _: Callable[[], Path]) -> None:
    tiny.write_multi_label_rows(file)


def _rows(file: Path, _: Callable[[], Path]) -> None:
    rows = tiny.examples("all")
    labelled = [(text, EMOTIONS[label_id]) for text, label_id in zip(rows.texts, rows.label_ids, strict=True)]
    _csv(file, [("text", "label"), *labelled])


def _examples(folder: Path, _: Callable[[], Path]) -> None:
    shutil.copytree(ROOT / "examples", folder)


def _pretrained(folder: Path, _: Callable[[], Path]) -> None:
    """An encoder that the compact student can start from with its default size, and that can be fine-tuned."""
    if "EMOSCOPE_ENCODER" in os.environ:
        shutil.copytree(os.environ["EMOSCOPE_ENCODER"], folder)
        return
    tokenizer = Tokenizer.from_file(str(tiny.encoder(folder) / "tokenizer.json"))
    shape = {"hidden_size": 128, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
    BertModel(BertConfig(vocab_size=tokenizer.get_vocab_size(), **shape)).save_pretrained(folder)


def _model(repository: str) -> Callable[[Path, Callable[[], Path]], None]:
    def write(folder: Path, models: Callable[[], Path]) -> None:
        shutil.copytree(models() / "models" / repository, folder)

    return write


FILES: dict[str, Callable[[Path, Callable[[], Path]], object]] = {
    "DIR": _splits,
    "dair-ai/emotion": _splits,
    "GOEMOTIONS": _comments,
    "recipes": _recipes,
    "reviews.csv": _reviews,
    "tweets.txt": _texts,
    "rows.csv.gz": _texts,
    "rows.parquet": _texts,
    "rows.jsonl": _texts,
    "feedback.xlsx": _workbook,
    "sentence-transformers/all-MiniLM-L6-v2": _pretrained,
    "microsoft/MiniLM-L12-H384-uncased": _model("google-bert/bert-base-uncased"),
    "distilbert-base-uncased": _model("distilbert/distilbert-base-uncased"),
    "runs/compact": _student,
    "runs/model": _folder,
    "runs/neutral_texts": _neutral,
    "runs/moods": _multi_label,
    "moods.csv": _multi_label_rows,
    "my_rows.csv": _rows,
    "examples": _examples,
    "runs/bert": _model("bhadresh-savani/bert-base-uncased-emotion"),
    "runs/roberta": _model("bhadresh-savani/roberta-base-emotion"),
    "runs/distilbert": _model("bhadresh-savani/distilbert-base-uncased-emotion"),
}
"""The function that writes a file or folder, by its name in a page's folder."""
