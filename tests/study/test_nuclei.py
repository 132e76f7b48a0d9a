"""Sizes of nuclei and cut tokens against the definition, and the whole study of a tiny model."""

import json

import jax.numpy as jnp
import numpy as np
import pytest

from jaxsample import Temperature, TopP, chain
from jaxsample.study import Item, nuclei, read_results
from jaxsample.study.measures._exact import nuclei as read_nuclei
from tests.study.models import WORDS, bigrams

T, P = [0.25, 0.7, 1.0, 1.5], [0.0, 0.15, 0.5, 0.83, 0.995, 1.0]
ITEMS = [Item("a", "w1 w2"), Item("b", "w3"), Item("c", "w4 w1")]


def tied():
    """Return the bigrams with logits rounded to halves, so that many are equal."""
    source = bigrams()
    source.checkpoint.params["table"] = jnp.round(2 * source.checkpoint.params["table"]) / 2
    return source


def oracle(logits, t, p):
    """The size of a nucleus and the probability of the likeliest token that it cuts."""
    plain = np.exp(np.asarray(logits, np.float64))
    plain, probs = plain / plain.sum(), plain ** (1 / t) / np.sum(plain ** (1 / t))
    kept = np.asarray([p >= 1 or probs[probs > q].sum() < p or q == probs.max() for q in probs])
    return kept.sum(), plain[~kept].max(initial=0.0)


@pytest.mark.parametrize("source", [bigrams(), tied()], ids=["apart", "tied"])
def test_nuclei_are_those_of_the_definition(source):
    table = np.asarray(source.checkpoint.params["table"])
    prompts, texts = [[0, 3, 5], [0, 7]], [[1, 2, 3, 4, 5], [9, 0]]
    found = list(read_nuclei(source, T, P, prompts, texts))
    for prompt, text, seen in zip(prompts, texts, found, strict=True):
        before = [prompt[-1], *text[:-1]]
        wanted = np.asarray([[[oracle(table[b], t, p) for p in P] for t in T] for b in before])
        np.testing.assert_array_equal(seen[..., 0], wanted[..., 0])
        np.testing.assert_allclose(seen[..., 1], wanted[..., 1], atol=1e-6)


@pytest.fixture(scope="module")
def studied(tmp_path_factory):
    out = tmp_path_factory.mktemp("nuclei")
    nuclei(bigrams(), ITEMS, out, max_new_tokens=20, batch_size=8, quick=True)
    return out


def test_the_table_counts_the_nuclei_of_the_texts(studied):
    rows = [json.loads(line) for line in (studied / "rows.jsonl").read_text().splitlines()]
    assert {row["setting"] for row in rows} == {"T 1, p 1"}
    source = bigrams()
    table = np.asarray(source.checkpoint.params["table"])
    sampler = chain(Temperature(0.7), TopP(0.9))
    kept = [int(jnp.sum(sampler(jnp.asarray(logits)) > -jnp.inf)) for logits in table]
    of_item = {item.id: [] for item in ITEMS}
    for row in rows:
        before = [source.encode(row["prompt"])[-1], *row["tokens"][:-1]]
        of_item[row["item"]] += [kept[b] for b in before]
    every = np.concatenate(list(of_item.values()))
    found = read_results(studied)
    line = next(
        row
        for row in found["tables"][0]["rows"]
        if (row["temperature"], row["top_p"]) == (0.7, 0.9)
    )
    assert line["median"] == np.median(every) and line["most"] == every.max()
    single = np.mean([np.mean(np.equal(sizes, 1)) for sizes in of_item.values()])
    assert line["one"]["value"] == pytest.approx(single)
    assert line["few"]["value"] == 1.0  # there are 20 tokens
    assert any(f"of {len(WORDS)}" in note for note in found["notes"])


def test_charts_are_drawn(studied):
    names = {one["name"] for one in read_results(studied)["charts"]}
    assert names == {"text", "positions", "temperatures", "sizes", "few", "median"}
    assert names == {path.stem for path in studied.glob("*.png")}
