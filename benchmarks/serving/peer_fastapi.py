"""A transformers pipeline behind FastAPI, as most people write it.

peers.py runs it in a virtual environment of its own.
"""

from __future__ import annotations

import argparse

import torch
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel
from transformers import pipeline


class Text(BaseModel):
    """The body of a request."""

    text: str


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("checkpoint")
    parser.add_argument("port", type=int)
    parser.add_argument(
        "--threads",
        type=int,
        required=True,
        help="threads of torch, in addition to the threads in which FastAPI runs requests",
    )
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    classifier = pipeline("text-classification", model=args.checkpoint, top_k=None, device="cpu")
    app = FastAPI()

    @app.post("/predict")
    def predict(body: Text):
        return classifier(body.text)

    uvicorn.run(app, host="127.0.0.1", port=args.port, access_log=False)


if __name__ == "__main__":
    main()
