"""Chains from the options of llama.cpp, and such options from chains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jaxsample.interop.settings._llama_cpp_table import SAMPLERS, TABLE
from jaxsample.interop.settings._sources import check, opened
from jaxsample.interop.settings._strings import breaker_sequences, texts
from jaxsample.interop.settings._structured import automata
from jaxsample.interop.settings._values import ids, is_whole, named, number, pairs_of, token_id
from jaxsample.transforms.contract._chain import Chain, chain
from jaxsample.transforms.contract._transform import Transform
from jaxsample.transforms.penalties._dry import DRY

BREAKERS = ["\n", ":", '"', "*"]


def from_llama_options(
    options: Mapping[str, Any],
    *,
    tokenizer: Any = None,
    vocabulary: Sequence[bytes | None] | None = None,
    eos: int | Sequence[int] = (),
) -> Chain:
    """Make the chain that samples as llama.cpp does under the options of a request to its server.

    The order is that of `samplers`, by default penalties over the last 64 tokens, DRY, top-n-sigma,
    top-k 40, typical, top-p 0.95, min-p 0.05, XTC, temperature 0.8; a bias comes first. Mirostat
    replaces all of them but the temperature, and adaptive-p comes last. Options of lengths, ends,
    records and of the server are ignored.

    Three things differ. llama.cpp cuts inside of ties, we keep all of a tie. Its mirostat measures
    the surprise of a token among those it kept, ours among all, and in version 1 it rounds k down.
    `repeat_last_n` and `dry_penalty_last_n` of -1 mean the whole context, here all tokens.

    Args:
        options: of a request to `/completion`; absent and null ones have the server's defaults.
        tokenizer: a `Text` or a `tokenizers.Tokenizer`. `DRY` needs it for its breakers, which are
            strings, and so do texts in `logit_bias`, whose tokens all get the bias.
        vocabulary, eos: as for `from_sampling_params`; `json_schema` and `response_format` need
            them, and `ignore_eos` needs `eos`. The white space inside JSON is that of
            `from_json_schema`.

    Raises:
        ValueError: if an option is unknown, out of range, or needs something that a chain cannot
            do, or an argument that is not given. The message names the option.

    Reference: https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md

    >>> from_llama_options({"top_k": 20, "top_p": 1, "min_p": 0, "repeat_penalty": 1.1})
    chain(RepetitionPenalty(penalty=1.1, window=64), TopK(k=20), Temperature(value=0.8))
    """
    with opened(options, "options of llama.cpp", TABLE) as fields:
        check(TABLE, fields)
        if "json_schema" in fields and "grammar" in fields:
            raise ValueError("grammar replaces json_schema there; give one of them")
        form = automata(TABLE.forms, fields, vocabulary, ids(eos))
        if "samplers" in fields:
            fields["samplers"] = _stages(fields["samplers"])
        if "logit_bias" in fields:
            with named("logit_bias"):
                fields["logit_bias"] = _bias(fields["logit_bias"], tokenizer)
        if fields.get("ignore_eos"):
            if not ids(eos):
                raise ValueError("ignore_eos needs eos")
            ends = dict.fromkeys(ids(eos), float("-inf"))
            fields["logit_bias"] = fields.get("logit_bias", {}) | ends
        if fields.get("dry_multiplier"):
            strings = fields.get("dry_sequence_breakers", BREAKERS)
            listed = isinstance(strings, list) and all(isinstance(s, str) for s in strings)
            if not (listed and strings):
                raise ValueError(
                    f"dry_sequence_breakers must be a list of strings, got {strings!r}"
                )
            fields["dry_sequence_breakers"] = breaker_sequences(strings, tokenizer)
        return chain(*form, TABLE.read(fields))


def to_llama_options(
    sampler: Transform, *, tokenizer: Any = None, breakers: Sequence[str] = tuple(BREAKERS)
) -> dict[str, Any]:
    """Return the options under which llama.cpp samples as a chain does.

    `from_llama_options` makes the same chain of them, without members that change nothing. A window
    of all tokens is written as -1; the newest servers refuse it, so set their context's length.

    Args:
        sampler: a chain of transforms that llama.cpp has, in any order of its `samplers`.
        tokenizer: as for `from_llama_options`; `DRY` needs it.
        breakers: the strings whose tokens are the breakers of `DRY`.

    Raises:
        ValueError: if llama.cpp has no option for a member, or runs the members in another order.
            The message names the member.

    Reference: https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md

    >>> to_llama_options(chain(TopK(20), Temperature(0.8)))
    {'top_p': 1, 'min_p': 0, 'top_k': 20}
    """
    members = list(chain(sampler))
    options = TABLE.write(members)
    if any(isinstance(member, DRY) for member in members) and "dry_sequence_breakers" in options:
        if options["dry_sequence_breakers"] != breaker_sequences(breakers, tokenizer):
            raise ValueError(f"the breakers of DRY are not the tokens of {list(breakers)!r}")
        options["dry_sequence_breakers"] = list(breakers)
    if "logit_bias" in options:  # JSON has no infinity
        pairs = options["logit_bias"].items()
        if float("inf") in options["logit_bias"].values():
            raise ValueError("llama.cpp has no bias of inf; put Allow(tokens) or a large number")
        options["logit_bias"] = [[t, False if b == float("-inf") else b] for t, b in pairs]
    return options


def _stages(samplers: Any) -> list[str]:
    """Return the stages that `samplers` names, or that a text of their letters does."""
    letters = {letter: name for name, letter in SAMPLERS.items()}
    text = isinstance(samplers, str)
    if not text and not (isinstance(samplers, list) and all(isinstance(s, str) for s in samplers)):
        raise ValueError(f"samplers must be names or a text of letters, got {samplers!r}")
    names = [letters.get(s, s) for s in samplers] if text else samplers
    for name in names:
        if name not in SAMPLERS:
            raise ValueError(f"samplers: there is no {name!r}, only {', '.join(SAMPLERS)}")
    if len(set(names)) < len(names):
        raise ValueError(f"samplers: every sampler can run once, got {names!r}")
    return list(names)


def _bias(given: Any, tokenizer: Any) -> dict[int, float]:
    """Return the bias of each token; False drops it, and a text stands for its tokens.

    Digits are a text in a pair and a token id as the name of an object's member.
    """
    bias: dict[int, float] = {}
    for token, value in pairs_of(given):
        if value is True:
            raise ValueError(f"logit_bias: the bias of {token!r} must be a number or false")
        value = float("-inf") if value is False else number(value)
        if isinstance(token, str) and not (isinstance(given, Mapping) and is_whole(token)):
            text = texts(tokenizer, f"logit_bias holds the text {token!r}")
            tokens = text.encode(token, special=False)
        else:
            tokens = [token_id(token)]
        for t in tokens:
            bias[t] = bias.get(t, 0.0) + value
    return bias
