"""The pixels of pictures on light and dark pages of a real browser."""

import io
from collections import Counter

import numpy as np
import pytest

from jaxsample import EntropyTemperature, RepetitionPenalty, TopK, TopP, chain
from jaxsample.show import Cards, tint
from tests.show import example

image = pytest.importorskip("PIL.Image")
pytestmark = pytest.mark.slow

SCALE = 2  # pixels of the screen for one of the page, so that letters have a core
READABLE, SEEN = 4.5, 3.0  # contrast of text and of bars, WCAG 2.1, 1.4.3 and 1.4.11
BLUE = 0x3B, 0x7D, 0xD8
NAMES = [
    '" brave"', '" ein sehr langes Wort"', '"日本語日本語日本語"', '"שלום"', '"🙂"', '"\\n"',
    "<0xF0>", '" $5 & <b>"', '"한국어"', '" café"', "unused 7", "</s>",
]  # fmt: skip

# A host sets the ink and the paper of its outputs, whatever the system prefers.
HOSTS = {
    "page": ("", ""),
    "lab": ("#fff", "rgba(0, 0, 0, 0.87)"),
    "lab dark": ("#111", "rgba(255, 255, 255, 0.87)"),
    "code": ("#fff", "#3b3b3b"),
    "code dark": ("#1f1f1f", "#cccccc"),
}
# Every host is seen under the other preference of the system, which it overrules.
SCHEMES = [("page", "light"), ("page", "dark")] + [
    (host, "light" if host.endswith("dark") else "dark") for host in list(HOSTS)[1:]
]
PLACES = """() => [...document.querySelectorAll("text, span[style], rect[fill='#3b7dd8']")]
  .filter((e) => e.textContent.trim() || e.tagName === "rect")
  .map((e) => { const r = e.getClientRects()[0];
    return [e.tagName.toLowerCase(), e.textContent.trim(), r.left, r.top, r.right, r.bottom]; })"""


@pytest.fixture(scope="module")
def pictures():
    text = "Once upon a time. 日本 🙂 שלום <b>\nnew line"
    tokenizer = example.tokenizer()
    tokens = np.array([tokenizer.encode(text).ids])
    entropy = np.linspace(0, 2.5, tokens.size)[None]
    sampler = chain(RepetitionPenalty(1.3), EntropyTemperature(1.0, 0.5), TopK(50), TopP(0.9))
    return {
        "row": example.row(NAMES),
        "text": tint(example.made(tokens, entropy=entropy), tokenizer),
        "cards": Cards(sampler),
    }


@pytest.fixture(scope="module")
def shown(browser, pictures, tmp_path_factory):
    """Show a picture in a host; return the page and its pixels."""
    folder, kept = tmp_path_factory.mktemp("pictures"), {}

    def show(name, host="page", scheme="light", width=800):
        if (name, host, scheme, width) not in kept:
            pictures[name].save(folder / f"{name}.html")
            page = browser.new_context(
                color_scheme=scheme,
                viewport={"width": width, "height": 800},
                device_scale_factor=SCALE,
                offline=True,
            ).new_page()
            page.goto((folder / f"{name}.html").as_uri())
            paper, ink = HOSTS[host]
            if paper:
                page.add_style_tag(content=f"body {{ background: {paper}; color: {ink} }}")
            with image.open(io.BytesIO(page.screenshot(full_page=True))) as taken:
                kept[name, host, scheme, width] = page, np.asarray(taken.convert("RGB"))
        return kept[name, host, scheme, width]

    return show


def luminance(color):
    linear = np.where(
        color <= 0.04045 * 255, color / 255 / 12.92, ((color / 255 + 0.055) / 1.055) ** 2.4
    )
    return linear @ [0.2126, 0.7152, 0.0722]


def contrast(one, other):
    low, high = sorted(luminance(np.asarray(c, float)) for c in (one, other))
    return (high + 0.05) / (low + 0.05)


def colours(pixels, left, top, right, bottom):
    part = pixels[int(top * SCALE) : int(bottom * SCALE), int(left * SCALE) : int(right * SCALE)]
    return Counter(map(tuple, part.reshape(-1, 3).tolist()))


def ink_of(found):
    """The paper of a text, its commonest colour, and the contrast of its strongest ink."""
    paper = found.most_common(1)[0][0]
    return paper, max(contrast(paper, color) for color in found)


@pytest.mark.parametrize("name", ["row", "text", "cards"])
@pytest.mark.parametrize("host, scheme", SCHEMES)
def test_all_text_and_bars_can_be_seen(shown, name, host, scheme):
    page, pixels = shown(name, host, scheme)
    paper = colours(pixels, 0, 0, 6, 6).most_common(1)[0][0]
    is_dark = luminance(np.asarray(paper, float)) < 0.2
    assert is_dark == (scheme == "dark" if host == "page" else host.endswith("dark"))
    faint, seen = [], Counter()
    for tag, text, *place in page.evaluate(PLACES):
        found = colours(pixels, *place)
        if tag == "rect":
            blue = min(found, key=lambda c: sum(abs(a - b) for a, b in zip(c, BLUE, strict=True)))
            assert max(np.abs(np.subtract(blue, BLUE))) < 3
            assert contrast(paper, BLUE) >= SEEN
        else:
            strength = ink_of(found)[1]
            if strength < READABLE:
                faint.append((text, round(strength, 2)))
        seen[tag] += 1
    assert faint == []
    assert seen["span" if name == "text" else "text"] > 8 and (name == "text") == (not seen["rect"])


@pytest.mark.parametrize("host, scheme", SCHEMES)
def test_the_tints_can_be_told_apart(shown, host, scheme):
    page, pixels = shown("text", host, scheme)
    places = [place for tag, text, *place in page.evaluate(PLACES) if text[:1] in "<≥"]
    papers = [ink_of(colours(pixels, *place))[0] for place in places[-5:]]
    assert len(papers) == 5
    steps = [max(np.abs(np.subtract(a, b))) for a, b in zip(papers, papers[1:], strict=False)]
    assert min(steps) >= 12  # of 255, in one channel


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["row", "text", "cards"])
def test_a_file_in_a_page_is_readable(browser, pictures, name, scheme, tmp_path):
    """As an image it has no page to take the ink from, and follows the reader's choice."""
    pictures[name].save(tmp_path / "picture.svg")
    (tmp_path / "page.html").write_text(
        '<meta name="color-scheme" content="light dark"><body style="margin:0">'
        '<img src="picture.svg" style="display:block">'
    )
    page = browser.new_context(
        color_scheme=scheme, viewport={"width": 800, "height": 600}, device_scale_factor=SCALE
    ).new_page()
    page.goto((tmp_path / "page.html").as_uri())
    with image.open(io.BytesIO(page.screenshot(full_page=True))) as taken:
        pixels = np.asarray(taken.convert("RGB"))
    paper, strength = ink_of(colours(pixels, 0, 0, 720, 300))
    assert (luminance(np.asarray(paper, float)) < 0.2) == (scheme == "dark")
    assert strength >= 10


def test_spaces_stay_in_programs_for_papers():
    """resvg, unlike a browser, does not know the `white-space` of CSS."""
    convert = pytest.importorskip("vl_convert")
    tokenizer = example.tokenizer()
    out = example.made([tokenizer.encode("b").ids])
    picture = tint(out, tokenizer, prompts=[tokenizer.encode("   a").ids])
    with image.open(io.BytesIO(convert.svg_to_png(picture.svg(), scale=1.0))) as taken:
        ink = np.asarray(taken.convert("RGBA"))[..., 3].max(axis=0)
    columns = [ink[7 * i : 7 * i + 7].max() for i in range(6)]
    assert columns[:3] == [0, 0, 0] and columns[5] == 0 and min(columns[3:5]) > 0
    assert convert.svg_to_pdf(picture.svg())[:4] == b"%PDF"


LAYOUT = """() => {
  const found = [];
  for (const svg of document.querySelectorAll("svg")) {
    const box = svg.getBoundingClientRect();
    const texts = [...svg.querySelectorAll("text")].map((e) => [e, e.getBoundingClientRect()]);
    texts.forEach(([text, a], i) => {
      if (a.left < box.left - 1 || a.right > box.right + 1 || a.top < box.top - 1
        || a.bottom > box.bottom + 1) found.push(`outside: ${text.textContent}`);
      for (const [other, b] of texts.slice(i + 1)) {
        const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
        const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
        if (across > 1 && down > 5) found.push(`${text.textContent} touches ${other.textContent}`);
      }
    });
  }
  return found;
}"""


@pytest.mark.parametrize("width", [400, 800, 1400])
@pytest.mark.parametrize("name", ["row", "text", "cards"])
def test_nothing_is_cut_or_touches_at_any_width(shown, name, width):
    page, _ = shown(name, width=width)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.evaluate(LAYOUT) == []


def test_a_picture_asks_for_nothing(shown):
    page, _ = shown("row")
    assert page.evaluate("performance.getEntriesByType('resource').length") == 0
