"""The page of a report in a real browser."""

import json

import pytest

pytest.importorskip("altair")
pytest.importorskip("vl_convert")

from jaxsample.study.show.report._tables import as_csv  # noqa: E402
from tests.study import example  # noqa: E402

DRAWN = """document.readyState === "complete" &&
  document.querySelectorAll(".plot svg").length === document.querySelectorAll(".plot").length"""


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """The pages of the example."""
    return example.write_pages(tmp_path_factory.mktemp("report"))


@pytest.fixture(scope="module")
def opened(browser, pages):
    """Open each page once, offline, and collect its messages and requests."""
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
    """Open a page. Fail if it uses the network or writes to the console."""
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
    mark = "getComputedStyle(document.querySelector('#theme'), '::before').content"
    assert ("✓" in page.evaluate(mark)) == (scheme == "dark")
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


# Each finding names the text, so that a failure says what to look at.
LAYOUT = """() => {
  const shown = (text) => text.textContent.trim() && text.getAttribute("opacity") !== "0";
  const found = [];
  for (const svg of document.querySelectorAll(".plot svg")) {
    const box = svg.getBoundingClientRect();
    for (const text of [...svg.querySelectorAll("text")].filter(shown)) {
      const { left, right, top, bottom } = text.getBoundingClientRect();
      const isInside = left >= box.left - 1 && right <= box.right + 1
        && top >= box.top - 1 && bottom <= box.bottom + 1;
      if (!isInside) found.push(`outside its chart: ${text.textContent}`);
      if (text.textContent.includes("…")) found.push(`cut: ${text.textContent}`);
    }
    for (const group of svg.querySelectorAll(".role-axis-label, .role-legend-label, .mark-text")) {
      const texts = [...group.querySelectorAll("text")].filter(shown);
      texts.forEach((text, i) => {
        const [a, b] = [texts[i - 1] ?? text, text].map((one) => one.getBoundingClientRect());
        const across = Math.max(a.left, b.left) - Math.min(a.right, b.right);
        const down = Math.max(a.top, b.top) - Math.min(a.bottom, b.bottom);
        if (i && across < 3 && down < -2) found.push(`touches another: ${text.textContent}`);
      });
    }
  }
  return found;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 800, 1400])
@pytest.mark.parametrize("name", ["one", "wide"])
def test_nothing_is_cut_at_any_width(show, name, width, scheme):
    page = show(name, scheme, width)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.locator(".plot").evaluate_all(
        "all => all.every((plot) => plot.firstElementChild.scrollWidth <= plot.clientWidth)"
    )
    assert page.evaluate(LAYOUT) == []


def test_a_chart_is_drawn_again_when_the_width_changes(show):
    page = show("wide", width=1000)
    page.set_viewport_size({"width": 400, "height": 900})
    page.wait_for_function(
        "[...document.querySelectorAll('.plot svg')].every((svg) => svg.clientWidth <= 400)"
    )
    page.wait_for_function(f"({LAYOUT})().length === 0")


def test_the_columns_of_a_table_fit_a_wide_screen(show):
    """On a narrow screen the table scrolls, and its first column stays visible."""
    scroll = show("wide", width=1200).locator(".scroll")
    assert scroll.evaluate("e => e.scrollWidth <= e.clientWidth")
    scroll = show("wide", width=400).locator(".scroll")
    scroll.evaluate("e => { e.scrollLeft = 200; }")
    assert scroll.evaluate("e => e.scrollLeft") == 200
    left = scroll.locator("tbody th").first.evaluate("e => e.getBoundingClientRect().left")
    assert left == scroll.evaluate("e => e.getBoundingClientRect().left")


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
    assert downloaded("rows.jsonl") == ("edt-rows.jsonl", example.ROWS)
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
