"""A report, read back: by Python where it is made, by a browser where it is shown."""

import csv
import io
import json
import re
import runpy
import shutil
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("altair")
pytest.importorskip("vl_convert")

from jaxsample.study import read_results, write_report  # noqa: E402
from jaxsample.study.show.report._contents import SMALL  # noqa: E402
from jaxsample.study.show.report._tables import as_csv, read_columns  # noqa: E402
from tests.study import example  # noqa: E402

BROWSERS = "chromium", "chromium-browser", "google-chrome"
ROWS = '{"setting": "T 0.2", "text": "once"}\n{"setting": "T 0.4", "text": "</script>"}\n'
DRAWN = """document.readyState === "complete" &&
  document.querySelectorAll(".plot svg").length === document.querySelectorAll(".plot").length"""


# What is read


def without(path):
    """The example's results without one field."""
    data = example.results()
    *way, last = path
    place = data
    for step in way:
        place = place[step]
    del place[last]
    return data


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (["title"], "title is missing"),
        (["model", "name"], "model.name is missing"),
        (["tables", 1, "columns", 0, "title"], "tables[1].columns[0].title is missing"),
        (["charts", 2, "spec"], "charts[2].spec is missing"),
        (["texts", 0, "samples", 1, "pieces"], "texts[0].samples[1].pieces is missing"),
        (["notes"], "notes is missing"),
    ],
)
def test_a_missing_field_is_named(tmp_path, path, message):
    (tmp_path / "results.json").write_text(json.dumps(without(path)))
    with pytest.raises(ValueError, match=re.escape(f"is not the results of a study: {message}")):
        read_results(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tables": {}}, "tables must be a list"),
        ({"notes": [1]}, "notes[0] must be a text"),
        ({"model": "stories"}, "model must be an object"),
    ],
)
def test_a_field_of_another_kind_is_named(tmp_path, change, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        read_results(example.write(tmp_path, change))


def test_values_of_tokens_are_as_many_as_the_tokens(tmp_path):
    texts = example.results()["texts"]
    texts[2]["samples"][1]["entropy"].pop()
    message = r"texts\[2\]\.samples\[1\]\.entropy must be a list of \d+, as its pieces"
    with pytest.raises(ValueError, match=message):
        read_results(example.write(tmp_path, {"texts": texts}))


@pytest.mark.parametrize("text", ["", "{", "[]", "\xff"])
def test_a_file_that_holds_no_results_is_refused(tmp_path, text):
    (tmp_path / "results.json").write_text(text, encoding="latin-1")
    with pytest.raises(ValueError, match="results.json is not"):
        read_results(tmp_path)


def test_numbers_json_lacks_are_read_as_the_format_writes_them(tmp_path):
    data = example.results() | {"more": [float("nan"), float("inf"), -float("inf")]}
    (tmp_path / "results.json").write_text(json.dumps(data))
    assert read_results(tmp_path)["more"] == [None, "inf", "-inf"]


# How tables read


def texts_of(*values, unit=None):
    column = {"name": "a", "title": "a"} | ({"unit": unit} if unit else {})
    (read,) = read_columns({"columns": [column], "rows": [{"a": value} for value in values]})
    return [cell.text + cell.interval for cell in read.cells]


def test_numbers_of_a_column_share_their_decimals():
    assert texts_of(31.234, 8.5, -102.0) == ["31.2", "8.5", "−102.0"]
    assert texts_of(0.5, 1.0) == ["0.5", "1.0"]
    assert texts_of(0.03125, 0.5, None, "inf") == ["0.031", "0.500", "–", "∞"]
    assert texts_of(900_000, 12) == ["900,000", "12"]
    assert texts_of(3e-9, 2e-9) == ["3e−09", "2e−09"]
    assert texts_of("T 0.5", 3) == ["T 0.5", "3"]
    assert texts_of(None) == ["–"]


def test_decimals_tell_the_ends_of_an_interval_apart():
    assert texts_of({"value": 31.2, "ci": [31.19, 31.21]}) == ["31.200[31.190, 31.210]"]
    assert texts_of({"value": 31, "ci": [20, "inf"]}) == ["31.0[20.0, ∞]"]


def test_csv_holds_the_numbers_unrounded():
    table = example.results()["tables"][0]
    read = list(csv.DictReader(io.StringIO(as_csv(table))))
    assert list(read[0])[:5] == ["setting", "rouge_l", "rouge_l_low", "rouge_l_high", "self_bleu"]
    for row, expected in zip(read, table["rows"], strict=True):
        assert row["setting"] == expected["setting"]
        assert float(row["rouge_l"]) == expected["rouge_l"]["value"]
        assert float(row["rouge_l_high"]) == expected["rouge_l"]["ci"][1]
    assert [row["perplexity"] for row in read].count("inf") == 1
    assert [row["texts"] for row in read].count("") == 1


# The page as a file


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """A report of one study, one of two, and one of a study that shows nothing."""
    folder = tmp_path_factory.mktemp("report")
    one = example.write(folder / "edt", rows=ROWS)
    two = example.write(folder / "more", {"title": "A second study"}, rows="x" * (SMALL + 1))
    write_report([one], folder / "one.html")
    write_report([one, two], folder / "two.html")
    nothing = {"tables": [], "charts": [], "texts": [], "notes": [], "versions": {}}
    write_report([example.write(folder / "bare", nothing)], folder / "bare.html")
    return folder


class Outline(HTMLParser):
    """The tags of a page, its addresses and its headings."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.addresses, self.headings = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.addresses += [value for name, value in attrs if name in ("href", "src")]
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))


@pytest.mark.parametrize("name", ["one", "two"])
def test_a_page_points_nowhere_but_to_itself(pages, name):
    outline = Outline((pages / f"{name}.html").read_text())
    assert outline.addresses
    assert all(a.startswith(("#", "data:text/csv")) for a in outline.addresses)
    assert not {"link", "img", "iframe"} & set(outline.tags)


def test_many_rows_are_named_but_not_carried(pages):
    text = (pages / "two.html").read_text()
    assert "too large to carry here" in text and "x" * 100 not in text


def test_a_page_is_smaller_than_two_megabytes(pages):
    assert (pages / "one.html").stat().st_size < 2_000_000


# The page in a browser


@pytest.fixture(scope="module")
def browser():
    """Headless Chromium, as the system has it."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip(f"no browser is installed: none of {', '.join(BROWSERS)}")
    api = pytest.importorskip("playwright.sync_api")
    with api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def opened(browser, pages):
    """Open a page without a network, once for all tests; keeps what it said and asked for."""
    shown, said = {}, []

    def asked(url):
        if not url.startswith(("file:", "blob:", "data:")):
            said.append(url)

    def show(name="one", color_scheme="light", width=1280):
        if (name, color_scheme, width) in shown:
            return shown[name, color_scheme, width]
        viewport = {"width": width, "height": 900}
        context = browser.new_context(offline=True, color_scheme=color_scheme, viewport=viewport)
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked(request.url))
        page.goto((pages / f"{name}.html").as_uri())
        page.wait_for_function(DRAWN)
        shown[name, color_scheme, width] = page
        return page

    return show, said


@pytest.fixture
def show(opened):
    """Open a page; fails if it wants the network, or says anything in the console."""
    show, said = opened
    yield show
    assert said == []


def column(page, table, title):
    """The cells of a column from top to bottom."""
    titles = [
        text.split(" (")[0] for text in page.locator(f"{table} thead button").all_inner_texts()
    ]
    place = titles.index(title)
    return page.eval_on_selector_all(
        f"{table} tbody tr",
        f"rows => rows.map((row) => row.querySelectorAll('[data-key]')[{place}].textContent)",
    )


def test_a_click_on_a_header_sorts_by_it(show):
    page = show()
    table = "figure[aria-labelledby=s1-table-1] table"
    at_first = column(page, table, "setting")
    assert at_first == [setting for setting, _ in example.SETTINGS]

    def click(title):
        header = page.locator(f"{table} thead button", has_text=title)
        header.click()
        return header.locator("..").get_attribute("aria-sort")

    assert click("perplexity") == "ascending"
    values = column(page, table, "perplexity")
    assert values[-1] == "∞"
    assert [float(v) for v in values[:-1]] == sorted(float(v) for v in values[:-1])
    assert click("perplexity") == "descending"
    assert column(page, table, "perplexity") == values[::-1]

    for order in ("ascending", "descending"):  # what is missing stays last
        assert click("texts") == order
        assert column(page, table, "texts")[-1] == "–"

    assert click("setting") == "ascending"
    assert column(page, table, "setting")[0] == "EDT 0.6"
    assert page.locator(f"{table} th[aria-sort=none]").count() == 5
    page.keyboard.press("Enter")  # the header still has the focus
    assert column(page, table, "setting")[0] == "T 1.2"


@pytest.mark.parametrize("place", [7, 11])  # the name of the last is markup
def test_pointing_at_a_setting_shows_its_values(show, place):
    page = show()
    page.locator(".plot").first.locator(".mark-symbol.role-mark path").nth(place).hover()
    row = example.results()["tables"][0]["rows"][place]
    page.locator("#vg-tooltip-element.visible", has_text=row["setting"]).wait_for()
    told = page.locator("#vg-tooltip-element").inner_text()
    quality, (low, high) = row["rouge_l"]["value"], row["rouge_l"]["ci"]
    assert f"{quality:.4g} [{low:.4g}, {high:.4g}]" in told


@pytest.mark.parametrize("by", ["click", "key"])
def test_a_legend_picks_families(show, by):
    page = show()
    plot = page.locator(".plot").first
    label = plot.locator(".role-legend-label text", has_text="EDT")
    families = [family for _, family in example.SETTINGS]

    def toggle():
        if by == "click":
            label.click()
        else:
            label.focus()
            page.keyboard.press("Enter")

    def strengths(pressed):
        page.wait_for_function(
            "([label, pressed]) => label.getAttribute('aria-pressed') === pressed",
            arg=[label.element_handle(), pressed],
        )
        marks = plot.locator(".mark-symbol.role-mark path").all()
        return [float(mark.get_attribute("opacity") or 1) for mark in marks]

    assert strengths("false") == [1.0] * len(families)
    toggle()
    assert strengths("true") == [1.0 if family == "EDT" else 0.1 for family in families]
    toggle()
    assert strengths("false") == [1.0] * len(families)


def test_texts_of_the_chosen_item_stand_side_by_side(show):
    page = show()
    texts = example.results()["texts"]
    select = page.get_by_label("Item")
    for item in (0, 5):
        select.select_option(str(item))
        boxes = page.locator(".sample")
        assert boxes.count() == len(example.SHOWN)
        for i, sample in enumerate(texts[item]["samples"]):
            box = boxes.nth(i)
            assert box.locator("h3").inner_text() == sample["setting"]
            assert box.locator(".text").evaluate("e => e.textContent") == "".join(sample["pieces"])
            ribbons = box.locator(".ribbon svg").all()
            assert len(ribbons) == (2 if sample["setting"].startswith("EDT") else 1)
            for ribbon in ribbons:
                assert ribbon.locator("rect").count() == len(sample["pieces"])
    assert page.locator(".item").inner_text().split() == (
        ["Prompt", *texts[5]["prompt"].split(), "Reference", *texts[5]["reference"].split()]
    )


def test_what_a_model_wrote_is_text_and_nothing_else(show):
    page = show()
    page.get_by_label("Item").select_option("1")
    assert page.locator(".text .token").first.evaluate("e => e.textContent") == example.HOSTILE
    assert example.HOSTILE in page.locator("tbody td", has_text="script").inner_text()
    assert page.title() == example.results()["title"]
    assert page.locator("main b").count() == 0


def test_tokens_are_walked_with_the_keys(show):
    page = show()
    page.get_by_label("Item").select_option("0")
    (sample,) = [s for s in example.results()["texts"][0]["samples"] if s["setting"] == "EDT 0.8"]
    box = page.locator(".sample", has=page.get_by_role("heading", name="EDT 0.8"))
    box.locator(".text").focus()
    for key in ("End", "Home", "ArrowRight", "ArrowRight", "ArrowLeft", "ArrowRight"):
        page.keyboard.press(key)
    told = box.locator(".readout").inner_text()
    assert told == (
        f'token 3 of {len(sample["pieces"])} "{sample["pieces"][2]}", '
        f"probability {sample['probabilities'][2]:.3g}, "
        f"temperature {sample['temperature'][2]:.2f}, entropy {sample['entropy'][2]:.2f} nats"
    )
    assert box.locator("[data-token='2'].here").count() == 3  # the token and both ribbons
    assert box.locator("rect[data-token='2'] title").first.text_content() == told


def test_tokens_are_marked_by_their_probability(show):
    page = show()
    page.get_by_label("Item").select_option("0")
    for i, sample in enumerate(example.results()["texts"][0]["samples"]):
        tokens = page.locator(".text").nth(i).locator(".token")
        classes = tokens.evaluate_all("all => all.map((e) => e.className)")
        for name, p in zip(classes, sample["probabilities"], strict=True):
            assert name == f"token level{sum(p < edge for edge in (0.9, 0.5, 0.1, 0.01))}"
    shown = page.locator(".legend .token").all_inner_texts()
    assert shown == ["≥ 0.9", "≥ 0.5", "≥ 0.1", "≥ 0.01", "< 0.01"]


COLOURS = """() => [
  getComputedStyle(document.body).backgroundColor,
  getComputedStyle(document.querySelector(".role-axis-title text")).fill,
]"""
LIGHT = ["rgb(255, 255, 255)", "rgb(28, 33, 40)"]
DARK = ["rgb(20, 23, 28)", "rgb(227, 231, 237)"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_theme_is_the_readers_until_the_button_is_pressed(show, scheme):
    page = show(color_scheme=scheme)
    first, second = (LIGHT, DARK) if scheme == "light" else (DARK, LIGHT)
    button = page.get_by_role("button", name="Dark theme")
    assert page.evaluate(COLOURS) == first
    assert button.get_attribute("aria-pressed") == str(scheme == "dark").lower()
    button.click()
    assert page.evaluate(COLOURS) == second
    assert button.get_attribute("aria-pressed") == str(scheme == "light").lower()
    button.click()
    assert page.evaluate(COLOURS) == first


def test_print_is_light_whole_and_without_controls(show):
    page = show(color_scheme="dark")
    page.get_by_role("button", name="Dark theme").dblclick()  # now dark by choice
    page.emulate_media(media="print")
    assert page.evaluate(COLOURS) == LIGHT
    for hidden in ("nav", "#theme", ".hint", ".download"):
        assert not page.locator(hidden).first.is_visible()
    assert page.locator(".text").first.evaluate("e => e.scrollHeight <= e.clientHeight")
    page.emulate_media(media="screen")


def test_a_narrow_screen_scrolls_downwards_only(show):
    page = show(width=400)
    assert page.evaluate("document.documentElement.scrollWidth") == 400
    widths = page.locator(".plot svg").evaluate_all("all => all.map((e) => e.clientWidth)")
    assert max(widths) <= 400


def test_downloads_hold_what_the_page_shows(show):
    page = show()

    def downloaded(link):
        with page.expect_download() as waiting:
            page.get_by_role("link", name=link, exact=True).click()
        return waiting.value.suggested_filename, waiting.value.path().read_bytes().decode()

    results = example.results()
    name, text = downloaded("results.json")
    assert name == "edt-results.json"
    assert json.loads(text) == json.loads(json.dumps(results))
    assert downloaded("rows.jsonl") == ("edt-rows.jsonl", ROWS)
    for table in results["tables"]:
        expected = (f"edt-{table['name']}.csv", as_csv(table))
        assert downloaded(f"{table['name']}.csv") == expected


CONTROLS = {"button", "link", "combobox", "textbox", "region", "figure", "main", "navigation"}


@pytest.mark.parametrize("name", ["one", "two"])
def test_everything_to_use_or_to_find_has_a_name(show, name):
    page = show(name)
    tree = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")["nodes"]
    nameless, roles = [], set()
    for node in tree:
        role = node.get("role", {}).get("value")
        roles.add(role)
        if node.get("ignored") or role not in CONTROLS - {"main"}:
            continue
        if not node.get("name", {}).get("value", "").strip():
            nameless.append(node)
    assert nameless == []
    assert {"main", "navigation", "figure", "region", "combobox", "button"} <= roles

    assert page.locator("html").get_attribute("lang") == "en"
    captions = [chart["caption"] for chart in example.results()["charts"]]
    labels = page.locator(".plot").evaluate_all("all => all.map((e) => e.ariaLabel)")
    assert labels == captions * (len(labels) // len(captions))
    ids = page.eval_on_selector_all("[id]", "all => all.map((e) => e.id)")
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("name", ["one", "two"])
def test_headings_step_down_one_level_at_a_time(show, name):
    page = show(name)
    levels = [
        int(tag[1])
        for tag in page.eval_on_selector_all(
            "h1,h2,h3,h4,h5,h6", "all => all.map((e) => e.tagName)"
        )
    ]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(b <= a + 1 for a, b in zip(levels, levels[1:], strict=False))
    assert max(levels) == (3 if name == "one" else 4)


def test_several_studies_are_one_page(show):
    page = show("two")
    assert page.locator("h1").inner_text() == "2 studies"
    assert page.locator("h2").all_inner_texts() == [example.results()["title"], "A second study"]
    page.get_by_label("Item").nth(1).select_option("4")
    chosen = [page.locator(".item").nth(i).inner_text() for i in range(2)]
    assert "(none)" in chosen[0] and "Story 4" in chosen[1]


def test_a_study_may_show_nothing(show):
    page = show("bare")
    assert page.locator("h2").all_inner_texts() == ["Data"]
    assert page.get_by_role("link", name="results.json").get_attribute("href").startswith("blob:")


# The reports on the site


DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.fixture(scope="module")
def conf():
    """The names of the site's configuration."""
    return runpy.run_path(str(DOCS / "conf.py"))


def test_building_the_site_writes_a_report_of_every_study(conf, tmp_path):
    example.write(tmp_path / "docs" / "studies" / "edt")
    builder = SimpleNamespace(format="html")
    app = SimpleNamespace(srcdir=tmp_path / "docs", outdir=tmp_path / "site", builder=builder)
    conf["write_reports"](app, None)
    page = tmp_path / "site" / "studies" / "edt" / "report.html"
    assert page.read_text().startswith("<!doctype html>")


def test_the_site_links_to_the_report_of_every_study(conf):
    source = [(DOCS / "studies" / "README.md").read_text()]
    conf["link_within_the_site"](None, "studies/README", source)
    folders = [path.parent for path in DOCS.glob("studies/*/results.json")]
    assert all(read_results(folder)["tables"] for folder in folders)
    links = re.findall(r'href="([^"]*)"', source[0])
    assert sorted(links) == sorted(f"{folder.name}/report.html" for folder in folders)
