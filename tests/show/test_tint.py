"""Text with tints: every tint and number is a record of the generation."""

import collections
import math
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsample import Model, ModelOutput, TopK, generate
from jaxsample.show import tint
from tests.show import example
from tests.show.example import made
from tests.show.svg import Spans, all_of, read, texts

pytest.importorskip("tokenizers")

EDGES = {
    "logprobs": (0.9, 0.5, 0.1, 0.01),
    "model_logprobs": (0.9, 0.5, 0.1, 0.01),
    "entropy": (0.1, 0.5, 1.0, 2.0),
    "kept": (2, 10, 50, 250),
}


@pytest.fixture(scope="module")
def tokenizer():
    return example.tokenizer()


def of(tokenizer, text, **records):
    return made([tokenizer.encode(text, add_special_tokens=False).ids], **records)


def pieces(picture, row=0):
    return [piece.text for piece in picture.passages[row].pieces]


def tinted(picture):
    """The opacity of the tint of every token in the HTML of a picture, None for no tint."""
    spans = [s for s in Spans(picture._repr_html_()).found if s["tag"] == "span" and "title" in s]
    styles = [s.get("style") for s in spans]
    return [style and float(re.search(r"([\d.]+)\)", style)[1]) for style in styles]


@pytest.fixture(scope="module")
def drawn(tokenizer):
    """Two rows that a model drew, with every record; the second one ends early."""
    size = tokenizer.get_vocab_size()
    table = 4 * np.random.default_rng(0).normal(size=(size, size)).astype(np.float32)
    table[66, 256] = 30.0

    def apply(params, tokens, positions, cache):
        return ModelOutput(params[tokens], None, cache)

    return generate(
        jax.random.key(3),
        Model(lambda batch, length: (), apply),
        table,
        jnp.array([[65], [66]]),
        TopK(20),
        max_new_tokens=8,
        eos=256,
        record=("logprobs", "model_logprobs", "entropy", "kept", ("top", 4)),
    )


@pytest.mark.parametrize("by", EDGES)
def test_a_tint_is_the_record(drawn, tokenizer, by):
    picture = tint(drawn, tokenizer, by)
    value = np.asarray(getattr(drawn, by)[0], np.float64)
    is_sure_when_large = by in ("logprobs", "model_logprobs")
    value = np.exp(value) if is_sure_when_large else value
    compare = np.less if is_sure_when_large else np.greater_equal
    levels = sum(compare(value, edge).astype(int) for edge in EDGES[by])
    merged, first = [], 0
    for piece in picture.passages[0].pieces:
        count = piece.told.count("token ")
        merged.append(max(levels[first : first + count]))
        first += count
    assert first == 8 and [p.level for p in picture.passages[0].pieces] == merged
    assert by == "kept" or len(set(merged)) > 1


def test_a_rank_is_a_tint(tokenizer):
    ids = tokenizer.encode("abc").ids
    Top = collections.namedtuple("Top", "ids logprobs")
    top = Top(np.array([[[ids[0], 1, 2], [1, 2, ids[1]], [1, 2, 3]]]), np.zeros((1, 3, 3)))
    picture = tint(made([ids], top=top), tokenizer, "rank")
    assert [piece.level for piece in picture.passages[0].pieces] == [0, 1, 4]
    assert [piece.told.split(", ")[1] for piece in picture.passages[0].pieces] == [
        "rank 1", "rank 3", "rank not among the recorded"
    ]  # fmt: skip


def test_the_mouse_shows_every_record(drawn, tokenizer):
    told = " · ".join(piece.told for piece in tint(drawn, tokenizer).passages[0].pieces)
    for n, one in enumerate(told.split(" · ")):
        token = int(drawn.tokens[0, n])
        rank = np.flatnonzero(np.asarray(drawn.top.ids[0, n]) == token)
        assert one == (
            f"token {token}, probability {math.exp(drawn.logprobs[0, n]):.3g}, "
            f"under the model {math.exp(drawn.model_logprobs[0, n]):.3g}, "
            f"entropy {drawn.entropy[0, n]:.3g} nats, {drawn.kept[0, n]} kept, "
            f"rank {rank[0] + 1 if rank.size else 'not among the recorded'}"
        )


def test_rows_end_where_they_ended(drawn, tokenizer):
    picture = tint(drawn, tokenizer)
    assert [p.label for p in picture.passages] == ["row 0", "row 1"]
    assert pieces(picture, 1) == ["<end>"]
    assert repr(picture).endswith("row 1: <end>")
    assert tint(drawn, tokenizer, rows=1).remark == "1 of 2 rows"


def test_a_generation_shows_its_ids(drawn):
    found = Spans(drawn._repr_html_()).found
    shown = [f["text"].strip() for f in found if "title" in f]
    assert shown == [str(token) for token in [*drawn.tokens[0].tolist(), 256]]
    assert any("jaxsample.show.tint(out, tokenizer)" in f["text"] for f in found)


@pytest.mark.parametrize(
    "text, expected",
    [
        ("aé🙂b", ["a", "é", "🙂", "b"]),
        ("שלום", ["ש", "ל", "ו", "ם"]),
        ("a\n\tb", ["a", "\n", "\t", "b"]),
        ('<b>&"', ["<", "b", ">", "&", '"']),
    ],
)
def test_the_text_is_that_of_the_tokenizer(tokenizer, text, expected):
    out = of(tokenizer, text)
    picture = tint(out, tokenizer)
    assert pieces(picture) == expected
    assert repr(picture) == text
    counts = [piece.told.count("token ") for piece in picture.passages[0].pieces]
    assert counts == [len(letter.encode()) for letter in text]
    shown = [f for f in Spans(picture._repr_html_()).found if "title" in f]
    assert [f["text"] for f in shown] == [
        {"\n": "⏎\n", "\t": "⇥"}.get(letter, letter) for letter in expected
    ]


def test_a_character_that_is_never_completed_is_shown(tokenizer):
    ids = tokenizer.encode("a🙂").ids
    picture = tint(made([ids[:-2]]), tokenizer)
    assert pieces(picture)[0] == "a" and set("".join(pieces(picture)[1:])) == {"\ufffd"}
    assert "".join(texts(read(picture))).count("\ufffd") >= 1


def test_controls_do_not_reach_the_page(tokenizer):
    text = "\x00\x1b\u202e\uffff"
    picture = tint(of(tokenizer, text), tokenizer)
    assert not re.search("[\x00-\x09\x1b\u202e\uffff]", picture._repr_html_() + picture.svg())
    assert "\\u202e" in "".join(texts(read(picture)))


def test_numbers_that_are_no_numbers_have_no_tint(tokenizer):
    values = np.array([[-0.01, -0.5, np.nan, -np.inf, -20.0]])
    picture = tint(of(tokenizer, "abcde", logprobs=values), tokenizer)
    levels = [piece.level for piece in picture.passages[0].pieces]
    assert levels == [0, 1, None, 4, 4]
    shown = tinted(picture)
    assert shown[2] is None and shown[0] == 0 and shown[1] < shown[3] == shown[4]
    assert "NaN" in picture.passages[0].pieces[2].told


def test_rows_without_records_have_no_tint(tokenizer):
    picture = tint(of(tokenizer, "abc"), tokenizer)
    assert picture.scale is None and tinted(picture) == [None] * 3
    assert texts(read(picture)) == ["a", "b", "c"]


def test_empty_and_invalid_rows_say_so(tokenizer):
    tokens = [[97, -1], [-1, 0], [-1, 0], [97, 98]]
    out = made(
        tokens,
        [1, 0, 0, 0],
        invalid=[True, True, False, False],
        invalid_logits=[True, False, False, False],
    )
    assert [passage.after for passage in tint(out, tokenizer).passages] == [
        "✕ the model made an invalid row",
        "✕ the sampler made an invalid row",
        "no tokens",
        "no tokens",
    ]
    read(tint(out, tokenizer))
    Spans(out._repr_html_())
    nothing = made(np.zeros((0, 3)))
    assert tint(nothing, tokenizer).passages == () and repr(tint(nothing, tokenizer)) == ""
    read(tint(nothing, tokenizer))
    Spans(nothing._repr_html_())


def test_samples_are_named_and_counted(tokenizer):
    tokens = np.arange(64, 64 + 2 * 3 * 2).reshape(2, 3, 2)
    out = made(tokens, entropy=tokens / 10)
    picture = tint(out, tokenizer, prompts=[[1], [2]])
    assert picture.remark == "4 of 6 rows"
    assert [p.label for p in picture.passages][2:] == ["row 0, sample 2", "row 1, sample 0"]
    assert pieces(picture, 3) == list(tokenizer.decode(tokens[1, 0].tolist()))
    (last,) = tint(out, tokenizer, rows=-1).passages
    assert last.label == "row 1, sample 2" and "entropy 7.4 nats" in last.pieces[0].told


def test_prompts_stand_before_the_text(tokenizer):
    out = of(tokenizer, "xyz")
    ids = tokenizer.encode("abc def").ids
    padded = [[*ids, 7, 7]]
    for prompts, lengths in (([ids], None), (padded, [len(ids)]), (np.array(padded), [len(ids)])):
        picture = tint(out, tokenizer, prompts=prompts, lengths=lengths)
        assert picture.passages[0].before == "abc def"
        assert repr(picture) == "abc defxyz"
    long = tint(out, tokenizer, prompts=[tokenizer.encode("word " * 200).ids])
    assert long.passages[0].before.startswith("…") and len(long.passages[0].before) == 301


def test_any_numbers_can_be_tints(tokenizer):
    out = of(tokenizer, "abcde")
    picture = tint(out, tokenizer, ("temperature", [[0.0, 0.25, 0.5, 0.75, 1.0]]))
    assert [piece.level for piece in picture.passages[0].pieces] == [0, 1, 2, 3, 4]
    assert picture.passages[0].pieces[1].told.endswith("temperature 0.25")
    assert "temperature" in texts(read(picture))
    same = tint(out, tokenizer, ("flat", np.full((1, 5), 2.0)))
    assert {piece.level for piece in same.passages[0].pieces} == {0}
    padded = tint(out, tokenizer, ("x", np.arange(9.0)[None]))
    assert padded.passages[0].pieces[4].told.endswith("x 4")


@pytest.mark.parametrize(
    "by, message",
    [
        ("kept", r"by='kept' needs generate\(.., record=\('kept',\)\)"),
        ("rank", r"by='rank' needs generate\(.., record=\(\('top', n\),\)\)"),
        ("colour", r"by takes 'logprobs', .* or \(name, values\), got 'colour'"),
        (("x", [[1.0]]), "by: x needs a number for each of the 3 tokens of row 0"),
        (("x", []), "by: x needs a number for each of the 3 tokens of row 0"),
    ],
)
def test_errors_name_the_remedy(tokenizer, by, message):
    with pytest.raises(ValueError, match=message):
        tint(of(tokenizer, "abc", entropy=np.ones((1, 3))), tokenizer, by)


def test_a_row_that_is_not_there_is_refused(tokenizer):
    with pytest.raises(ValueError, match="there is no row 1; there are 1"):
        tint(of(tokenizer, "abc"), tokenizer, rows=1)


def test_long_rows_are_cut_and_counted(tokenizer):
    out = made(np.full((1, 1500), 65))
    (passage,) = tint(out, tokenizer).passages
    assert (len(passage.pieces), passage.after) == (1000, "… 500 more tokens")
    assert "… 500 more tokens" in "".join(texts(read(tint(out, tokenizer))))
    assert out._repr_html_().count("title=") == 1000


def test_an_accent_stays_on_its_letter(tokenizer):
    assert texts(read(tint(of(tokenizer, "ae\u0301b"), tokenizer))) == ["a", "e\u0301", "b"]


def boxes(picture):
    """The tokens of the SVG: text, left edge, right edge and line."""
    found = []
    for text in all_of(read(picture), "text"):
        if text.get("textLength"):
            x, y, wide = (float(text.get(name)) for name in ("x", "y", "textLength"))
            found.append((text.text, x, x + wide, y))
    return found


def test_lines_of_the_file_break_and_never_overlap(tokenizer):
    text = "Ein langer Text " * 20 + "\n\n" + "日本" * 60 + "🙂" * 9
    placed = boxes(tint(of(tokenizer, text), tokenizer))
    assert "".join(t for t, *_ in placed) == text.replace("\n", "⏎")
    assert max(right for _, _, right, _ in placed) <= 720
    for (_, _, right, y), (_, left, _, below) in zip(placed, placed[1:], strict=False):
        assert below > y or left == pytest.approx(right)
    breaks = [y for t, _, _, y in placed if t == "⏎"]
    assert len(set(breaks)) == 2


def test_a_file_reads_from_right_to_left_where_the_script_does(tokenizer):
    placed = boxes(tint(of(tokenizer, "ab שלום עולם cd"), tokenizer))
    from_left = "".join(t for t, left, *_ in sorted(placed, key=lambda box: box[1]))
    assert from_left == "ab " + "שלום עולם"[::-1] + " cd"


def test_what_cannot_be_read_here_is_left_to_the_text_form(tokenizer):
    out = of(tokenizer, "abc", logprobs=np.zeros((1, 3)))
    seen = []

    @jax.jit
    def shown(out):
        seen.append(out._repr_html_())
        return out.tokens

    shown(out)
    gone = jnp.asarray(out.tokens)
    gone.delete()
    others = (out._replace(tokens=gone), jax.tree.map(lambda _: None, out))
    assert [*seen, *(other._repr_html_() for other in others)] == [None] * 3
    held = jax.tree.map(lambda _: object(), out)
    assert held._repr_html_() is None and out._repr_html_()
