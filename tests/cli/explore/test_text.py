"""The text of the page is the text of `generate`."""

import re

import jax
import numpy as np
import pytest

import jaxsample
from jaxsample.cli.chains import read_chain
from jaxsample.interop import Transcript, to_dict
from jaxsample.study import distinct, self_bleu

PROMPT = "a cat saw"
ROOM = 8
CHAINS = {
    "plain": "temperature=2",
    "stateful": "repetition_penalty=1.5:output,mirostat=3:.2,xtc=.05:.5",
}


def members(name):
    return [to_dict(member) for member in read_chain(CHAINS[name])]


def expected(source, name, seed):
    """What `generate --seed -n 8` draws, as rows of ids, and its records."""
    ids = source.encode(PROMPT)
    prompts = np.asarray([ids], np.int32)
    found = jaxsample.generate(
        jax.random.key(seed),
        source.checkpoint.model,
        source.checkpoint.params,
        prompts,
        jaxsample.chain(*read_chain(CHAINS[name])),
        max_new_tokens=ROOM,
        eos=source.eos,
        samples=8,
        record=("logprobs", "model_logprobs"),
    )
    lengths = np.asarray(found.lengths)[0]
    rows = [row[:n].tolist() for row, n in zip(np.asarray(found.tokens)[0], lengths, strict=True)]
    return rows, found


@pytest.mark.parametrize("name", CHAINS)
def test_a_text_is_that_of_generate_also_when_it_is_continued(page, source, name):
    (wanted, *_), found = expected(source, name, 3)
    asked = dict(prompt=PROMPT, chain=members(name), seed=3, room=ROOM)
    lines = [line for line in page.lines("text", **asked) if "id" in line]
    assert [line["id"] for line in lines] == wanted
    logprobs = np.log([line["probability"] for line in lines])
    # Both are float32 log-probabilities; another program rounds them in another way.
    np.testing.assert_allclose(logprobs, found.logprobs[0, 0, : len(wanted)], atol=1e-5)
    for begin in (1, len(wanted) // 2):
        assert page.tokens(**asked, output=wanted[:begin]) == wanted[begin:]


def test_eight_continuations_are_the_samples_of_generate(page, source):
    rows, found = expected(source, "plain", 3)
    asked = dict(prompt=PROMPT, chain=members("plain"), seed=3, room=ROOM)
    last = page.lines("several", **asked)[-1]
    ids = source.encode(PROMPT)
    for text, row in zip(last["texts"], rows, strict=True):
        transcript = Transcript(source.tokenizer, ids)
        assert text == "".join(map(transcript.add, row)) + transcript.rest()
    words = [text.split() for text in last["texts"]]
    shown = [distinct(words, 1), distinct(words, 2), self_bleu(last["texts"])]
    numbers = re.findall(r"<dd>(-?[\d.]+)", last["html"])
    assert [float(n) for n in numbers[:3]] == pytest.approx(shown, abs=0.06)  # they are rounded
    each = zip(found.model_logprobs[0], found.lengths[0], strict=True)
    means = [row[:n].mean() for row, n in each]
    assert float(numbers[3]) == pytest.approx(np.mean(means), abs=1e-3)


def test_a_chosen_token_leads_to_the_row_that_follows_it(page, source):
    """The first of the greedy tokens is the likeliest of a row that was read from the beginning."""
    chosen = [source.tokenizer.token_to_id(word) for word in ("saw", "dog")]
    greedy = [to_dict(jaxsample.TopK(1))]
    after = page.tokens(prompt=PROMPT, chain=greedy, room=3, output=chosen)
    whole = page.row(prompt=f"{PROMPT} saw dog", chain=greedy)
    likeliest = re.search(r'data-token="(\d+)"', whole["html"])
    assert likeliest and after == [int(likeliest[1])]
