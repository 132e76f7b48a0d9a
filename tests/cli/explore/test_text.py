"""The text of the page is the text of `generate`."""

import dataclasses
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


@pytest.fixture
def ending(source):
    """The tiny model, whose texts end after `PROMPT` and some greedy tokens; the number of them."""
    from jaxsample.cli.explore.reader import Reader
    from jaxsample.cli.explore.writing import write

    ids = source.encode(PROMPT)
    text = write(Reader(source), jaxsample.chain(jaxsample.TopK(1)), ids, [], 0, 8)
    greedy = [token.id for token in text]
    end = next(n for n, token in enumerate(greedy) if n and token not in greedy[:n])
    config = {"bos_token_id": 0, "eos_token_id": greedy[end]}
    checkpoint = source.checkpoint._replace(generation_config=config)
    return source._replace(checkpoint=checkpoint), ids, greedy[: end + 1]


def test_a_text_that_ended_leaves_the_right_rows(ending):
    from jaxsample.cli.explore.reader import Reader
    from jaxsample.cli.explore.writing import write

    source, ids, output = ending
    reader = Reader(source)
    greedy = jaxsample.chain(jaxsample.Temperature(0))
    tokens = list(write(reader, greedy, ids, [], 0, 16))
    assert [token.id for token in tokens] == output
    assert {token.temperature for token in tokens} == {0}
    whole = [*ids, *output]
    np.testing.assert_allclose(
        reader.row(whole).logits,
        Reader(source).row(whole).logits,
        rtol=1e-4,  # float32 in two programs: the one reads a token, the other all of them
        atol=1e-4,
    )


def test_a_text_that_is_stopped_is_kept(source, monkeypatch):
    from jaxsample.cli.explore.reader import Reader
    from jaxsample.cli.explore.writing import write

    reader, ids = Reader(source), source.encode(PROMPT)
    text = write(reader, jaxsample.chain(), ids, [], 3, 16)
    first = [next(text).id for _ in range(3)]
    text.close()
    monkeypatch.setattr(jaxsample, "prefill", None)  # nothing is read again
    reader.decoding([*ids, *first[:2]], 14)


def test_no_token_follows_a_chosen_end(page, source):
    asked = dict(prompt=PROMPT, chain=members("plain"), room=ROOM, output=[4, source.eos[0]])
    assert page.lines("text", **asked) == [{"end": "the model ended the text"}]
    assert "no token can follow" in page.lines("several", **asked)[-1]["error"]


def test_caches_of_eight_texts_are_bounded(page, monkeypatch):
    from jaxsample.cli.explore import several

    monkeypatch.setattr(several, "CACHES", 2**10)
    last = page.lines("several", prompt=PROMPT, chain=members("plain"), room=2)[-1]
    assert "shorten the prompt" in last["error"]


def test_a_text_may_be_as_long_as_the_model_allows(source):
    from jaxsample.cli.explore.asked import read

    config = dataclasses.replace(source.checkpoint.config, max_length=2048)
    long = source.checkpoint._replace(config=config)
    asked = read(b'{"prompt": "a cat", "room": 1000}', source._replace(checkpoint=long))
    assert asked.room == 1000


def test_what_is_kept_is_bounded_in_bytes():
    from jaxsample.cli.explore.reader import _Kept

    kept = _Kept(3000, 1)
    for n in (0, 1, 0, 2, 3):
        kept.put((n,), np.zeros(1000, np.int8))
    assert list(kept.values) == [(2,), (3,)]
    kept.put((4,), np.zeros(5000, np.int8))
    assert list(kept.values) == [(4,)]
