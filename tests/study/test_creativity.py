"""The creativity study of a model of twenty words, and its statistics worked by hand."""

import csv
import json
import math

import numpy as np
import pytest
from scipy import stats

from jaxsample import Temperature, TopK, chain
from jaxsample.study import PROTOCOLS, Item, Setting, creativity
from jaxsample.study.measures import _trend as trends
from jaxsample.study.measures._exemplar import compare, embedded
from jaxsample.study.measures._proxies import centrality, shared_words
from jaxsample.study.measures._trend import detectable, detectable_by, trend
from jaxsample.study.protocols._creativity import TEMPERATURES, temperature_settings
from tests.study.models import WORDS, bigrams

ITEMS = [Item("fresh", ""), Item("begun", "w3 w5")]
SAMPLES = 6
TOKENS = 12


def counts(texts):
    """Embed a text as the counts of its words."""
    return [[text.split().count(word) for word in WORDS[1:]] for text in texts]


def judge(texts):
    """Call a text grammatical if no word repeats the one before, and count all tokens."""
    return {
        "grammatical": [float(all(a != b for a, b in zip(t, t[1:], strict=False))) for t in texts],
        "all tokens": [len(t) for t in texts],
    }


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """The study of both prompts, with one more setting than the seven temperatures."""
    out = tmp_path_factory.mktemp("creativity")
    warm = Setting("warm", chain(Temperature(0.7), TopK(50)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trends, "RESAMPLES", 400)
        results = creativity(
            bigrams(), ITEMS, out, settings=[warm], samples=SAMPLES, max_new_tokens=TOKENS,
            batch_size=96, quick=True, judge=judge, embedder=counts,
        )  # fmt: skip
    return out, results


def tables(results):
    return {table["name"]: table["rows"] for table in results["tables"]}


def drawn(out):
    return [json.loads(line) for line in (out / "rows.jsonl").read_text("utf-8").splitlines()]


def test_the_temperatures_are_the_papers():
    assert TEMPERATURES == pytest.approx(
        [0.001, 0.33417, 0.66733, 1.0005, 1.33367, 1.66683, 2.0], abs=1e-5
    )
    assert list(temperature_settings())[0] == "T 0.001" and len(temperature_settings()) == 7


def test_the_study_writes_rows_charts_and_tables(found):
    out, results = found
    rows = drawn(out)
    assert len(rows) == 8 * 2 * SAMPLES
    assert [member.get("k") for member in rows[0]["chain"]["transforms"]] == [None, 50]
    written = json.loads((out / "results.json").read_text("utf-8"))
    assert written["study"] == "creativity"
    for chart in written["charts"]:
        assert (out / f"{chart['name']}.png").stat().st_size > 1000
    assert [len(text["samples"]) for text in written["texts"]] == [8, 8]
    with open(out / "settings.csv", encoding="utf-8") as file:
        assert [row["setting"] for row in csv.DictReader(file)] == [*temperature_settings(), "warm"]


def test_means_are_over_prompts_of_their_texts(found):
    out, results = found
    rows = drawn(out)
    shown = {row["setting"]: row for row in tables(results)["settings"]}
    hot = [row for row in rows if row["setting"] == "T 2"]
    of_item = {item.id: [row for row in hot if row["item"] == item.id] for item in ITEMS}
    lengths = [np.mean([len(row["tokens"]) for row in some]) for some in of_item.values()]
    assert shown["T 2"]["length"]["value"] == pytest.approx(np.mean(lengths))
    assert shown["T 2"]["length"]["ci"] == pytest.approx(sorted(lengths))
    first = {row["item"]: row for row in reversed(rows) if row["setting"] == "T 0.001"}
    for item in ITEMS:
        assert first[item.id]["sample"] == 0
    prompts = {"fresh": 1, "begun": 2}
    totals = [n + prompts[i] for n, i in zip(lengths, of_item, strict=True)]
    assert shown["T 2"]["all tokens"]["value"] == pytest.approx(np.mean(totals))
    logs = [np.mean([-np.mean(row["model_logprobs"]) for row in some]) for some in of_item.values()]
    assert shown["T 2"]["perplexity"]["value"] == pytest.approx(math.exp(np.mean(logs)))


def test_correlations_leave_out_the_exemplars_temperature_and_other_settings(found):
    out, results = found
    rows = {row["measure"]: row for row in tables(results)["correlations"]}
    undefined = {"cohesion proxy: words of the sentence before"}  # these texts have one sentence
    everywhere = [name for name in rows.keys() - undefined if "cosine" not in name]
    assert {rows[name]["n"] for name in everywhere} == {6 * 2 * SAMPLES}
    # At the lowest temperature this model writes one text: the exemplar.
    near = tables(results)["settings"][0]
    assert near["words"]["value"] == near["characters"]["value"] == 0.0
    assert near["cosine"]["value"] == pytest.approx(1.0)
    novelty = rows["novelty proxy: edits, words"]
    assert novelty["seven"]["value"] > novelty["spearman"]["value"] > 0
    tested = [row[f"{m}_p"] for row in rows.values() for m in ("spearman", "kendall")]
    defined = sum(not math.isnan(p) for p in tested)
    caption = next(t["caption"] for t in results["tables"] if t["name"] == "correlations")
    assert f"all {defined} tests" in caption
    smallest = min(p for p in tested if not math.isnan(p))
    corrected = [row[f"{m}_holm"] for row in rows.values() for m in ("spearman", "kendall")]
    assert np.nanmin(corrected) == pytest.approx(min(1.0, defined * smallest))


def test_texts_that_were_cut_are_counted(found):
    out, results = found
    cut = np.mean([row["tokens"][-1] != 0 for row in drawn(out)])
    assert 0 < cut < 1
    assert f"{cut:.0%} of the texts had not ended after {TOKENS} tokens" in results["notes"][-1]


def test_proxies_are_called_proxies(found):
    _, results = found
    notes = " ".join(results["notes"])
    assert "proxies" in results["about"] and "No number here is a rating" in notes
    titles = {c["name"]: c["title"] for c in results["tables"][0]["columns"]}
    assert all("proxy" in titles[name] for name in ("words", "characters", "grammatical"))


def test_the_paper_s_claims_stand_beside_what_was_found(found):
    _, results = found
    rows = {row["measure"]: row for row in tables(results)["paper"]}
    ours = {row["measure"]: row for row in tables(results)["correlations"]}
    novelty = rows["novelty proxy: edits, words"]
    assert novelty["rho"] == ours["novelty proxy: edits, words"]["spearman"]
    assert novelty["slope"]["ci"] == pytest.approx([0.0375, 0.5785], abs=1e-4)
    # A text is incoherent where it is not grammatical, so the sign is the other one.
    told = ours["coherence proxy: grammatical"]["spearman"]
    turned = rows["minus coherence proxy: grammatical"]["rho"]
    assert turned["value"] == -told["value"]
    assert turned["ci"] == pytest.approx([-told["ci"][1], -told["ci"][0]])
    assert [row["rating"] for row in tables(results)["paper"]] == [
        "novelty", "novelty", "typicality", "cohesion", "incoherence", "incoherence",
    ]  # fmt: skip
    surprise = rows["perplexity under the model"]
    assert surprise["rho"] == ours["perplexity under the model"]["spearman"]


def test_a_model_with_a_chat_template_gets_the_prompt_of_the_paper():
    plain = bigrams()
    assert PROTOCOLS["creativity"].asks(plain) == Item("story", "")
    template = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}<assistant>"
    plain.checkpoint.chat_template, plain.checkpoint.special_tokens = template, {}
    prompt = PROTOCOLS["creativity"].asks(plain).prompt
    assert prompt == "<user>Write a story.<assistant>Here it is:\n\n"


def test_wrong_arguments_are_refused(tmp_path):
    with pytest.raises(ValueError, match="2 or more samples"):
        creativity(bigrams(), ITEMS, tmp_path, samples=1)
    with pytest.raises(ValueError, match="no prompts"):
        creativity(bigrams(), [], tmp_path)


def row(text, item="a", logprobs=(-1.0, -3.0)):
    return {
        "setting": "s", "item": item, "text": text, "tokens": [1, 2], "entropy": [0.5, 1.5],
        "model_logprobs": list(logprobs),
    }  # fmt: skip


def test_texts_are_compared_with_their_exemplars():
    rows = [row("a b c"), row("a x c d", logprobs=(0.0, 0.0)), row("q", "b"), row("", "b")]
    vectors = embedded(lambda texts: [[len(t), 1.0] for t in texts], [r["text"] for r in rows])
    assert np.isnan(vectors[3]).all() and vectors[0].tolist() == [5.0, 1.0]
    found = compare(bigrams(), rows, [Item("a", ""), Item("b", "")], {"a": 0, "b": 2}, vectors)
    assert found["words"].tolist() == [0.0, 0.5, 0.0, 1.0]  # x for b, and d: 2 of 4 words
    assert found["characters"].tolist() == [0.0, 3 / 7, 0.0, 1.0]
    assert found["cosine"][0] == pytest.approx(1.0)
    assert found["cosine"][1] == pytest.approx(36 / math.sqrt(26 * 50)) and np.isnan(
        found["cosine"][3]
    )
    assert found["perplexity"].tolist() == pytest.approx(
        [math.exp(2), 1.0, math.exp(2), math.exp(2)]
    )
    assert found["entropy"].tolist() == [1.0] * 4 and found["length"].tolist() == [2.0] * 4


def test_a_text_is_typical_if_it_is_near_the_others_of_its_item():
    vectors = np.array([[2.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0], [math.nan] * 2, [1.0, 1.0]])
    texts, items = ["a", "b", "a", "c", "", "d"], ["x", "x", "x", "x", "x", "y"]
    found = centrality(vectors, texts, items)
    half = math.sqrt(0.5)
    others = np.array([half, 1 + half])  # b and c; the equal text counts once, and not for itself
    assert found[0] == found[2] == pytest.approx(others[0] / np.linalg.norm(others))
    assert found[3] == pytest.approx(1.0)
    assert np.isnan(found[4]) and np.isnan(found[5])


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("The fox saw grapes. The grapes, said Fox, were sour.", 1 / 4),
        ('"I like grapes." "Grapes like foxes!" Birds sing.', (2 / 3 + 0) / 2),
        ("One sentence with grapes", math.nan),
        ("It is so. It is so.", math.nan),
        ("", math.nan),
    ],
)
def test_cohesion_is_the_share_of_words_of_the_sentence_before(text, share):
    assert shared_words(text) == pytest.approx(share, nan_ok=True)


def test_a_wrong_judge_is_refused():
    rows, items, vectors = [row("a")], [Item("a", "")], np.ones((1, 2))
    with pytest.raises(ValueError, match="'length' is the name"):
        compare(bigrams(), rows, items, {"a": 0}, vectors, lambda texts: {"length": [1.0]})
    with pytest.raises(ValueError, match="shape"):
        compare(bigrams(), rows, items, {"a": 0}, vectors, lambda texts: {"odd": [1.0, 2.0]})
    with pytest.raises(ValueError, match="every text is empty"):
        embedded(counts, ["", ""])


LEVELS = np.linspace(0.3, 2.0, 6)


def sample(rng, draws):
    """Return measures that rise a little, tie often, and share noise within a draw."""
    y = 0.3 * LEVELS + rng.normal(size=(draws, 1)) + rng.normal(size=(draws, 6))
    return np.tile(LEVELS, draws), np.round(y.ravel(), 1), np.repeat(np.arange(draws), 6)


def test_correlations_equal_those_of_scipy_also_on_resampled_draws():
    rng = np.random.default_rng(0)
    x, y, draws = sample(rng, 12)
    taken = rng.multinomial(12, np.full(12, 1 / 12), 6)
    again = [np.repeat(np.arange(72), some[draws]) for some in taken]
    for prepared, theirs in (
        (trends._spearman, stats.spearmanr), (trends._kendall, stats.kendalltau),
    ):  # fmt: skip
        expected = [theirs(x[some], y[some])[0] for some in again]
        assert prepared(x, y, draws)(taken.astype(float)) == pytest.approx(expected, abs=1e-12)
    found = trend(x, y, ["a"] * 72, draws)
    assert found["spearman"].value == pytest.approx(stats.spearmanr(x, y)[0])
    assert found["kendall"].value == pytest.approx(stats.kendalltau(x, y)[0])
    assert found["kendall"].low < found["kendall"].value < found["kendall"].high


def test_several_items_are_the_units():
    rng = np.random.default_rng(1)
    parts = [sample(rng, 8) for _ in range(5)]
    x, y = (np.concatenate([part[i] for part in parts]) for i in (0, 1))
    y[3] = np.nan
    items, draws = np.repeat(np.arange(5), 48), np.concatenate([part[2] for part in parts])
    found = trend(x, y, items, draws)["spearman"]
    each = [stats.spearmanr(x[k], y[k])[0] for k in ((items == i) & ~np.isnan(y) for i in range(5))]
    assert found.value == pytest.approx(np.mean(each)) and found.n == 239
    assert found.p == pytest.approx(stats.ttest_1samp(each, 0).pvalue)
    assert min(each) <= found.low <= found.value <= found.high <= max(each)


def test_constant_measures_have_no_correlation():
    for y in ([1.0] * 12, [math.nan] * 12):
        found = trend([1, 2, 3] * 4, y, ["a"] * 12, np.repeat(range(4), 3))
        assert all(math.isnan(v) for one in found.values() for v in one[:4])
    alone = trend([1, 2, 3], [1, 3, 2], ["a"] * 3, [0] * 3)["spearman"]
    assert alone.value == 0.5 and math.isnan(alone.low) and math.isnan(alone.p)


def test_texts_that_share_noise_raise_no_false_alarms(monkeypatch):
    """A random walk over temperatures has no trend, so about 5% of the tests may reject."""
    monkeypatch.setattr(trends, "RESAMPLES", 300)
    x, draws, repeats = np.tile(LEVELS, 20), np.repeat(np.arange(20), 6), 120
    alarms, naive = 0, 0
    for seed in range(repeats):
        y = np.random.default_rng(seed).normal(size=(20, 6)).cumsum(1).ravel()
        alarms += trend(x, y, ["a"] * 120, draws)["kendall"].p <= 0.05
        naive += stats.kendalltau(x, y).pvalue <= 0.05
    assert alarms / repeats <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / repeats)
    assert naive > alarms


def test_the_detectable_correlation_has_a_power_of_0_8():
    """Four in five samples of independent pairs with that correlation are detected."""
    n, rng = 60, np.random.default_rng(2)
    # The Pearson correlation of normal pairs whose Spearman correlation is the detectable one.
    rho = 2 * math.sin(math.pi * detectable_by(n) / 6)
    pairs = rng.multivariate_normal([0, 0], [[1, rho], [rho, 1]], (400, n))
    power = np.mean([stats.spearmanr(p[:, 0], p[:, 1]).pvalue <= 0.05 for p in pairs])
    assert power == pytest.approx(0.8, abs=3 * math.sqrt(0.16 / 400))
    x = np.arange(n)
    found = trend(x, rng.normal(size=n), ["a"] * n, x)["spearman"]
    assert detectable(found) == pytest.approx(detectable_by(n), rel=0.15)
    assert detectable(found, tests=20) > detectable(found)


def test_the_judge_of_the_embedded_model():
    stories = pytest.importorskip("jaxsample_models.stories")
    from jaxsample.cli.stories import judge

    grammar = stories.Grammar()
    story = grammar.sample(np.random.default_rng(0))
    found = judge([story, story[:40], [stories.BOS, stories.EOS]])
    assert found["grammatical"].tolist() == [1.0, 0.0, 0.0]
    assert found["read"].tolist() == [1.0, 1.0, 0.5]
    assert found["agreement"][:2].tolist() == [1.0, 1.0] and np.isnan(found["agreement"][2])
    assert found["likelihood"][0] < 0 and np.isnan(found["likelihood"][2])
