"""The command generate: its text, its remarks and its JSON."""

import json
import math
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import jaxsample
from jaxsample.cli import decoding
from jaxsample.cli.json_lines import KEYS
from jaxsample.cli.opening import open_model
from jaxsample.learn import Policy, save

TINY = "the cat", "--seed", "7", "--max-new-tokens", "11", "--temperature", "0.9"


def test_stdout_holds_the_text_alone(cli, tiny):
    run = cli("generate", *TINY, "--model", tiny)
    assert run.status == 0
    assert run.out.startswith("the cat ") and run.out.endswith("\n")
    assert run.out.count("\n") == 1
    assert "<" not in run.out and "\x1b" not in run.out
    assert run.err.startswith("chain(Temperature(value=0.9)) · tiny · --seed 7\n")


def test_a_seed_repeats_its_text_and_the_first_of_many(cli, tiny):
    once = cli("generate", *TINY, "--model", tiny).out
    assert cli("generate", *TINY, "--model", tiny).out == once
    assert cli("generate", *TINY, "--model", tiny, "--seed", "8").out != once
    three = cli("generate", *TINY, "--model", tiny, "-n", "3").out
    texts = three.removesuffix("\n").split("\n\n")
    assert len(texts) == 3 and len(set(texts)) == 3
    assert texts[0] + "\n" == once


def test_a_fresh_seed_is_printed_and_can_be_repeated(cli, tiny):
    fresh = "the cat", "--model", tiny, "--max-new-tokens", "11", "--temperature", "0.9"
    first = cli("generate", *fresh)
    (seed,) = re.findall(r"--seed (\d+)", first.err)
    assert cli("generate", *fresh, "--seed", seed).out == first.out


def test_json_lines_hold_what_the_library_drew(cli, tiny):
    run = cli("generate", *TINY, "--model", tiny, "-n", "3", "--json")
    assert run.status == 0
    texts = sorted((json.loads(line) for line in run.out.splitlines()), key=lambda t: t["sample"])
    assert [tuple(text) for text in texts] == [KEYS] * 3
    plain = cli("generate", *TINY, "--model", tiny, "-n", "3").out.removesuffix("\n").split("\n\n")
    for n, text in enumerate(texts):
        assert (text["sample"], text["seed"], text["model"]) == (n, 7, "tiny")
        assert text["sampler"] == "chain(Temperature(value=0.9))"
        assert text["prompt"] + text["text"] == plain[n]
        count = len(text["tokens"])
        assert all(len(text[name]) == count for name in KEYS[-3:])
        ended = text["tokens"][-1] == 1
        assert text["finish_reason"] == ("stop" if ended else "length")
        assert ended or count == 11
    clash = cli("generate", *TINY, "--model", tiny, "--json", "--color", "entropy")
    assert clash.status == 2 and "--color and --json" in clash.err


def test_statistics(cli, tiny):
    run = cli("generate", *TINY, "--model", tiny, "-n", "3", "--stats")
    numbers = r"^tokens +\d+, [\d,]+ tokens/s.*^entropy +[\d.]+ nats.*^log-probability +-[\d.]+"
    assert re.search(numbers, run.err, re.DOTALL | re.MULTILINE)
    assert "\x1b" not in run.out and "■" not in run.err


def test_the_room_that_is_left(cli, tiny):
    run = cli("generate", "cat " * 40, "--model", tiny, "--temperature", "0.9")
    assert run.status == 0
    assert "leaves room for 7 new tokens" in run.err
    assert len(run.out.split()) <= 47


def test_words_the_model_does_not_know_are_named(cli, tiny):
    run = cli("generate", "the quark saw", *TINY[1:], "--model", tiny)
    assert run.status == 0
    assert "not in the vocabulary: quark" in run.err


@pytest.mark.parametrize("samples", ["1", "2"])
def test_an_interruption_leaves_the_text_so_far(cli, tiny, monkeypatch, samples):
    def interrupted(*_):
        piece = decoding.Piece(0, 8, " ran", False, -1.0, -1.0, 1.0)
        yield decoding.Chunk([piece], 0.1)
        raise KeyboardInterrupt

    monkeypatch.setattr("jaxsample.cli.generate.decode", interrupted)
    run = cli("generate", *TINY, "--model", tiny, "-n", samples)
    assert run.status == 130
    assert run.out.startswith("the cat ran\n")
    assert "Traceback" not in run.err


def test_chunks_are_the_library_s_own_tokens(tiny):
    """Padding, buckets and chunks do not change the tokens that `generate` draws."""
    source, sampler = open_model(tiny), jaxsample.chain(jaxsample.Temperature(0.9))
    ids = source.encode("the cat")
    chunks = list(decoding.decode(source, ids, sampler, 7, 2, 11))
    expected = jaxsample.generate(
        jax.random.key(7), source.checkpoint.model, source.checkpoint.params, jnp.asarray([ids]),
        sampler, max_new_tokens=11, eos=source.eos, samples=2, record=decoding.RECORD,
    )  # fmt: skip
    for g in range(2):
        pieces = [p for chunk in chunks for p in chunk.pieces if p.sample == g]
        n = int(expected.lengths[0, g])
        assert len(pieces) == n
        eos = int(expected.tokens[0, g, n - 1]) in source.eos
        assert [p.ended for p in pieces] == [False] * (n - 1) + [eos]
        text = source.tokenizer.decode([*ids, *np.asarray(expected.tokens)[0, g, :n].tolist()])
        assert "the cat" + "".join(p.text for p in pieces) == text
        for name, field in (("logprob", "logprobs"), ("entropy", "entropy")):
            mine = [getattr(p, name) for p in pieces]
            theirs = np.asarray(getattr(expected, field))[0, g, :n]
            np.testing.assert_allclose(mine, theirs, atol=1e-5)
        assert all(math.isfinite(p.model_logprob) for p in pieces)


def test_an_invalid_row_is_blamed_on_the_model_or_on_the_sampler(tiny):
    source = open_model(tiny)
    ids = source.encode("the cat")
    broken = jaxsample.chain(jaxsample.Function(lambda logits: logits.at[0].set(jnp.nan)))
    with pytest.raises(ValueError, match="the sampler .* logits of tiny are valid"):
        next(decoding.decode(source, ids, broken, 7, 1, 11))
    params = jax.tree.map(lambda x: x * jnp.nan, source.checkpoint.params)
    source = source._replace(checkpoint=source.checkpoint._replace(params=params))
    with pytest.raises(ValueError, match="the logits of tiny hold a NaN.* check its weights"):
        next(decoding.decode(source, ids, jaxsample.chain(), 7, 1, 11))


@pytest.mark.slow
def test_a_real_story(cli, stories):
    run = cli("generate", "--model", stories, "--temperature", "0", "--seed", "1")
    assert run.status == 0
    assert run.out.startswith("Once upon a time, there was a little girl named Lily.")


@pytest.mark.slow
def test_a_real_prompt_with_every_flag(cli, stories):
    flags = "--edt 1.2 0.5 --top-k 40 --top-p 0.95 --min-p 0.02 --seed 3 --max-new-tokens 30"
    run = cli("generate", "The dog saw", "--model", stories, *flags.split())
    assert run.status == 0
    assert run.out.startswith("The dog saw")
    assert "MinP(p=0.02)) · stories260K · --seed 3" in " ".join(run.err.split())


def test_the_embedded_model_tells_a_fresh_story(cli):
    jaxsample_models = pytest.importorskip("jaxsample_models")
    try:
        jaxsample_models.embedded()
    except jaxsample_models.CheckpointError:
        pytest.skip("this installation has no story model")
    run = cli("generate", "--seed", "1", "--stats")
    assert run.status == 0
    assert "Once upon a time" in run.out and "<" not in run.out
    assert "the embedded story model" in run.err


def test_a_learned_policy_runs_before_the_other_flags(cli, tiny, tmp_path):
    policy = Policy(width=4, rngs=nnx.Rngs(0))
    save(policy, tmp_path / "policy")
    run = cli("generate", *TINY, "--model", tiny, "--policy", tmp_path / "policy")
    assert run.status == 0
    assert run.err.startswith("chain(Learned(Policy('temperature'")
    assert run.out == cli("generate", *TINY, "--model", tiny).out  # a fresh policy is neutral
    nothing = cli("generate", *TINY, "--model", tiny, "--policy", tmp_path)
    assert nothing.status == 2 and "--policy: " in nothing.err
    assert "there is no " in nothing.err and "sampler.json" in nothing.err
    assert str(tmp_path) in nothing.err
    save(Policy(hidden_size=3, rngs=nnx.Rngs(0)), tmp_path / "other")
    other = cli("generate", *TINY, "--model", tiny, "--policy", tmp_path / "other")
    assert other.status == 2 and "make a policy with hidden_size=" in other.err
