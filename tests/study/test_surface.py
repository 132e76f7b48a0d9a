"""Exact entropies, the curve of equal entropy, and the whole surface study."""

import csv
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsample import Temperature, TopP, chain
from jaxsample.study import Item, read_results, surface
from jaxsample.study.measures._equal_entropy import FORMS, equal_p, fit
from jaxsample.study.measures._exact import entropies
from jaxsample.study.protocols._surface_law import law
from jaxsample.study.protocols._surface_tables import Surface
from jaxsample.transforms.rows._moments import entropy
from jaxsample.transforms.rows._row import Row
from tests.study.models import bigrams

PROMPTS = [[0, 3, 5], [0, 7]]
TEXTS = [[1, 2, 3, 4, 5], [9, 0]]
T, P = [0.25, 0.7, 1.0, 1.5], [0.0, 0.15, 0.5, 0.83, 0.995, 1.0]
ITEMS = [Item("a", "w1 w2"), Item("b", "w3"), Item("c", "w4 w1", ("w2 w3",))]


def tied():
    """Return the bigrams with logits rounded to halves, so that many are equal."""
    source = bigrams()
    source.checkpoint.params["table"] = jnp.round(2 * source.checkpoint.params["table"]) / 2
    return source


def oracle(logits, t, p):
    scaled = np.asarray(logits, np.float64) / t
    probs = np.exp(scaled - scaled.max())
    probs /= probs.sum()
    kept = [p >= 1 or probs[probs > q].sum() < p or q == probs.max() for q in probs]
    left = probs[kept] / probs[kept].sum()
    return -np.sum(left * np.log(left))


@pytest.mark.parametrize("source", [bigrams(), tied()], ids=["apart", "tied"])
def test_exact_entropies_are_those_of_the_definition(source):
    table = np.asarray(source.checkpoint.params["table"])
    found = list(entropies(source, T, P, PROMPTS, TEXTS))
    for prompt, text, seen in zip(PROMPTS, TEXTS, found, strict=True):
        before = [prompt[-1], *text[:-1]]
        wanted = [[[oracle(table[b], t, p) for p in P] for t in T] for b in before]
        np.testing.assert_allclose(seen, wanted, atol=2e-6)


def test_exact_entropies_are_those_of_the_samplers():
    source = tied()
    (found,) = entropies(source, T, P, PROMPTS[:1], TEXTS[:1])
    logits = source.checkpoint.params["table"][jnp.asarray([5, 1, 2, 3, 4])]

    @jax.jit
    def of(logits, t, p):
        return entropy(Row.of(chain(Temperature(t), TopP(p))(logits)))

    for i, t in enumerate(T):
        for j, p in enumerate(P):
            wanted = [float(of(row, jnp.float32(t), jnp.float32(p))) for row in logits]
            np.testing.assert_allclose(found[:, i, j], wanted, atol=2e-6)


def test_a_text_must_fit_the_model():
    with pytest.raises(ValueError, match="does not fit 32 positions"):
        list(entropies(bigrams(), T, P, [[0]], [[1] * 32]))


def test_equal_entropy_by_hand():
    p = np.array([0.0, 0.25, 0.5, 0.75, 1.0])
    known = np.array([0.0, 0.2, 0.2, 0.6, 1.0])
    found = equal_p(np.array([0.1, 0.4, 1.0, 1.1, -0.1]), known, p)
    np.testing.assert_allclose(found, [0.125, 0.625, 1.0, np.nan, np.nan])
    assert 0.25 <= equal_p(np.array([0.2]), known, p)[0] <= 0.5


@pytest.mark.parametrize("form", FORMS)
def test_a_fit_finds_the_parameter_of_its_form(form):
    t, a = np.linspace(0.1, 0.9, 9), np.array([0.3, 1.0, 4.0, np.nan])
    curves = FORMS[form](t, a[:, None])
    curves[1, :3] = np.nan
    found = fit(FORMS[form], t, curves)
    np.testing.assert_allclose(found.a, a, rtol=1e-6)
    np.testing.assert_allclose(found.largest, [0, 0, 0, np.nan], atol=1e-6)


def made(name, exponent, t, p):
    """Return a model whose entropy is p at (1, p) and T**exponent at (T, 1), for three prompts."""
    level = np.ones(3)
    cold, cut = np.outer(t**exponent, level), np.outer(p, level)
    return Surface(name, name, (1.0,), (1.0,), {}, np.ones((1, 1, 3)), cold, cut)


def test_the_law_of_models_worked_by_hand():
    t, p = np.arange(0.25, 1, 0.25), np.linspace(0, 1, 101)
    found = law([made("root", 0.5, t, p), made("line", 1.0, t, p)], t.tolist(), p.tolist())
    curves, fits, gaps = (one["rows"] for one in found["tables"])
    np.testing.assert_allclose([row["p"]["value"] for row in curves[:3]], t**0.5)
    np.testing.assert_allclose([row["p"]["ci"] for row in curves[3:]], np.stack([t, t], 1))
    power = [row for row in fits if row["form"] == "p = T^a"]
    assert [row["model"] for row in power] == ["root", "line", "one a for all models"]
    np.testing.assert_allclose([row["a"]["value"] for row in power[:2]], [0.5, 1.0], rtol=1e-3)
    assert power[0]["residual"] < 1e-3 < power[2]["residual"]
    # sqrt(T) - T is largest at T = 0.25.
    assert gaps == [
        {
            "first": "root",
            "second": "line",
            "temperature": 0.25,
            "gap": {"value": pytest.approx(0.25), "ci": pytest.approx([0.25, 0.25])},
        }
    ]
    assert any("differ by up to 0.250" in note for note in found["notes"])


@pytest.fixture(scope="module")
def studied(tmp_path_factory):
    out = tmp_path_factory.mktemp("surface")
    options = {"max_new_tokens": 8, "batch_size": 48, "quick": True}
    surface([bigrams(0), bigrams(1)], ITEMS, out, **options)
    return out


def rows_of(folder):
    return [json.loads(line) for line in (folder / "rows.jsonl").read_text().splitlines()]


def test_models_with_the_same_name_get_different_names(studied):
    found = read_results(studied)
    assert [row["model"] for row in found["tables"][-1]["rows"]] == ["bigrams", "bigrams (2)"]
    first, second = (rows_of(studied / name) for name in ("bigrams", "bigrams_2"))
    assert len(first) == len(second) == 16 * len(ITEMS) * 2
    assert {row["model"] for row in first} != {row["model"] for row in second}
    assert {text["item"] for text in found["texts"]} >= {"a, bigrams", "a, bigrams (2)"}


def test_effects_are_those_of_the_rows(studied):
    rows = rows_of(studied / "bigrams")

    def own(setting):
        by_item = [
            np.mean([-x for r in rows if (r["setting"], r["item"]) == (setting, i.id)
                     for x in r["logprobs"]])
            for i in ITEMS
        ]  # fmt: skip
        return np.asarray(by_item)

    table = next(one for one in read_results(studied)["tables"] if one["name"] == "effects")
    assert [row["value"] for row in table["rows"]] == [0.4, 0.7] * 2
    for row in table["rows"][:2]:
        v = row["value"]
        apart = own(f"T {v}, p 1.0") - own(f"T 1.0, p {v}")
        assert row["own_difference"]["value"] == pytest.approx(apart.mean())
        low, high = row["own_difference"]["ci"]
        assert apart.min() - 1e-9 <= low < apart.mean() < high <= apart.max() + 1e-9
        difference = row["temperature"]["value"] - row["top_p"]["value"]
        assert row["difference"]["value"] == pytest.approx(difference)


def test_exact_entropies_of_the_study_are_over_plain_texts(studied):
    source = bigrams()
    plain = [r for r in rows_of(studied / "bigrams") if r["setting"] == "T 1.0, p 1.0"]
    logits = np.asarray(source.checkpoint.params["table"])
    by_item = []
    for item in ITEMS:
        seen = []
        for row in plain:
            if row["item"] == item.id:
                before = [source.encode(row["prompt"])[-1], *row["tokens"][:-1]]
                seen += [oracle(logits[b], 0.7, 0.4) for b in before]
        by_item.append(np.mean(seen))
    with open(studied / "grid.csv") as file:
        row = next(
            row
            for row in csv.DictReader(file)
            if (row["model"], row["temperature"], row["top_p"]) == ("bigrams", "0.7", "0.4")
        )
    assert float(row["exact"]) == pytest.approx(np.mean(by_item), abs=1e-5)


def test_charts_are_drawn(studied):
    names = {one["name"] for one in read_results(studied)["charts"]}
    assert {"equal_entropy", "knobs_bigrams", "difference_bigrams_2", "exact_bigrams"} <= names
    assert names == {path.stem for path in studied.glob("*.png")}


def test_wrong_arguments_are_refused(tmp_path):
    with pytest.raises(ValueError, match="no model"):
        surface([], ITEMS, tmp_path)
    with pytest.raises(ValueError, match="2 or more samples"):
        surface([bigrams()], ITEMS, tmp_path, samples=1)
