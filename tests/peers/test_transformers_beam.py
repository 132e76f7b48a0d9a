"""Beam search, compared with `generate(num_beams=..)` of transformers on the same weights.

transformers reads equal lengths alone here, because it pads prompts on the left.
"""

import functools

import jax.numpy as jnp
import numpy as np
import pytest

from jaxsample import RepetitionPenalty, beam
from jaxsample.interop import beam_arguments
from jaxsample_models import load
from tests.models import reference

pytestmark = pytest.mark.peers
N, P, PAD = 8, 4, 50
SCORES = 1e-4  # two float32 models differ by about 1e-5 a token

# Configurations of one program: a model, the beams and the ids that end a text.
PROGRAMS = [
    ("gpt2", 2, (7,)),
    ("gpt2", 6, (3, 4, 5, 6, 7, 8, 9, 10)),
    ("llama", 3, ()),
    ("llama", 4, tuple(range(20, 32))),
    ("stories260K", 3, (1, 2)),
    ("stories260K", 5, (1, 2, 426, 429)),
]
RULES = [  # nine of them, so 54 comparisons of batches
    (1.0, False),
    (1.0, True),
    (1.0, "never"),
    (0.0, "never"),
    (0.0, False),
    (2.0, "never"),
    (2.0, False),
    (-1.0, True),
    (-1.0, "never"),
]


@pytest.fixture(scope="module")
def both(tmp_path_factory, request):
    """Return a function that loads a model here and in transformers."""
    hub = reference.transformers()

    @functools.cache
    def of(name):
        if name == "stories260K":
            folder = request.getfixturevalue("assets") / name
            if not folder.is_dir():
                pytest.skip("no stories260K among the assets")
            theirs = hub.AutoModelForCausalLM.from_pretrained(folder).eval()
        else:
            theirs = reference.build(name)
            folder = reference.store(theirs, tmp_path_factory.mktemp(name))
        return load(folder), theirs

    return of


def prompts_of(name):
    random = np.random.default_rng(len(name))
    return random.integers(3, 61, (3, P)).astype(np.int32)


def search(model, prompts, beams, eos, penalty, rule, **options):
    """Return the tokens `[B, beams, N]` and scores `[B, beams]` of transformers."""
    import torch

    ids = torch.tensor(prompts, dtype=torch.long)
    out = model.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        num_beams=beams,
        num_return_sequences=beams,
        max_new_tokens=N,
        eos_token_id=list(eos) or None,
        pad_token_id=PAD,
        length_penalty=penalty,
        early_stopping=rule,
        do_sample=False,
        return_dict_in_generate=True,
        output_scores=True,
        **options,
    )
    tokens = out.sequences[:, P:].numpy()
    tokens = np.pad(tokens, ((0, 0), (0, N - tokens.shape[1])), constant_values=PAD)
    return tokens.reshape(-1, beams, N), out.sequences_scores.numpy().reshape(-1, beams)


def ours(checkpoint, prompts, beams, eos, penalty, rule, repetition=1.0):
    """Search with a sampler that changes nothing at 1, so that its tests share their programs."""
    return beam(
        checkpoint.model,
        checkpoint.params,
        prompts,
        RepetitionPenalty(repetition),
        beams=beams,
        max_new_tokens=N,
        eos=eos,
        pad=PAD,
        length_penalty=penalty,
        early_stopping=rule,
        returned=beams,
    )


def agree(out, tokens, scores):
    np.testing.assert_array_equal(out.tokens, tokens)
    np.testing.assert_allclose(out.scores, scores, rtol=0, atol=SCORES * max(1, abs(scores).max()))


@pytest.mark.parametrize(("name", "beams", "eos"), PROGRAMS)
def test_beams_equal_transformers(both, name, beams, eos):
    checkpoint, theirs = both(name)
    prompts = prompts_of(name)
    for penalty, rule in RULES:
        expected = search(theirs, prompts, beams, eos, penalty, rule)
        agree(ours(checkpoint, prompts, beams, eos, penalty, rule), *expected)


def test_processors_change_log_probabilities_that_are_not_normalised_again(both):
    checkpoint, theirs = both("gpt2")
    prompts = prompts_of("gpt2")
    given = prompts, 2, (7,), 1.0, False
    expected = search(theirs, *given, repetition_penalty=1.4)
    agree(ours(checkpoint, *given, repetition=1.4), *expected)


@pytest.mark.parametrize("renormalised", [True, False])
def test_the_arguments_of_a_config_search_as_transformers_does(both, renormalised):
    """A config as Marian's, whose fields count the prompt."""
    checkpoint, theirs = both("gpt2")
    prompts = prompts_of("gpt2")
    fields = {"min_length": P + 5, "forced_eos_token_id": 9, "bad_words_ids": [[11], [3]],
              "no_repeat_ngram_size": 2, "renormalize_logits": renormalised}  # fmt: skip
    expected = search(theirs, prompts, 3, (9, 20, 21, 22), 1.0, True, **fields)
    config = {**fields, "max_length": P + N, "num_beams": 3, "eos_token_id": [9, 20, 21, 22],
              "early_stopping": True, "pad_token_id": PAD, "num_return_sequences": 3}  # fmt: skip
    arguments = beam_arguments(config, prompt_length=P)
    agree(beam(checkpoint.model, checkpoint.params, prompts, **arguments), *expected)


def test_one_beam_that_stops_early_is_greedy(both):
    import torch

    checkpoint, theirs = both("gpt2")
    prompts, eos = prompts_of("gpt2"), tuple(range(20, 32))
    out = ours(checkpoint, prompts, 1, eos, 0.0, True)
    ids = torch.tensor(prompts, dtype=torch.long)
    expected = theirs.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        max_new_tokens=N,
        eos_token_id=list(eos),
        pad_token_id=PAD,
        do_sample=False,
    )[:, P:]
    expected = jnp.pad(expected.numpy(), ((0, 0), (0, N - expected.shape[1])), constant_values=PAD)
    np.testing.assert_array_equal(out.tokens[:, 0], expected)
