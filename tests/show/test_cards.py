"""Samplers as cards: in notebooks, in files, and inside of transformations."""

import jax
import jax.numpy as jnp
import pytest

import jaxsample
from jaxsample import (
    Allow,
    BadWords,
    EntropyTemperature,
    Function,
    Guidance,
    RepetitionPenalty,
    Temperature,
    TopK,
    TopP,
    chain,
    stack,
)
from jaxsample.show import Cards
from tests.show.svg import Spans, all_of, read, texts


def written(sampler):
    """The texts of the cards that a notebook shows."""
    return [found["text"] for found in Spans(sampler._repr_html_()).found if found["tag"] == "text"]


@pytest.mark.parametrize(
    "sampler, expected",
    [
        (chain(Temperature(0.8), TopK(50)), "Temperature value 0.8 TopK k 50"),
        (TopP(0.9), "TopP p 0.9"),
        (EntropyTemperature(1.0, 0.5), "EntropyTemperature t0 1.0 theta 0.5"),
        (EntropyTemperature(1.0, 0.5, base=0.7), "EntropyTemperature t0 1.0 theta 0.5 base 0.7"),
        (RepetitionPenalty(1.5, scope="output"), "RepetitionPenalty penalty 1.5 scope 'output'"),
        (BadWords([[1, 2], [3]]), "BadWords [[1, 2], [3]]"),
        (Allow(range(100)), "Allow tokens int32[100]"),
        (Function(jax.nn.relu), "Function relu"),
        (stack([TopP(0.5), TopP(0.75)]), "TopP p [0.5, 0.75]"),
        (Guidance(1.5), "Guidance scale 1.5"),
        (chain(), "the model as it is"),
    ],
    ids=lambda x: x.split()[0] if isinstance(x, str) else "",
)
def test_cards_say_what_the_constructor_was_given(sampler, expected):
    assert " ".join(written(sampler)) == expected
    if not isinstance(sampler, Guidance):
        assert " ".join(texts(read(Cards(sampler)))) == expected


def test_long_values_are_cut_and_escaped():
    def made(logits):
        return logits

    made.__qualname__ = "<script>&" + "x" * 90
    _, shown = written(chain(Function(made)))
    assert shown.startswith("<script>&xxx") and len(shown) == 28
    assert "<script>" not in chain(Function(made))._repr_html_()


@pytest.mark.parametrize(
    "transform, share",
    [
        (TopP(0.25), 0.25),
        (TopP(jnp.float32(0.5)), 0.5),
        (TopP(0.0), 0.0),
        (TopP(jnp.float32(1.5)), 1.0),  # arrays are not checked
        (TopP(jnp.float32(jnp.nan)), None),
        (stack([TopP(0.5)]), None),
        (Temperature(0.5), None),  # its range has no upper end
        (RepetitionPenalty(1.5), None),  # its range is too wide
    ],
)
def test_a_bar_shows_where_in_its_range_a_number_lies(transform, share):
    bars = [float(r.get("width")) for r in all_of(read(Cards(transform)), "rect")][1:]
    assert len(bars) == (0 if share is None else 2)
    if share is not None:
        assert bars[1] == pytest.approx(share * bars[0])


def test_cards_stand_in_lines_within_the_width():
    sampler = chain(*[Temperature(0.5), TopK(5), RepetitionPenalty(1.5)] * 5)
    root = read(Cards(sampler))
    frames = [r for r in all_of(root, "rect") if r.get("stroke")]
    assert len(frames) == 15 and len({r.get("y") for r in frames}) > 1
    width, height = float(root.get("width")), float(root.get("height"))
    assert width <= 721
    for r in frames:
        x, y, w, h = (float(r.get(name)) for name in ("x", "y", "width", "height"))
        assert x >= 0 and x + w <= width and y + h <= height


def test_samplers_show_themselves_inside_of_transformations():
    """A traced value has no decimals, and its picture is never wrong or an error."""
    seen = []

    def shown(sampler):
        seen.append(written(sampler))
        return sampler[1].p

    sampler = chain(Temperature(0.5), TopP(0.9))
    jax.jit(shown)(sampler)
    jax.vmap(shown)(stack([sampler, sampler]))
    jax.grad(lambda p: shown(chain(Temperature(0.5), TopP(p))))(0.9)
    assert [texts[:1] for texts in seen] == [["Temperature"]] * 3
    assert seen[2][2] == "0.5"
    for fill in (object(), None, -1.0, 0):
        held = jax.tree.map(lambda _, fill=fill: fill, sampler)
        assert written(held)[0] == "Temperature"


def test_a_picture_changes_nothing_of_the_sampler():
    sampler = chain(Temperature(0.5), TopP(0.9))
    before = jax.tree.structure(sampler), hash(sampler), repr(sampler)
    sampler._repr_html_()
    assert (jax.tree.structure(sampler), hash(sampler), repr(sampler)) == before
    assert Cards(sampler)._repr_html_() == sampler._repr_html_()
    assert "Cards" not in jaxsample.__all__
