"""Prompts after examples: what is written, and texts that read the examples only once."""

import jax
import numpy as np
import pytest

import jaxsample_models
from jaxsample import Guidance, chain
from jaxsample.study import Item, Setting, Source, few_shot, read
from jaxsample.study.draw._at_once import _of_two
from jaxsample.study.draw._jobs import Job
from jaxsample.study.draw._program import Program

TEMPLATE = (
    "{% for m in messages %}{{ m.content }}{% if m.role == 'user' %}. Then{% else %}.{% endif %} "
    "{% endfor %}"
)


@pytest.fixture(scope="module")
def source():
    return Source("stories", jaxsample_models.embedded()._replace(chat_template=TEMPLATE))


EXAMPLES = [Item("a", "Once upon a time there was a girl", ("The girl played all day",))]
ITEMS = [Item("x", "There was a boy named Tom"), Item("y", "The dog", ("ran",), "A cat")]


def test_examples_come_before_every_prompt(source):
    found = few_shot(source, ITEMS, EXAMPLES, system="A quiet story")
    before = "A quiet story. Once upon a time there was a girl. Then The girl played all day. "
    assert [item.prompt for item in found] == [
        f"{before}There was a boy named Tom. Then ",
        f"{before}The dog. Then ",
    ]
    assert [item.without for item in found] == [f"{before}. Then ", f"{before}A cat. Then "]
    assert [item.references for item in found] == [(), ("ran",)]


@pytest.mark.parametrize(
    ("examples", "message"),
    [
        ([Item("a", "Tom")], "example 'a' has no reference"),
        ([Item("a", "The dog", ("ran",))], "example 'a' is one of the prompts"),
    ],
)
def test_examples_that_give_nothing_or_too_much_are_refused(source, examples, message):
    with pytest.raises(ValueError, match=message):
        few_shot(source, ITEMS, examples)


def test_a_model_without_a_template_is_refused():
    plain = Source("stories", jaxsample_models.embedded())
    with pytest.raises(ValueError, match="stories has no chat template"):
        few_shot(plain, ITEMS)


def test_two_streams_read_the_examples_once_and_draw_the_same(source):
    """The texts are those of a prefill of both whole prompts."""
    items = few_shot(source, ITEMS, EXAMPLES * 2)
    settings = [Setting(f"{scale}", chain(), Guidance(scale)) for scale in (1.0, 2.0)]
    program = Program(source, settings, items, 6, 4)
    jobs = [Job(s, i, 0, 0) for s in (0, 1) for i in (0, 1)]
    assert program.common is not None
    examples = "Once upon a time there was a girl. Then The girl played all day. " * 2
    assert int(program.common.position[0]) == len(source.encode(examples))
    budget = np.array([6, 6, 6, 0], np.int32)
    shared = _of_two(program, jobs, budget)
    program.common = None
    whole = _of_two(program, jobs, budget)
    assert shared.lengths.tolist() == whole.lengths.tolist() and shared.lengths[3] == 0
    np.testing.assert_array_equal(shared.tokens, whole.tokens)
    # The two ways read the prompts in other pieces, so sums may be rounded otherwise.
    np.testing.assert_allclose(shared.logprobs, whole.logprobs, atol=1e-4)
    same = jax.tree.map(lambda a, b: a.shape == b.shape, shared.decoding, whole.decoding)
    assert all(jax.tree.leaves(same))


def test_lines_of_one_prompt_are_one_item(tmp_path):
    path = tmp_path / "e2e.csv"
    rows = ['"a[1]","x"', '"b[2]","y"', '"a[1]","z"', '"c[3]","u"', '"d[4]","v"']
    path.write_text("mr,ref\n" + "\n".join(rows) + "\n")
    names = {"prompt": "mr", "reference": "ref"}
    items = read(path, **names, gather=True).items
    assert [item.references for item in items] == [("x", "z"), ("y",), ("u",), ("v",)]
    assert [item.id for item in items] == ["2", "3", "5", "6"]
    chosen = read(path, **names, gather=True, limit=2, spread=True).items
    assert [item.prompt for item in chosen] == ["b[2]", "d[4]"]
    assert read(path, **names, gather=True, limit=1).items == items[:1]
    with pytest.raises(ValueError, match="give a limit"):
        read(path, **names, spread=True)
