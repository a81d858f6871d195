"""Uses `emoscope serve` through the Hugging Face Hub's client, which works as with the Hugging Face inference API.

pip install huggingface_hub
python hub_client.py "i feel so happy" "leave me alone"
"""

from __future__ import annotations

import os
import sys

from huggingface_hub import InferenceClient


def main() -> None:
    """Label the texts of the command line."""
    client = InferenceClient(
        os.environ.get("EMOSCOPE_URL", "http://127.0.0.1:8000"), token=os.environ.get("EMOSCOPE_API_KEY")
    )
    for text in sys.argv[1:] or ["i feel so happy"]:
        best, *_ = client.text_classification(text, top_k=6)
        print(f"{best.label:<9} {best.score:.3f}  {text}")


if __name__ == "__main__":
    main()
