"""The page in a real browser: narrow and wide, light and dark, with the keyboard alone."""

import http.client
import json
import signal
import subprocess
import sys
import urllib.parse

import pytest

import jaxsample
from jaxsample.cli.chains import read_chain
from tests.cli.explore.conftest import serving

pytestmark = pytest.mark.slow
PROMPT = "a cat saw the dog"
PATIENCE = 120_000  # ms; the first texts compile


@pytest.fixture(scope="module")
def served(source):
    """A page with a warm chain, whose tokens differ from place to place."""
    with serving(source, jaxsample.chain(*read_chain("temperature=3,top_k=8")), PROMPT) as client:
        yield client


@pytest.fixture
def show(browser, served):
    """Open the page. Fail if it asks another machine or writes to the console."""
    said, contexts = [], []

    def opened(width=1400, scheme="light", address=served.address):
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, accept_downloads=True
        )
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked(request.url))
        page.goto(address)
        settled(page)
        return page

    def asked(url):
        if not url.startswith((served.address, "blob:", "data:")):
            said.append(url)

    yield opened
    for context in contexts:
        context.close()
    assert said == []


def settled(page, lane="A"):
    """Wait until a chain has its row and its whole text."""
    page.locator(f"#lane-{lane} .row[aria-busy=false] table").wait_for()
    page.locator(f"#lane-{lane} .stop:disabled").wait_for()
    page.wait_for_timeout(300)  # the text is written again a moment after the last move
    page.locator(f"#lane-{lane} .stop:disabled").wait_for()


def words(page, lane="A"):
    return page.locator(f"#lane-{lane} .token").all_inner_texts()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 800, 1400])
def test_nothing_overflows_and_text_can_be_read(show, width, scheme):
    page = show(width, scheme)
    page.check("#compare")
    settled(page, "B")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    colours = page.evaluate(
        """() => ["body", "#status", ".field", ".gone span", ".token"]
          .map((selector) => document.querySelector(selector)).filter(Boolean)
          .map((part) => [getComputedStyle(part).color, getComputedStyle(document.body)
            .backgroundColor])"""
    )
    for ink, paper in colours:
        assert contrast(ink, paper) >= 4.5, (ink, paper)  # WCAG AA


def contrast(one, other):
    """The contrast of two colours as WCAG defines it."""

    def light(colour):
        channels = [int(c) / 255 for c in colour[4:-1].split(",")]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    high, low = sorted((light(one), light(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_the_keyboard_alone_moves_a_slider_and_chooses_a_token(show):
    page = show()
    before = page.locator(".row tbody").inner_text()
    page.keyboard.press("Tab")
    for _ in range(40):
        if page.evaluate("document.activeElement.type") == "range":
            break
        page.keyboard.press("Tab")
    label = page.evaluate("document.activeElement.getAttribute('aria-label')")
    assert label == "Temperature value"
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    page.keyboard.press("Home")  # greedy
    settled(page)
    assert page.locator(".card input[type=number]").first.input_value() == "0"
    assert page.locator(".row tbody").inner_text() != before
    page.locator(".token").nth(2).focus()
    page.keyboard.press("Enter")
    settled(page)
    assert page.locator(".place").first.inner_text() == "Token 3 of the text"
    kept = words(page)[:2]
    other = page.locator(".choose").nth(1)
    name = other.get_attribute("data-text")
    other.focus()
    page.keyboard.press("Enter")
    settled(page)
    assert words(page)[:3] == [*kept, name]


def test_two_chains_share_their_keys_and_the_first_difference_is_marked(show):
    page = show()
    page.check("#compare")
    settled(page, "B")
    assert words(page) == words(page, "B")
    assert page.locator(".differs").count() == 0
    page.locator("#lane-B .card input[type=number]").first.fill("0.2")
    settled(page, "B")
    a, b = words(page), words(page, "B")
    place = next(n for n, pair in enumerate(zip(a, b, strict=False)) if pair[0] != pair[1])
    marked = page.locator(".differs").evaluate_all("all => all.map((one) => one.dataset.place)")
    assert marked == [str(place)] * 2


def test_the_second_chain_begins_with_the_tokens_that_were_chosen(show):
    page = show()
    page.locator(".choose").nth(3).click()
    settled(page)
    page.check("#compare")
    settled(page, "B")
    assert words(page) == words(page, "B")
    assert page.locator(".differs").count() == 0


def test_the_row_is_one_of_the_text_that_is_shown(show):
    page = show()
    before = words(page)[:3]
    page.locator("#lane-A .token").nth(3).click()
    settled(page)
    page.locator("#lane-A .card input[type=number]").first.fill("0")
    settled(page)
    assert words(page)[:3] != before
    row = page.locator("#lane-A .row").inner_html()
    page.locator("#lane-A .token").nth(3).click()
    settled(page)
    assert page.locator("#lane-A .row").inner_html() == row


def test_a_token_of_a_line_break_breaks_the_line(show, served):
    kept = [{"id": 4, "text": text, "chosen": True} for text in ("one", "\n", "two")]
    shown = urllib.parse.quote(json.dumps({"prompt": PROMPT, "kept": [kept]}))
    page = show(address=f"{served.address}#{shown}")
    boxes = [page.locator(".token").nth(n).bounding_box() for n in range(3)]
    assert all(box["width"] > 5 for box in boxes)  # each can be hit
    assert boxes[2]["y"] > boxes[0]["y"] + 5
    assert boxes[2]["x"] == boxes[0]["x"]


def test_the_last_card_can_be_removed(show):
    page = show()
    for name in ("TopK", "Temperature"):
        page.locator("#lane-A").get_by_label(f"Remove {name}").click()
    settled(page)
    content = "getComputedStyle(document.querySelector('.cards'), '::after').content"
    assert "the model as it is" in page.evaluate(content)
    assert page.evaluate("document.activeElement.className") == "add"


def test_cards_move_and_a_link_restores_the_page(show, browser):
    page = show()
    page.locator("#lane-A").get_by_label("Move TopK up").click()
    page.locator("#lane-A .add").select_option("MinP")
    settled(page)
    names = [
        name.split()[0] for name in page.locator(".row thead tr").first.inner_text().split("\t")
    ]
    assert names == ["token", "model", "TopK", "Temperature", "MinP"]
    page.locator("#lane-A [data-copy=link]").click()
    page.get_by_text("copied: link").wait_for()
    again = show(address=page.evaluate("navigator.clipboard.readText()"))
    assert again.locator("#lane-A .card strong").all_inner_texts() == names[2:]
    assert words(again) == words(page)
    page.locator(".choose").nth(3).click()
    settled(page)
    page.locator("#lane-A [data-copy=link]").click()
    page.wait_for_timeout(300)
    third = show(address=page.evaluate("navigator.clipboard.readText()"))
    assert words(third) == words(page) != words(again)
    page.locator("#lane-A").get_by_label("Remove MinP").click()
    page.locator("#lane-A .order").select_option("llama.cpp")
    settled(page)
    assert page.locator("#lane-A .card strong").all_inner_texts() == ["TopK", "Temperature"]


def test_pictures_are_saved(show, tmp_path):
    page = show()
    begins = {"svg": b"<svg", "png": b"\x89PNG"}
    for kind, begin in begins.items():
        with page.expect_download() as download:
            page.locator(f"#lane-A .save[data-type={kind}]").click()
        file = tmp_path / f"picture.{kind}"
        download.value.save_as(file)
        assert file.read_bytes().lstrip().startswith(begin)


def test_two_tabs_write_their_own_texts(show):
    one, two = show(), show()
    two.locator("#seed").fill("7")
    settled(two)
    one.locator(".write").first.click()
    settled(one)
    assert words(one) != words(two)


def test_eight_continuations(show):
    page = show()
    page.locator("#lane-A summary").click()
    page.locator("#lane-A .draw").click()
    page.locator("#lane-A .found li").nth(7).wait_for()
    assert "Self-BLEU" in page.locator("#lane-A .measures").inner_text()


# Python keeps ignoring SIGINT if it was started by a background job of a shell.
COMMAND = """
import signal
import sys

signal.signal(signal.SIGINT, signal.default_int_handler)

from jaxsample.cli.main import main

sys.exit(main())
"""


def test_ctrl_c_ends_the_server_in_mid_stream():
    command = [sys.executable, "-c", COMMAND, "explore", "A", "--no-open"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        address = urllib.parse.urlsplit(server.stdout.readline().strip())
        connection = http.client.HTTPConnection(address.netloc)
        connection.request("POST", f"{address.path}text", "{}")
        answer = connection.getresponse()
        answer.readline()  # it compiles now
        server.send_signal(signal.SIGINT)
        assert server.wait(30) == 130  # a busy machine
        answer.close()
        connection.close()
    finally:
        server.kill()
        server.communicate()
