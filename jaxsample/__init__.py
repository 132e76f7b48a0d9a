"""Decoding for JAX: sampling transforms that compose, compile once, and can be learned."""

from jaxsample.decode.generate import Generation, generate, resume
from jaxsample.decode.model import Model, ModelOutput
from jaxsample.decode.prefill import Decoding, prefill
from jaxsample.decode.sample import sample
from jaxsample.decode.score import Score, score
from jaxsample.decode.step import Step, step
from jaxsample.decode.stream import stream
from jaxsample.kernels.draw import draw
from jaxsample.transforms.base import Transform, transform
from jaxsample.transforms.chain import chain
from jaxsample.transforms.fields import field
from jaxsample.transforms.function import Function
from jaxsample.transforms.partition import combine, partition
from jaxsample.transforms.prompt import Prompt
from jaxsample.transforms.stack import stack
from jaxsample.transforms.temperature import EntropyTemperature, Temperature
from jaxsample.transforms.truncation import MinP, TopK, TopP

__all__ = [
    "Decoding",
    "EntropyTemperature",
    "Function",
    "Generation",
    "MinP",
    "Model",
    "ModelOutput",
    "Prompt",
    "Score",
    "Step",
    "Temperature",
    "TopK",
    "TopP",
    "Transform",
    "chain",
    "combine",
    "draw",
    "field",
    "generate",
    "partition",
    "prefill",
    "resume",
    "sample",
    "score",
    "stack",
    "step",
    "stream",
    "transform",
]
