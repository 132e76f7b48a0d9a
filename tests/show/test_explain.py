"""The picture and the table of a row: every number is the library's."""

import re

import jax.numpy as jnp
import numpy as np
import pytest

from jaxsample import Function, Prompt, RepetitionPenalty, Temperature, TopK, chain
from jaxsample.show import entropy, explain, percent, probabilities
from tests.show import example
from tests.show.svg import all_of, read, texts

LOGITS = example.LOGITS
LITTLE = np.log([0.5, 0.25, 0.125, 0.125])


@pytest.fixture(scope="module")
def row():
    return example.row()


def test_the_stages_are_those_of_the_sampler():
    row = explain(LITTLE, chain(Temperature(0.5), TopK(2)))
    np.testing.assert_allclose(row.stages[0].after, np.array([16, 4, 1, 1]) / 22, rtol=1e-6)
    np.testing.assert_allclose(row.stages[1].after, [0.8, 0.2, 0, 0], rtol=1e-6)
    np.testing.assert_array_equal(row.stages[0].returned, row.stages[1].received)
    assert (row.tokens.tolist(), row.names) == ([0, 1, 2, 3], ("0", "1", "2", "3"))
    assert explain(LITTLE, TopK(2), shown=1).tokens.tolist() == [0]


def panels(picture):
    """The groups of the panels: those whose first text is bold."""
    groups = all_of(read(picture), "g")
    return [g for g in groups if g.find("*[@font-weight]") is not None]


def test_a_panel_says_what_its_stage_did(row):
    found = panels(row.bars)
    assert len(found) == len(row.stages)
    for panel, stage in zip(found, row.stages, strict=True):
        words = texts(panel)
        assert f"{words[0]} {words[1]}" == stage.label
        assert f"entropy {entropy(stage.before):.3f} → {entropy(stage.after):.3f}" in words
        assert words.count("✕") == stage.cut[row.tokens].sum()
        kept = [percent(p) for p in stage.after[row.tokens] if p]
        assert [w for w in words if "%" in w][: len(kept)] == kept
    assert f"tokens 40 → {row.stages[1].kept}" in texts(found[1])
    assert f"cuts {row.stages[1].mass_cut:.2%} of the mass" in texts(found[1])
    assert "temperature 1.7" in texts(found[0])


def test_bars_are_as_long_as_probabilities(row):
    """Positions are written with two decimals, and the shortest bar is 0.75 wide."""
    scales = []
    for panel, stage in zip(panels(row.bars), row.stages, strict=True):
        lines = [g for g in panel if g.tag.endswith("}g")]
        for line, token in zip(lines, row.tokens, strict=True):
            bars = {("fill" in r.attrib): float(r.get("width")) for r in all_of(line, "rect")}
            for probs, blue in ((stage.before, False), (stage.after, True)):
                assert (blue in bars) == (probs[token] > 0)
                if probs[token] > 0.02:
                    scales.append(bars[blue] / probs[token])
    assert len(scales) > 20
    np.testing.assert_allclose(scales, scales[0], rtol=0.01 / (0.02 * min(scales)))


def test_a_dropped_token_is_grey(row):
    (panel,) = [p for p in panels(row.bars) if texts(p)[0] == "TopK"]
    lines = [g for g in panel if g.tag.endswith("}g")]
    dropped = [line for line in lines if "✕" in texts(line)]
    assert dropped
    for line in dropped:
        (bar,) = all_of(line, "rect")
        assert bar.get("fill") is None and float(bar.get("opacity")) < 0.3


def test_the_curve_is_the_sorted_distribution(row):
    root = read(row.curve)
    before, after = (line.get("points").split() for line in all_of(root, "polyline"))
    ticks = {t.text: float(t.get("y")) - 3 for t in all_of(root, "text") if t.text in ("1", "0.01")}
    ticks["1"] = min(y for y in map(float, (t.get("y2") for t in all_of(root, "line"))))
    per_decade = (ticks["0.01"] - ticks["1"]) / 2
    for points, probs in ((before, probabilities(LOGITS)), (after, row.stages[-1].after)):
        expected = np.sort(probs[probs >= 1e-8])[::-1]
        heights = np.array([float(point.split(",")[1]) for point in points])
        assert len(heights) == len(expected)
        # A tenth of a pixel, the precision of a point, is a part of a decade.
        drawn = (ticks["1"] - heights) / per_decade
        np.testing.assert_allclose(drawn, np.log10(expected), atol=0.11 / per_decade)


def test_the_table_has_the_same_numbers(row):
    lines = repr(row).splitlines()
    assert max(map(len, lines)) <= 80
    (cut,) = [line.split()[1:] for line in lines if line.startswith("cut")]
    assert cut == [f"{stage.mass_cut:.2%}" for stage in row.stages[1:]]
    (kept,) = [line.split()[1:] for line in lines if line.startswith("kept")]
    assert kept == ["40", *(str(stage.kept) for stage in row.stages)]
    (heat,) = [line.split()[1:] for line in lines if line.startswith("temperature")]
    assert heat == ["1.7"]


def test_many_members_stand_in_bands():
    members = [Temperature(1.0 + i / 10) for i in range(9)]
    picture = explain(LITTLE, chain(*members)).bars
    found = panels(picture)
    assert len(found) == 9
    places = {(float(p[0].get("x")), float(p[0].get("y"))) for p in found}
    assert len(places) == 9 and len({y for _, y in places}) == 3
    width = float(read(picture).get("width"))
    assert max(x for x, _ in places) < width - 100


def test_without_a_sampler_it_is_the_model():
    row = explain(LOGITS, chain())
    assert row.stages == ()
    assert texts(panels(row)[0])[0] == "the model"
    assert f"entropy {entropy(probabilities(LOGITS)):.3f} nats" in texts(read(row))
    assert "the model" in repr(row).splitlines()[0]


def test_only_tokens_that_are_possible_are_shown():
    row = explain([0.0, -np.inf, 1.0, -np.inf], TopK(2))
    assert row.tokens.tolist() == [2, 0]
    assert "2 others" in texts(read(row))


def test_a_state_takes_the_place_of_the_prompt():
    penalty = RepetitionPenalty(3.0)
    after = explain(LITTLE, penalty, prompt=[2, 0])
    state = penalty.init(None, Prompt.of([2], 4, 2))
    state = penalty.update(state, jnp.asarray(LITTLE, jnp.float32), jnp.int32(0))
    for sampler, given in ((penalty, state), (chain(penalty), (state,))):
        row = explain(LITTLE, sampler, state=given)
        np.testing.assert_array_equal(row.stages[0].returned, after.stages[0].returned)
    np.testing.assert_allclose(after.stages[0].returned / LITTLE, [3, 1, 3, 1], rtol=1e-6)


@pytest.mark.parametrize("logits", [np.zeros((2, 3)), np.zeros(0), 1.0])
def test_one_row_is_needed(logits):
    with pytest.raises(ValueError, match=r"one row \[V\], got .*logits\[0\]"):
        explain(logits, TopK(1))


def test_errors_name_the_remedy(tmp_path):
    with pytest.raises(ValueError, match="the model returned logits that hold a NaN"):
        explain([0.0, np.nan], TopK(1))
    broken = Function(lambda logits: logits.at[0].set(jnp.nan))
    with pytest.raises(ValueError, match="the sampler's Function.* returned logits"):
        explain(LITTLE, broken)
    with pytest.raises(ValueError, match="shown must be at least 1, got 0"):
        explain(LITTLE, TopK(2), shown=0)
    with pytest.raises(ValueError, match=r"saved as .svg or .html, got .*row.png"):
        explain([0.0, 1.0], chain()).save(tmp_path / "row.png")
    with pytest.raises(ValueError, match="a tokenizers.Tokenizer is needed, got int"):
        explain([0.0, 1.0], chain(), 3)


HOSTILE = (
    '<b onclick="x">&\x00\u202e',
    "🙂👩‍🚀",
    "שלום",
    "日本語日本語日本語",
    "\n",
    "\ud800",
    "\uffff",
)


class Words:
    """A tokenizer whose tokens are hostile."""

    def id_to_token(self, token):
        return f"token {token}"

    def decode(self, ids, skip_special_tokens):
        return "".join(HOSTILE[i] for i in ids)


def test_names_are_text_and_nothing_else(tmp_path):
    row = explain(-np.arange(float(len(HOSTILE))), chain(), Words())
    root = read(row)
    shown = texts(root)[: len(HOSTILE)]
    assert {child.tag.split("}")[1] for child in root.iter()} <= {
        "svg", "title", "style", "g", "rect", "text", "line", "polyline", "circle"
    }  # fmt: skip
    assert shown[1:3] == ['"🙂👩‍🚀"', '"שלום"']
    assert shown[3].endswith("…") and shown[3][:5] == '"日本語日'
    assert not re.search("[\x00-\x08\u202e]", "".join(shown))
    row.save(tmp_path / "row.html")
    row.save(tmp_path / "row.svg")
    page = (tmp_path / "row.html").read_text("utf-8")
    assert "<b " not in page and row._repr_html_() in page
    assert (tmp_path / "row.svg").read_text("utf-8") == row.svg()
