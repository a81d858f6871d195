"""The repositories that the tests' Hub serves: four encoders, a fine-tuned model of each, and the data set.

Files, names and fields are those of the published ones; the weights are tiny and random, the sentences made up.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from safetensors.numpy import save_file

from hub.sentences import EMOTIONS, splits
from hub.storage import GIT_ATTRIBUTES
from hub.vocabularies import Vocabulary, byte_level, unigram, wordpiece
from tiny import CONFIGS, published_weights

DATASET = "dair-ai/emotion"
BERT_TOKENS = {
    "unk_token": "[UNK]",
    "sep_token": "[SEP]",
    "pad_token": "[PAD]",
    "cls_token": "[CLS]",
    "mask_token": "[MASK]",
}
ROBERTA_TOKENS = {
    "bos_token": "<s>",
    "eos_token": "</s>",
    "unk_token": "<unk>",
    "sep_token": "</s>",
    "pad_token": "<pad>",
    "cls_token": "<s>",
    "mask_token": "<mask>",
}
ALBERT_TOKENS = BERT_TOKENS | {
    "bos_token": "[CLS]",
    "eos_token": "[SEP]",
    "unk_token": "<unk>",
    "pad_token": "<pad>",
}


@dataclass(frozen=True)
class Architecture:
    """One of the four: its Hub ids, class prefix, tokenizer, and the fields of its two JSON files."""

    name: str
    encoder: str
    prefix: str
    vocabulary: Callable[[], Vocabulary]
    tokens: dict[str, str]
    tokenizer_settings: dict[str, Any]

    @property
    def short_name(self) -> str:
        """The encoder's name before the Hub had owners, `bert-base-uncased`; it redirects."""
        return self.encoder.partition("/")[2]

    @property
    def fine_tuned(self) -> str:
        """Hub id of the model of the public card."""
        return f"bhadresh-savani/{self.short_name}-emotion"

    @property
    def config(self) -> dict[str, Any]:
        """Fields of `config.json`."""
        return CONFIGS[self.name]


_LOWER = {"do_lower_case": True}
_ALBERT = _LOWER | {"remove_space": True, "keep_accents": False}
_CASED = {"add_prefix_space": False}
ARCHITECTURES = (
    Architecture("distilbert", "distilbert/distilbert-base-uncased", "DistilBert", wordpiece, BERT_TOKENS, _LOWER),
    Architecture("bert", "google-bert/bert-base-uncased", "Bert", wordpiece, BERT_TOKENS, _LOWER),
    Architecture("roberta", "FacebookAI/roberta-base", "Roberta", byte_level, ROBERTA_TOKENS, _CASED),
    Architecture("albert", "albert/albert-base-v2", "Albert", unigram, ALBERT_TOKENS, _ALBERT),
)


def build(root: Path, seed: int = 0) -> None:
    """Write every repository below `root`: `models/OWNER/NAME` and `datasets/OWNER/NAME`."""
    for index, architecture in enumerate(ARCHITECTURES):
        _model(root / "models" / architecture.encoder, architecture, classifier=False, seed=seed + 2 * index)
        _model(root / "models" / architecture.fine_tuned, architecture, classifier=True, seed=seed + 2 * index + 1)
    _dataset(root / "datasets" / DATASET, seed)


def _model(folder: Path, architecture: Architecture, classifier: bool, seed: int) -> None:
    folder.mkdir(parents=True)
    tokenizer, files = architecture.vocabulary()
    size = tokenizer.get_vocab_size()
    state = published_weights(architecture.name, size, classifier=classifier, seed=seed)
    save_file(state, folder / "model.safetensors", {"format": "pt"})
    tokenizer.save(str(folder / "tokenizer.json"))
    for name, content in files.items():
        (folder / name).write_bytes(content)
    _write_json(folder / "config.json", _config(architecture, classifier) | {"vocab_size": size})
    _write_json(folder / "tokenizer_config.json", _tokenizer_config(architecture, classifier))
    if classifier:
        _write_json(folder / "special_tokens_map.json", architecture.tokens)
    _write_text(folder / "README.md", _model_card(architecture, classifier))
    _write_text(folder / ".gitattributes", GIT_ATTRIBUTES)


def _config(architecture: Architecture, classifier: bool) -> dict[str, Any]:
    head = "ForSequenceClassification" if classifier else "ForMaskedLM"
    config = {"architectures": [architecture.prefix + head], "model_type": architecture.name, **architecture.config}
    if not classifier:
        return config
    labels = {
        "_name_or_path": architecture.short_name,
        "id2label": dict(enumerate(EMOTIONS)),
        "label2id": {label: index for index, label in enumerate(EMOTIONS)},
        "problem_type": "single_label_classification",
    }
    return config | labels


def _tokenizer_config(architecture: Architecture, classifier: bool) -> dict[str, Any]:
    if not classifier:
        return {**architecture.tokenizer_settings, "model_max_length": 512}
    named = {"name_or_path": architecture.short_name, "tokenizer_class": f"{architecture.prefix}Tokenizer"}
    return {**architecture.tokenizer_settings, **architecture.tokens, "model_max_length": 512, **named}


def _model_card(architecture: Architecture, classifier: bool) -> str:
    task = "text-classification" if classifier else "fill-mask"
    data = "emotion" if classifier else "bookcorpus"
    head = f"language:\n- en\nlicense: apache-2.0\ndatasets:\n- {data}\npipeline_tag: {task}\n"
    return f"---\n{head}---\n\n# {architecture.fine_tuned if classifier else architecture.short_name}\n"


def _dataset(folder: Path, seed: int) -> None:
    rows = splits(seed)
    unsplit = [pair for pairs in rows.values() for pair in pairs]
    configs = {"split": {split: _table(pairs) for split, pairs in rows.items()}, "unsplit": {"train": _table(unsplit)}}
    for config, tables in configs.items():
        (folder / config).mkdir(parents=True)
        for split, table in tables.items():
            pq.write_table(table, folder / config / f"{split}-00000-of-00001.parquet")
    _write_text(folder / "README.md", _dataset_card(configs))
    _write_text(folder / ".gitattributes", GIT_ATTRIBUTES)


def _table(pairs: list[tuple[str, int]]) -> pa.Table:
    features = {
        "text": {"dtype": "string", "_type": "Value"},
        "label": {"names": list(EMOTIONS), "_type": "ClassLabel"},
    }
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    schema = pa.schema([("text", pa.string()), ("label", pa.int64())], metadata=metadata)
    texts, labels = zip(*pairs, strict=True)
    return pa.table({"text": texts, "label": labels}, schema=schema)


def _dataset_card(configs: dict[str, dict[str, pa.Table]]) -> str:
    infos = "".join(_info(config, tables) for config, tables in configs.items())
    files = "".join(_files(config, list(tables)) for config, tables in configs.items())
    head = "language:\n- en\nlicense: other\ntask_categories:\n- text-classification\npretty_name: Emotion\n"
    return f"---\n{head}dataset_info:\n{infos}configs:\n{files}---\n\n# Dataset Card for emotion\n"


def _info(config: str, tables: dict[str, pa.Table]) -> str:
    names = "".join(f"          '{index}': {label}\n" for index, label in enumerate(EMOTIONS))
    features = "  - name: text\n    dtype: string\n  - name: label\n    dtype:\n      class_label:\n        names:\n"
    parts = "".join(
        f"  - name: {split}\n    num_bytes: {table.nbytes}\n    num_examples: {table.num_rows}\n"
        for split, table in tables.items()
    )
    return f"- config_name: {config}\n  features:\n{features}{names}  splits:\n{parts}"


def _files(config: str, names: list[str]) -> str:
    paths = "".join(f"  - split: {split}\n    path: {config}/{split}-*\n" for split in names)
    default = "  default: true\n" if config == "split" else ""
    return f"- config_name: {config}\n  data_files:\n{paths}{default}"


def _write_json(path: Path, value: dict[str, Any]) -> None:
    _write_text(path, json.dumps(value, indent=2) + "\n")


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
