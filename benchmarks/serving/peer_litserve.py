"""A classifier behind LitServe, with the hooks of its documentation.

peers.py runs it in a virtual environment of its own.
"""

from __future__ import annotations

import argparse

import litserve
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer


class Classifier(litserve.LitAPI):
    """Scores texts in batches, padded to the longest, and returns one row of probabilities per text."""

    def __init__(self, checkpoint: str, threads: int, **settings: float) -> None:
        super().__init__(**settings)
        self._checkpoint = checkpoint
        self._threads = threads

    def setup(self, device: str) -> None:
        """Load the model, in the worker process."""
        torch.set_num_threads(self._threads)
        self._tokenizer = AutoTokenizer.from_pretrained(self._checkpoint)
        self._model = AutoModelForSequenceClassification.from_pretrained(self._checkpoint).to(device).eval()

    def decode_request(self, request: dict) -> str:
        """The text of a request."""
        return request["text"]

    def predict(self, texts: str | list[str]) -> list:
        """Probabilities of the texts."""
        rows = [texts] if isinstance(texts, str) else texts
        inputs = self._tokenizer(rows, return_tensors="pt", padding=True, truncation=True)
        with torch.inference_mode():
            scores = self._model(**inputs).logits.softmax(-1).tolist()
        return scores[0] if isinstance(texts, str) else scores

    def encode_response(self, scores: list) -> dict:
        """Labels with their probabilities."""
        return {self._model.config.id2label[i]: score for i, score in enumerate(scores)}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("checkpoint")
    parser.add_argument("port", type=int)
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--workers", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True, help="threads of torch in each worker")
    args = parser.parse_args()
    settings = {"max_batch_size": args.batch, "batch_timeout": 0.01} if args.batch > 1 else {}
    api = Classifier(args.checkpoint, args.threads, **settings)
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=args.workers, timeout=60)
    server.run(host="127.0.0.1", port=args.port, log_level="warning", generate_client_file=False)


if __name__ == "__main__":
    main()
