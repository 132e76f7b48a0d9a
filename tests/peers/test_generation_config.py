"""Chains of generation configs, compared with the processors that transformers makes."""

import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsample import Prompt, chain
from jaxsample.interop import from_generation_config, to_generation_config
from tests.interop.settings.systems import TRANSFORMERS

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
pytestmark = pytest.mark.peers

V, R, P, N = 40, 400, 6, 4  # tokens, rows, prompt, output
RNG = np.random.default_rng(5)
HISTORIES = RNG.integers(0, 12, (R, P + N)).astype(np.int32)
ROWS = (3 * RNG.standard_normal((R, V))).astype(np.float32)

PENALTIES = {
    "sequence_bias": [[[3], 2.0], [[4, 5], -1.5]],
    "encoder_repetition_penalty": 1.1,
    "repetition_penalty": 1.3,
    "no_repeat_ngram_size": 2,
    "bad_words_ids": [[7], [8, 9], [2]],
    "exponential_decay_length_penalty": [2, 1.2],
    "suppress_tokens": [11, 12],
    "eos_token_id": 2,
}
CONFIGS = {
    "greedy": PENALTIES,
    "sampled": PENALTIES | {"do_sample": True, "temperature": 0.7, "top_k": 12, "top_p": 0.9},
    "start": {
        "do_sample": True,
        "begin_suppress_tokens": [1, 5],
        "min_new_tokens": 3,
        "eos_token_id": [2, 4],
        "top_k": 0,
        "min_p": 0.02,
    },
    "typical": {
        "do_sample": True,
        "temperature": 1.4,
        "top_k": None,
        "typical_p": 0.9,
        "epsilon_cutoff": 3e-3,
        "eta_cutoff": 2e-2,
    },
    "defaults": {"do_sample": True},
    "counted": {"min_length": P + 2, "max_length": P + N + 1, "forced_eos_token_id": 5,
                "eos_token_id": [2, 5], "do_sample": True},
}  # fmt: skip


@jax.jit
def _ours(sampler, tokens, rows):
    def one(tokens, row):
        drawn = tokens[P:]
        prompt = Prompt(jnp.pad(tokens[:P], (0, N)), jnp.int32(P), jnp.int32(N), V)
        state = sampler.init(None, prompt)
        state = jax.lax.scan(lambda s, t: (sampler.update(s, row, t), ()), state, drawn)[0]
        return sampler(row, state)

    return jax.vmap(one)(tokens, rows)


def _theirs(config, tokens, rows):
    fields = transformers.GenerationConfig(**config)
    for name, value in {"temperature": 1.0, "top_k": 50, "top_p": 1.0}.items():
        if getattr(fields, name) is None and name not in config:
            setattr(fields, name, value)  # as generate does
    eos = config.get("eos_token_id")
    fields._eos_token_tensor = None if eos is None else torch.tensor(eos).reshape(-1)
    model = types.SimpleNamespace(config=types.SimpleNamespace(is_encoder_decoder=False))
    model._merge_criteria_processor_list = lambda default, custom: default
    make = transformers.GenerationMixin._get_logits_processor
    prompts = torch.tensor(tokens[:, :P])
    processors = make(model, fields, input_ids_seq_length=P, encoder_input_ids=prompts)
    assert len(processors) > 0
    return processors(torch.tensor(tokens), torch.tensor(rows)).numpy()


def _probabilities(rows):
    weights = np.exp(rows - rows.max(axis=1, keepdims=True), dtype=np.float64)
    return weights / weights.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("drawn", [0, N])
@pytest.mark.parametrize("name", CONFIGS)
def test_same_kept_sets_and_probabilities(name, drawn):
    config, tokens = CONFIGS[name], HISTORIES[:, : P + drawn]
    theirs = _theirs(config, tokens, ROWS)
    if not config.get("do_sample"):
        theirs = np.where(theirs == theirs.max(axis=1, keepdims=True), 0.0, -np.inf)
    ours = np.asarray(_ours(from_generation_config(config, prompt_length=P), tokens, ROWS))
    differ = np.any((ours > -np.inf) != (theirs > -np.inf), axis=1)
    # The two may round the edge of a row to different sides, which is rare in random rows.
    assert differ.mean() <= 0.005
    np.testing.assert_allclose(
        _probabilities(ours[~differ]), _probabilities(theirs[~differ]), atol=1e-5
    )


def test_every_field_of_transformers_is_explained():
    for name in vars(transformers.GenerationConfig()):
        try:
            from_generation_config({name: "odd"}, strict=True)
        except ValueError as error:
            assert "there is no field" not in str(error), name


@pytest.mark.parametrize("name", sorted(CONFIGS.keys() - {"counted"}))
def test_what_is_written_means_the_same_to_transformers(name):
    """The two rows of a config, written from its chain and as it was, keep the same sets."""
    config = CONFIGS[name]
    written = to_generation_config(from_generation_config(config))
    assert from_generation_config(written) == from_generation_config(config)
    if config.get("do_sample") and written.get("eos_token_id") != config.get("eos_token_id"):
        written["eos_token_id"] = config.get("eos_token_id")  # only rows that need it write it
    given, again = (_theirs(c, HISTORIES, ROWS) for c in (config, written))
    np.testing.assert_array_equal(given > -np.inf, again > -np.inf)
    np.testing.assert_allclose(_probabilities(given), _probabilities(again), atol=1e-6)


@pytest.mark.parametrize("seed", range(2))
def test_random_chains_mean_the_same_to_transformers(seed):
    rng = np.random.default_rng(seed)
    some = [make for make in TRANSFORMERS if rng.random() < 0.4]
    sampler = chain(*(make(float(rng.uniform(0.3, 0.9))) for make in some))
    theirs = _theirs(to_generation_config(sampler), HISTORIES, ROWS)
    ours = np.asarray(_ours(sampler, HISTORIES, ROWS))
    differ = np.any((ours > -np.inf) != (theirs > -np.inf), axis=1)
    assert differ.mean() <= 0.01  # rounded edges, as above
    np.testing.assert_allclose(
        _probabilities(ours[~differ]), _probabilities(theirs[~differ]), atol=1e-5
    )
