"""Pages, panels, colours and sums, without a model."""

import io
import math

import pytest
from rich.console import Console

from jaxsample.cli.decoding import Chunk, Piece
from jaxsample.cli.page import Page
from jaxsample.cli.panels import Panels
from jaxsample.cli.shades import EDGES, STYLES, legend, style_of
from jaxsample.cli.tally import Tally


class Paper(Console):
    """A console that remembers what was written."""

    def __init__(self, **options):
        self.paper = io.StringIO()
        super().__init__(file=self.paper, **options)


def terminal(width=20, height=24):
    return Paper(force_terminal=True, color_system=None, width=width, height=height)


def piece(logprob=-1.0, model_logprob=-1.0, entropy=0.0):
    return Piece(0, 5, "x", False, logprob, model_logprob, entropy)


def written(console, pieces):
    page = Page(console)
    for text in pieces:
        page.add(0, text)
    page.refresh()
    page.close()
    return console.paper.getvalue()


def test_a_terminal_gets_lines_that_break_between_words():
    out = written(terminal(12), ["The", " quick", " bro", "wn fox", "\n", "ran a", "way."])
    assert out == "The quick\nbrown fox\nran away.\n"


def test_a_word_longer_than_the_line_is_not_lost():
    assert written(terminal(5), ["a ", "b" * 13, " c"]).replace("\n", "") == "a" + "b" * 13 + " c"


def test_wide_characters_count_twice():
    assert written(terminal(8), ["猫猫 ", "犬犬"]) == "猫猫\n犬犬\n"


def test_elsewhere_text_is_written_as_it_is():
    pieces = ["The ", "quick", " brown fox ", "jumps over it"]
    plain = Paper(width=10)
    assert written(plain, pieces) == "".join(pieces) + "\n"


@pytest.mark.parametrize("pieces", [["the end.\n"], ["the end.", "\n"], ["the end.", "\n", ""]])
def test_a_text_that_ends_its_line_gets_no_other(pieces):
    assert written(Paper(), pieces) == "the end.\n"
    assert written(terminal(), pieces) == "the end.\n"


def test_panels_show_every_text_whole_in_the_end():
    console = terminal(30, 12)
    panels = Panels(console, 3)
    for sample in range(3):
        for n in range(30):
            panels.add(sample, f"word{sample}-{n} ")
    panels.refresh()
    panels.close()
    final = console.paper.getvalue().rpartition("\x1b")[2]
    for sample in range(3):
        assert all(f"word{sample}-{n} " in final for n in range(30))


def test_panels_elsewhere_are_texts_one_after_the_other():
    console = Paper(width=10)
    panels = Panels(console, 2)
    for sample, text in enumerate(["a long text, not wrapped", "another"]):
        panels.add(sample, text, "bold")
    panels.refresh()
    panels.close()
    assert console.paper.getvalue() == "a long text, not wrapped\n\nanother\n"


@pytest.mark.parametrize(
    "p, shade", [(1.0, 0), (0.91, 0), (0.89, 1), (0.5001, 1), (0.3, 2), (0.05, 3), (1e-9, 4)]
)
def test_colours_of_probability(p, shade):
    assert style_of("probability", piece(model_logprob=math.log(p))) == STYLES[shade]


@pytest.mark.parametrize("entropy, shade", [(0.0, 0), (0.1, 1), (0.99, 2), (1.5, 3), (9.0, 4)])
def test_colours_of_entropy(entropy, shade):
    assert style_of("entropy", piece(entropy=entropy)) == STYLES[shade]


def test_no_colour_is_plain():
    assert style_of(None, piece()) == ""


@pytest.mark.parametrize("color", EDGES)
def test_the_legend_names_every_edge(color):
    line = legend(color).plain
    assert line.count("■") == len(STYLES)
    assert all(f"{edge:g}" in line for edge in EDGES[color])


def test_sums():
    tally = Tally()
    tally.add(Chunk([piece(-1.0, -2.0, 0.5), piece(-2.0, -4.0, 1.5)], 60.0))
    assert tally.speed is None and "too few" in tally.lines()[0]
    tally.add(Chunk([piece(-3.0, -6.0, 4.0)] * 2, 0.5))
    assert tally.speed == 4.0  # compiling, in the first chunk, does not count
    tokens, entropy, logprob = tally.lines()
    assert "4, 4 tokens/s" in tokens
    assert "2.500 nats" in entropy
    assert "-2.250 nats" in logprob and "-4.500" in logprob
