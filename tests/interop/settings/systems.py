"""The members that each system has, in its order, and its writer and reader."""

import json
from functools import partial

from jaxsample import (
    DRY,
    XTC,
    AdaptiveP,
    Allow,
    BadWords,
    DynamicTemperature,
    Epsilon,
    Eta,
    ExponentialLengthDecay,
    FrequencyPenalty,
    MinNewTokens,
    MinP,
    NoRepeatNgram,
    PresencePenalty,
    Quadratic,
    RepetitionPenalty,
    SequenceBias,
    Suppress,
    TailFree,
    Temperature,
    TopA,
    TopH,
    TopK,
    TopNSigma,
    TopP,
    Typical,
)
from jaxsample.interop import (
    from_generation_config,
    from_llama_options,
    from_mlx_arguments,
    from_ollama_options,
    from_sampling_params,
    from_sglang_params,
    from_webui_preset,
    to_generation_config,
    to_llama_options,
    to_mlx_arguments,
    to_ollama_options,
    to_sampling_params,
    to_sglang_params,
    to_webui_preset,
)
from tests.interop.settings.words import EOS, tokenizer


def written(write):
    """Return the function that writes a chain as JSON and reads the JSON."""
    return lambda sampler: json.loads(json.dumps(write(sampler)))


# The members that each system has, in its order, from random numbers in (0, 1).
TRANSFORMERS = (
    lambda u: SequenceBias([[3], [4, 5]], [u, -2 * u]),
    lambda u: RepetitionPenalty(0.5 + u, scope="prompt"),
    lambda u: RepetitionPenalty(0.5 + u),
    lambda u: NoRepeatNgram(1 + int(4 * u)),
    lambda u: BadWords([[7], [8, 9 + int(4 * u)]]),
    lambda u: MinNewTokens(2 + int(9 * u), [2, 4]),
    lambda u: ExponentialLengthDecay(int(9 * u), 0.5 + u, [2, 4]),
    lambda u: Suppress([11, 12 + int(9 * u)]),
    lambda u: MinNewTokens(1, [6, 7 + int(9 * u)]),
    lambda u: Temperature(0.1 + u),
    lambda u: TopH(u),
    lambda u: TopK(1 + int(90 * u)),
    lambda u: TopP(u),
    lambda u: MinP(u),
    lambda u: Typical(u),
    lambda u: Epsilon(u / 9),
    lambda u: Eta(u / 9),
)
VLLM = (
    lambda u: Allow([1, 2, 3 + int(9 * u)]),
    lambda u: BadWords([[7], [1], [8], [12, 12 + int(4 * u)]]),
    lambda u: MinNewTokens(1 + int(9 * u), [2, 4]),
    lambda u: SequenceBias([[3], [4]], [u, -2 * u]),
    lambda u: RepetitionPenalty(0.5 + u),
    lambda u: FrequencyPenalty(u - 0.5, scope="output"),
    lambda u: PresencePenalty(u - 0.5, scope="output"),
    lambda u: Temperature(u),
    lambda u: MinP(u),
    lambda u: TopK(1 + int(90 * u)),
    lambda u: TopP(u),
)
LLAMA = (
    lambda u: SequenceBias([[3], [4]], [u, -2 * u]),
    lambda u: RepetitionPenalty(0.5 + u, window=33),
    lambda u: FrequencyPenalty(u - 0.5, window=33),
    lambda u: PresencePenalty(u - 0.5, window=33),
    lambda u: TopNSigma(3 * u),
    lambda u: TopK(1 + int(90 * u)),
    lambda u: Typical(u),
    lambda u: TopP(u),
    lambda u: MinP(u),
    lambda u: XTC(u / 2, u),
    lambda u: DynamicTemperature(u, 1 + u, 0.5 + u) if u < 0.5 else Temperature(u),
    lambda u: AdaptiveP(u, u),
)
OLLAMA = (*LLAMA[1:4], *LLAMA[5:9], lambda u: Temperature(u))
WEBUI = (
    lambda u: RepetitionPenalty(0.5 + u, window=33),
    lambda u: PresencePenalty(u - 0.5, window=33),
    lambda u: FrequencyPenalty(u - 0.5, window=33),
    lambda u: DRY(u, 1 + u, 1 + int(4 * u), breakers=[[4], [11], [6], [7]], window=33),
    lambda u: TopNSigma(3 * u),
    lambda u: Temperature(u),
    lambda u: DynamicTemperature(u, 1 + u, 0.5 + u),
    lambda u: Quadratic(u, 1 + u),
    lambda u: TopK(1 + int(90 * u)),
    lambda u: TopP(u),
    lambda u: Typical(u),
    lambda u: Epsilon(u / 9),
    lambda u: Eta(u / 9),
    lambda u: TailFree(u),
    lambda u: TopA(u),
    lambda u: MinP(u),
    lambda u: XTC(u / 2, u, keep=[4, EOS], spare="row"),
    lambda u: NoRepeatNgram(1 + int(4 * u)),
)
MLX = (
    lambda u: SequenceBias([[3], [4]], [u, -2 * u]),
    lambda u: RepetitionPenalty(0.5 + u),
    lambda u: PresencePenalty(u - 0.5, window=20),
    lambda u: FrequencyPenalty(u - 0.5, window=1 + int(90 * u)),
    lambda u: TopP(u),
    lambda u: MinP(u),
    lambda u: XTC(u / 2, u, keep=[4, 0]),
    lambda u: TopK(1 + int(90 * u)),
    lambda u: Temperature(u),
)
SGLANG = (
    lambda u: FrequencyPenalty(u - 0.5, scope="output"),
    lambda u: PresencePenalty(u - 0.5, scope="output"),
    lambda u: MinNewTokens(1 + int(9 * u), [2, 4]),
    lambda u: RepetitionPenalty(0.5 + u, scope="output"),
    lambda u: SequenceBias([[3], [4]], [u, -2 * u]),
    lambda u: Temperature(u),
    lambda u: TopP(u),
    lambda u: TopK(1 + int(90 * u)),
    lambda u: MinP(u),
)
WORDS = tokenizer()
SYSTEMS = {
    "transformers": (TRANSFORMERS, written(to_generation_config), from_generation_config),
    "vllm": (
        VLLM,
        written(partial(to_sampling_params, tokenizer=WORDS)),
        partial(from_sampling_params, tokenizer=WORDS),
    ),
    "llama.cpp": (LLAMA, written(to_llama_options), from_llama_options),
    "ollama": (OLLAMA, written(to_ollama_options), from_ollama_options),
    "webui": (
        WEBUI,
        written(partial(to_webui_preset, tokenizer=WORDS, eos=EOS)),
        partial(from_webui_preset, tokenizer=WORDS, eos=EOS),
    ),
    "mlx": (MLX, written(to_mlx_arguments), from_mlx_arguments),
    "sglang": (SGLANG, written(to_sglang_params), from_sglang_params),
}
