"""Decoding for JAX: sampling transforms that compose, compile once, and can be learned."""

from jaxsample.decode.combiners import Contrast, Guidance, KLTemperature
from jaxsample.decode.generate import Generation, generate, resume
from jaxsample.decode.guidance import guided
from jaxsample.decode.model import Model, ModelOutput
from jaxsample.decode.prefill import Decoding, prefill
from jaxsample.decode.sample import sample
from jaxsample.decode.score import Score, score
from jaxsample.decode.step import Step, step
from jaxsample.decode.stream import stream
from jaxsample.kernels.draw import draw
from jaxsample.transforms.adaptive import AdaptiveP
from jaxsample.transforms.base import Transform, transform
from jaxsample.transforms.chain import chain
from jaxsample.transforms.classes import ClassTemperature
from jaxsample.transforms.constraints.automaton import TokenAutomaton
from jaxsample.transforms.constraints.bias import LogitBias, SequenceBias
from jaxsample.transforms.constraints.start import ForceTokens, MinNewTokens
from jaxsample.transforms.constraints.words import Allow, BadWords, Suppress
from jaxsample.transforms.decay import TopPDecay
from jaxsample.transforms.deviation import TopNSigma
from jaxsample.transforms.dynamic import DynamicTemperature
from jaxsample.transforms.exclusion import XTC
from jaxsample.transforms.fields import field
from jaxsample.transforms.function import Function
from jaxsample.transforms.mirostat import Mirostat
from jaxsample.transforms.partition import combine, partition
from jaxsample.transforms.penalties.counts import (
    FrequencyPenalty,
    PresencePenalty,
    RepetitionPenalty,
)
from jaxsample.transforms.penalties.dry import DRY
from jaxsample.transforms.penalties.length import ExponentialLengthDecay
from jaxsample.transforms.penalties.ngram import NoRepeatNgram
from jaxsample.transforms.probability import Epsilon, Eta, PLess, PLessNorm, TopA
from jaxsample.transforms.prompt import Prompt
from jaxsample.transforms.quadratic import Quadratic
from jaxsample.transforms.stack import stack
from jaxsample.transforms.tail_free import TailFree
from jaxsample.transforms.temperature import EntropyTemperature, Temperature
from jaxsample.transforms.top_h import TopH
from jaxsample.transforms.truncation import MinP, TopK, TopP
from jaxsample.transforms.typical import Typical
from jaxsample.transforms.watermark.detect import Detection, detect
from jaxsample.transforms.watermark.greenlist import Watermark
from jaxsample.transforms.watermark.synthid import SynthID

__all__ = [
    "AdaptiveP",
    "Allow",
    "BadWords",
    "ClassTemperature",
    "Contrast",
    "DRY",
    "Decoding",
    "Detection",
    "DynamicTemperature",
    "EntropyTemperature",
    "Epsilon",
    "Eta",
    "ExponentialLengthDecay",
    "ForceTokens",
    "FrequencyPenalty",
    "Function",
    "Generation",
    "Guidance",
    "KLTemperature",
    "LogitBias",
    "MinNewTokens",
    "MinP",
    "Mirostat",
    "Model",
    "ModelOutput",
    "NoRepeatNgram",
    "PLess",
    "PLessNorm",
    "PresencePenalty",
    "Prompt",
    "Quadratic",
    "RepetitionPenalty",
    "Score",
    "SequenceBias",
    "Step",
    "Suppress",
    "SynthID",
    "TailFree",
    "Temperature",
    "TokenAutomaton",
    "TopA",
    "TopH",
    "TopK",
    "TopNSigma",
    "TopP",
    "TopPDecay",
    "Transform",
    "Typical",
    "Watermark",
    "XTC",
    "chain",
    "combine",
    "detect",
    "draw",
    "field",
    "generate",
    "guided",
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
