"""Dynamic programs, compared with a list of all stories and with random stories."""

import numpy as np
import pytest

from benchmarks.experiments.learned.exact import along, entropy, totals
from benchmarks.experiments.learned.laws import by_kind, law, sampled, smoothed
from jaxsample import Temperature, TopP, chain
from jaxsample_models.stories import BOS, KINDS, Grammar
from jaxsample_models.stories import _grammar as grammar
from jaxsample_models.stories._compiler import compile_story

FEW = """( 9: A <tone> story. | 1: Once ) there was a <child> and ( a <home>. I saw $her in
    the $home. | the dog saw $her <adverb>. ) The end."""


@pytest.fixture
def few(monkeypatch):
    """Return a grammar with few stories, which can be listed."""
    small = compile_story(FEW)
    monkeypatch.setattr(grammar, "machine", lambda: small)
    return Grammar(1.3)


def laws(stories):
    plain, warm = law(stories), law(stories, sampled(Temperature(1.4)))
    return {
        "true": plain,
        "tempered": warm,
        "by kind": by_kind(stories, dict.fromkeys(KINDS, plain) | {"open": warm}),
        "leaky": law(stories, smoothed(0.06)),
        "warm and leaky": law(stories, smoothed(0.06), sampled(Temperature(1.2))),
        "cut": law(stories, smoothed(0.06), sampled(chain(Temperature(0.9), TopP(0.9)))),
    }


def listed(stories, q_of):
    """Return the probabilities of all stories and of all ways to leave the grammar."""
    p_of = law(stories)
    found = {"p": [], "q": [], "left": [], "facts": [0.0, 0.0]}

    def go(state, p, q):
        if stories.is_end(state):
            found["p"].append(p)
            found["q"].append(q)
            return
        truth, probs = p_of(state), q_of(state)
        found["left"].extend(q * probs[(truth == 0) & (probs > 0)])
        if stories.kind(state) == "fact":
            found["facts"][0] += q * probs[truth > 0].sum()
            found["facts"][1] += q
        for token in np.flatnonzero(truth):
            go(stories.advance(state, int(token)), p * truth[token], q * probs[token])

    go(stories.start(), 1.0, 1.0)
    return {name: np.array(values) for name, values in found.items()}


@pytest.mark.parametrize("name", laws(Grammar()))
def test_totals_equal_sums_over_all_stories(few, name):
    q_of = laws(few)[name]
    got, all_of = totals(few, q_of), listed(few, q_of)
    p, q = all_of["p"], all_of["q"]
    assert len(p) == 4 * 2 * (12 + 32) and p.sum() == pytest.approx(1.0)
    assert q.sum() + all_of["left"].sum() == pytest.approx(1.0, abs=1e-5)
    with np.errstate(divide="ignore"):
        assert got.divergence == pytest.approx(np.sum(p * np.log(p / q)), abs=1e-9)
    assert got.grammatical == pytest.approx(q.sum(), rel=1e-9)
    assert got.facts == pytest.approx(np.divide(*all_of["facts"]), rel=1e-9)
    assert got.entropy == pytest.approx(entropy(np.append(q, all_of["left"])), rel=1e-5)
    assert got.collision == pytest.approx(np.sum(q**2), rel=1e-9)
    assert got.match == pytest.approx(np.sum(p * q), rel=1e-9)
    assert got.kernel == pytest.approx(1 - np.sum((p - q) ** 2) / np.sum(p**2), rel=1e-9)


def test_the_truth_is_at_no_distance_from_itself():
    stories = Grammar()
    got = totals(stories, law(stories))
    assert got.divergence == 0.0
    assert (got.grammatical, got.facts, got.kernel) == pytest.approx((1.0, 1.0, 1.0))
    assert got.entropy == pytest.approx(44.21, abs=0.01)


@pytest.mark.slow
def test_a_style_is_a_temperature_at_open_slots():
    plain, wild = Grammar(), Grammar(0.4)
    warm = law(plain, sampled(Temperature(2.5)))
    mixed = by_kind(plain, dict.fromkeys(KINDS, law(plain)) | {"open": warm})
    assert totals(wild, mixed).divergence == pytest.approx(0.0, abs=1e-4)
    assert totals(wild, law(plain)).divergence > 2.0


def draw(stories, q_of, rng):
    """Draw one text of a law; return whether it is a story, its nats, its facts and right ones."""
    state, nats, facts, right = stories.start(), 0.0, 0, 0
    while not stories.is_end(state):
        probs = q_of(state)
        token = int(np.searchsorted(np.cumsum(probs), rng.random() * probs.sum(), side="right"))
        nats -= np.log(probs[token])
        fact = stories.kind(state) == "fact"
        inside = token in stories.distribution(state).tokens
        facts, right = facts + fact, right + (fact and inside)
        if not inside:
            return False, nats, facts, right
        state = stories.advance(state, token)
    return True, nats, facts, right


@pytest.mark.slow
def test_totals_agree_with_stories_drawn():
    """Each total is within four standard errors on the whole grammar, which cannot be listed."""
    stories, rng, count = Grammar(), np.random.default_rng(0), 800
    q_of = law(stories, smoothed(0.01), sampled(Temperature(0.95)))
    exact = totals(stories, q_of)
    told, nats, facts, right = np.array([draw(stories, q_of, rng) for _ in range(count)]).T
    assert 0.2 < exact.grammatical < 0.8
    for sampled_mean, spread, want in (
        (told.mean(), told.std(), exact.grammatical),
        (nats.mean(), nats.std(), exact.entropy),
        (
            right.sum() / facts.sum(),
            np.std(right - exact.facts * facts) / facts.mean(),
            exact.facts,
        ),
    ):
        assert sampled_mean == pytest.approx(want, abs=4 * spread / count**0.5)


@pytest.mark.slow
def test_match_agrees_with_stories_drawn_from_the_truth():
    """match = E_P[Q(x)] and collision = E_P[Q(x)^2 / P(x)], within four standard errors.

    Q is near the truth, because otherwise few stories carry most of the sum.
    """
    stories, rng, count = Grammar(), np.random.default_rng(1), 800
    p_of, q_of = law(stories), law(stories, sampled(Temperature(1.05)))
    exact = totals(stories, q_of)
    p, q = np.ones(count), np.ones(count)
    for i in range(count):
        for state, token in stories.tell(rng):
            p[i] *= p_of(state)[token]
            q[i] *= q_of(state)[token]
    for values, want in ((q, exact.match), (q**2 / p, exact.collision)):
        assert values.mean() == pytest.approx(want, abs=4 * values.std() / count**0.5)


def test_along_counts_states():
    """Under the truth the number of states is the mean length of a story."""
    stories = Grammar()
    met = along(stories, lambda s: stories.distribution(s).probs, lambda state: 1.0)
    assert met == pytest.approx(98.15, abs=0.01)
    assert stories.sample(np.random.default_rng(0))[0] == BOS
