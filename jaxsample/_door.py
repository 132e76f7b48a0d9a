"""Every name that users import from `jaxsample`."""

from jaxsample.decode._beam import Beams, beam
from jaxsample.decode._best import best
from jaxsample.decode._combiners import Contrast, Guidance, KLTemperature
from jaxsample.decode._common import read_common
from jaxsample.decode._distinct import Distinct, sample_without_replacement
from jaxsample.decode._drafts import Draft, Next, by_model, lookup
from jaxsample.decode._evenly import sample_evenly
from jaxsample.decode._generate import generate, resume
from jaxsample.decode._generation import Generation
from jaxsample.decode._guidance import guided
from jaxsample.decode._model import Model, ModelOutput
from jaxsample.decode._prefill import prefill
from jaxsample.decode._requests import Request
from jaxsample.decode._rollout import Finished, rollout
from jaxsample.decode._sample import sample
from jaxsample.decode._sample_rows import sample_rows
from jaxsample.decode._score import Score, score
from jaxsample.decode._share import share
from jaxsample.decode._speculate import speculate
from jaxsample.decode._step import Decoding, Step, step
from jaxsample.decode._stream import stream
from jaxsample.kernels._auto_axes import in_auto
from jaxsample.kernels._draw import draw
from jaxsample.transforms.constraints._automaton import TokenAutomaton
from jaxsample.transforms.constraints._bias import LogitBias, SequenceBias
from jaxsample.transforms.constraints._start import ForceTokens, MinNewTokens
from jaxsample.transforms.constraints._words import Allow, BadWords, Suppress
from jaxsample.transforms.contract._chain import chain
from jaxsample.transforms.contract._fields import field
from jaxsample.transforms.contract._function import Function
from jaxsample.transforms.contract._leaves import FloatLeaf, IntLeaf
from jaxsample.transforms.contract._partition import combine, partition
from jaxsample.transforms.contract._prompt import Prompt
from jaxsample.transforms.contract._stack import stack
from jaxsample.transforms.contract._transform import Transform, transform
from jaxsample.transforms.filters._mirostat import Mirostat
from jaxsample.transforms.filters._probability import Epsilon, Eta, PLess, PLessNorm, TopA
from jaxsample.transforms.filters._tail_free import TailFree
from jaxsample.transforms.filters._top_h import TopH
from jaxsample.transforms.filters._top_n_sigma import TopNSigma
from jaxsample.transforms.filters._top_p_decay import TopPDecay
from jaxsample.transforms.filters._truncation import MinP, TopK, TopP
from jaxsample.transforms.filters._typical import Typical
from jaxsample.transforms.filters._xtc import XTC
from jaxsample.transforms.penalties._counts import (
    FrequencyPenalty,
    PresencePenalty,
    RepetitionPenalty,
)
from jaxsample.transforms.penalties._dry import DRY
from jaxsample.transforms.penalties._length import ExponentialLengthDecay
from jaxsample.transforms.penalties._ngram import NoRepeatNgram
from jaxsample.transforms.temperatures._adaptive import AdaptiveP
from jaxsample.transforms.temperatures._classes import ClassTemperature
from jaxsample.transforms.temperatures._dynamic import DynamicTemperature
from jaxsample.transforms.temperatures._quadratic import Quadratic
from jaxsample.transforms.temperatures._reshape import Reshape
from jaxsample.transforms.temperatures._temperature import EntropyTemperature, Temperature
from jaxsample.transforms.tokens._stop_strings import StopStrings
from jaxsample.transforms.watermark._detect import Detection, detect
from jaxsample.transforms.watermark._greenlist import Watermark
from jaxsample.transforms.watermark._synthid import SynthID

__all__ = [
    "AdaptiveP",
    "Allow",
    "BadWords",
    "Beams",
    "ClassTemperature",
    "Contrast",
    "DRY",
    "Decoding",
    "Detection",
    "Distinct",
    "Draft",
    "DynamicTemperature",
    "EntropyTemperature",
    "Epsilon",
    "Eta",
    "ExponentialLengthDecay",
    "Finished",
    "FloatLeaf",
    "ForceTokens",
    "FrequencyPenalty",
    "Function",
    "Generation",
    "Guidance",
    "IntLeaf",
    "KLTemperature",
    "LogitBias",
    "MinNewTokens",
    "MinP",
    "Mirostat",
    "Model",
    "ModelOutput",
    "Next",
    "NoRepeatNgram",
    "PLess",
    "PLessNorm",
    "PresencePenalty",
    "Prompt",
    "Quadratic",
    "RepetitionPenalty",
    "Request",
    "Reshape",
    "Score",
    "SequenceBias",
    "Step",
    "StopStrings",
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
    "beam",
    "best",
    "by_model",
    "chain",
    "combine",
    "detect",
    "draw",
    "field",
    "generate",
    "guided",
    "in_auto",
    "lookup",
    "partition",
    "prefill",
    "read_common",
    "resume",
    "rollout",
    "sample",
    "sample_evenly",
    "sample_rows",
    "sample_without_replacement",
    "score",
    "share",
    "speculate",
    "stack",
    "step",
    "stream",
    "transform",
]
