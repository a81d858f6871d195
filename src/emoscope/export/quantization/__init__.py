"""Quantises an encoder's graph: weights, their inputs and word embeddings become integers of eight bits."""

from emoscope.export.quantization.quantization import quantize

__all__ = ["quantize"]
