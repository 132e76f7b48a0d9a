"""A tiny model for sweeps: a table of bigrams with a tokenizer of words."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit

from jaxsample import Model, ModelOutput
from jaxsample.study import Source

WORDS = "<eos>", *(f"w{i}" for i in range(1, 20))


def _init_cache(batch, max_length):
    return jnp.zeros((batch, 1))


traced: list[tuple[int, ...]] = []
"""The shape of the tokens in every traced call of the model."""


def _apply(params, tokens, positions, cache):
    traced.append(tokens.shape)
    return ModelOutput(params["table"][tokens], None, cache)


MODEL = Model(_init_cache, _apply)


def bigrams(seed=0):
    """Return a source whose token 0 is both eos and bos."""
    table = 2 * jax.random.normal(jax.random.key(seed), (len(WORDS), len(WORDS)))
    tokenizer = Tokenizer(WordLevel({w: i for i, w in enumerate(WORDS)}, unk_token="<eos>"))
    tokenizer.pre_tokenizer = WhitespaceSplit()
    tokenizer.add_special_tokens(["<eos>"])
    checkpoint = SimpleNamespace(
        model=MODEL,
        params={"table": table},
        tokenizer=tokenizer,
        config=SimpleNamespace(max_length=32),
        generation_config={"eos_token_id": 0, "bos_token_id": 0},
    )
    return Source("bigrams", checkpoint)
