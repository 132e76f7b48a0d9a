"""The answers of the page: what is refused, what compiles, and texts of any kind."""

import http.client
import json
import re
import sys
import time

import jax
import numpy as np
import pytest

import jaxsample
from jaxsample.cli.chains import read_chain
from jaxsample.interop import from_dict, to_dict
from tests.cli.explore.conftest import TOKEN, serving
from tests.compilations import compilations

CHAIN = [to_dict(member) for member in read_chain("temperature=.8,top_p=.9")]


def test_moving_a_slider_compiles_nothing(page):
    asked = dict(prompt="a cat", seed=1, room=4)

    def moved(t, p):
        return [{**CHAIN[0], "value": t}, {**CHAIN[1], "p": p}]

    with compilations() as first:
        page.row(chain=moved(0.8, 0.9), **asked)
        page.tokens(chain=moved(0.8, 0.9), **asked)
    assert first, "the listener hears nothing: this test would always pass"
    with compilations() as later:
        for n in range(4):
            lines = page.lines("row", chain=moved(0.5 + n / 3, 0.9 - n / 9), **asked)
            assert len(lines) == 1  # no sign of waiting
            page.tokens(chain=moved(0.5 + n / 3, 0.9 - n / 9), **asked)
    assert not later


def test_the_row_shows_a_token_that_only_the_chain_makes_likely():
    from jaxsample.cli.explore.rows import SHOWN, likeliest

    model = np.arange(100.0, 0, -1)
    raised = np.where(np.arange(100) == 70, 1.0, 0.0)
    cut = np.where(np.arange(100) < 3, model, 0.0)
    assert likeliest([model, raised]).tolist() == [*range(SHOWN - 1), 70]
    assert likeliest([model, cut[::-1]]).tolist() == [*range(SHOWN - 3), 97, 98, 99]
    assert likeliest([model, cut]).tolist() == [*range(SHOWN)]


def test_a_new_structure_shows_that_it_compiles(page):
    *_, first, last = page.lines("row", prompt="a cat", chain=[to_dict(jaxsample.TopA(0.3))])
    assert first == {"wait": "compiling TopA, the order"} and "html" in last


def test_typing_reads_only_what_is_new(source, monkeypatch):
    from jaxsample.cli.explore.reader import Reader

    read = []
    prefill = jaxsample.prefill

    def counted(*args, lengths, after=None, **more):
        read.append(int(lengths[0]) - (0 if after is None else int(after.position[0])))
        return prefill(*args, lengths=lengths, after=after, **more)

    monkeypatch.setattr(jaxsample, "prefill", counted)
    reader = Reader(source)
    for text in ("a cat saw the dog", "a cat saw the dog and", "a cat saw the dog", "a cat ran"):
        reader.row(source.encode(text))
    assert read == [6, 1, 1]  # the third is known; the fourth takes tokens back


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        (f"/{TOKEN}/", {"Host": "example.org"}),
        ("/", {}),
        ("/another/", {}),
        ("/static/page.js", {}),
        (f"/{TOKEN}/", {"Origin": "http://example.org"}),
        (f"/{TOKEN}/", {"Sec_Fetch_Site": "cross-site"}),
        (f"/{TOKEN}/", {"Content_Length": "99999999"}),
    ],
)
def test_only_the_page_itself_is_answered(page, path, headers):
    status, _, text = page.send("GET", path, **headers)
    assert status == 403 and "<" not in text


def test_an_address_without_its_last_slash_leads_to_the_page(page):
    status, headers, _ = page.send("GET", f"/{TOKEN}")
    assert status == 307 and headers["location"] == f"/{TOKEN}/"


def test_the_page_asks_nothing_of_other_machines(page):
    status, headers, html = page.send("GET", f"/{TOKEN}/")
    assert status == 200
    assert "default-src 'none'" in headers["content-security-policy"]
    assert headers["referrer-policy"] == "no-referrer"
    files = ["page.css", *(f"{name}.js" for name in "page asking lane cards tints taking".split())]
    for name in files:
        status, _, text = page.send("GET", f"/{TOKEN}/static/{name}")
        assert status == 200 and "//" not in text.replace("// ", "").replace("://", "//")
    assert not re.search(r"(src|href)=\"(https?:)?//", html)


def test_all_text_is_escaped(source):
    evil = '\n</textarea><script>alert("x")</script>&'
    with serving(source, jaxsample.chain(), prompt=evil) as page:
        html = page.send("GET", f"/{TOKEN}/")[2]
    assert "<script>alert" not in html and "&lt;script&gt;alert" in html
    assert '"false">\n\n&lt;/textarea' in html  # HTML drops one of the two line breaks


TEXTS = {
    "emoji": "a cat 👩‍👩‍👧 saw",
    "right to left": "a cat قطة saw",
    "half a surrogate": "a cat \ud83d saw",
    "nothing": "",
}


@pytest.mark.parametrize("text", TEXTS)
def test_prompts_of_any_kind(page, text):
    assert "html" in page.row(prompt=TEXTS[text], chain=CHAIN)


def test_a_prompt_that_does_not_fit_is_named(page):
    start = time.perf_counter()
    last = page.row(prompt="a " * 50_000, chain=CHAIN)
    assert "50001 tokens" in last["error"] and "48 positions" in last["error"]
    assert time.perf_counter() - start < 20


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"chain": [{"transform": "TopP", "p": 2}]}, "p must be a number in [0, 1], got 2"),
        ({"chain": [{"transform": "Nothing"}]}, "Nothing"),
        ({"chain": 3}, "chain must be a list"),
        ({"prompt": 3}, "prompt must be a text"),
        ({"prompt": "a", "seed": -1}, "seed must be a whole number"),
        ({"prompt": "a", "output": [999]}, "output must be a whole number in 0..12"),
        ({"prompt": "a", "chat": True}, "has no chat template"),
        ([], "must be an object"),
    ],
)
def test_wrong_requests_are_answered_in_words(page, body, said):
    status, _, text = page.send("POST", f"/{TOKEN}/row", body)
    assert status == 200 and said in json.loads(text)["error"]


def test_a_model_that_returns_nan_is_named(source):
    checkpoint = source.checkpoint
    params = jax.tree.map(lambda x: x * np.nan, checkpoint.params)
    broken = source._replace(checkpoint=checkpoint._replace(params=params))
    with serving(broken, jaxsample.chain()) as page:
        assert "NaN" in page.row(prompt="a cat", chain=CHAIN)["error"]
        assert "check its weights" in page.lines("text", prompt="a cat", chain=CHAIN)[-1]["error"]


def test_cards_of_every_kind_can_be_added_and_taken_along(page):
    from jaxsample.cli.explore.catalog import CARDS, new

    for name in CARDS:
        asked = {"chain": CHAIN, "add": name}
        html = json.loads(page.send("POST", f"/{TOKEN}/cards", asked)[2])["html"]
        assert f'data-transform="{name}"' in html
        chain = [to_dict(new(name))]
        taken = json.loads(page.send("POST", f"/{TOKEN}/copies", {"chain": chain})[2])
        made: dict = {}
        exec(taken["Python"], made)
        assert to_dict(made["sampler"])["transforms"] == chain


def test_a_copied_command_and_a_file_hold_the_chain(page, tmp_path):
    chain = [*CHAIN, to_dict(jaxsample.RepetitionPenalty(1.2, "output")), {"transform": "PLess"}]
    chain.append(to_dict(jaxsample.XTC(0.1, 0.5, keep=(3,))))
    wanted = [to_dict(from_dict(member)) for member in chain]
    asked = {"prompt": "a cat's", "chain": chain}
    taken = json.loads(page.send("POST", f"/{TOKEN}/copies", asked)[2])
    file = tmp_path / "chain.toml"
    file.write_text(taken["TOML"])
    assert [to_dict(member) for member in read_chain(str(file))] == wanted
    assert "--chain chain.toml" in taken["command"]
    short = json.loads(page.send("POST", f"/{TOKEN}/copies", {"chain": chain[:4]})[2])
    written = "temperature=0.8,top_p=0.9,repetition_penalty=1.2:output,p_less"
    assert f"--chain {written} --seed 0" in short["command"]
    listed = json.loads(page.send("POST", f"/{TOKEN}/copies", {"prompt": "- a cat"})[2])
    assert listed["command"].endswith(" -- '- a cat'")


def test_an_infinite_value_can_be_shown_and_asked_again(page):
    chain = [
        to_dict(jaxsample.TopNSigma(np.inf)),
        to_dict(jaxsample.LogitBias(np.full(13, -np.inf))),
    ]
    status, _, text = page.send("POST", f"/{TOKEN}/cards", {"chain": chain})
    assert status == 200
    html = json.loads(text)["html"]
    assert 'value="1e+30"' in html and "Infinity" not in html


@pytest.mark.parametrize("body", [{"chain": 3}, {"chain": [], "add": []}, {"chain": [{}]}])
def test_wrong_cards_are_answered_in_words(page, body):
    status, _, text = page.send("POST", f"/{TOKEN}/cards", body)
    assert status == 400 and json.loads(text)["error"]


def test_a_policy_is_refused_before_it_is_served(cli, tmp_path):
    run = cli("explore", "--no-open", "--policy", tmp_path)
    assert run.status == 2 and "--policy: the page has no card for a network" in run.err


def test_orders_are_those_that_the_readers_of_other_systems_make():
    from jaxsample.cli.explore.orders import arranged
    from jaxsample.interop import (
        from_generation_config,
        from_llama_options,
        from_mlx_arguments,
        from_sampling_params,
        from_sglang_params,
    )

    values = {"temperature": 0.7, "top_p": 0.9, "top_k": 5, "min_p": 0.1, "repetition_penalty": 1.1}
    llama = {"temperature": 0.7, "repeat_penalty": 1.1, "xtc_probability": 0.5, "typical_p": 0.9}
    mlx = {"temp": 0.7, "top_p": 0.9, "min_p": 0.1, "top_k": 5}
    made = {
        "transformers": from_generation_config({"do_sample": True, "typical_p": 0.9, **values}),
        "vLLM": from_sampling_params({"presence_penalty": 0.5, **values}),
        "llama.cpp": from_llama_options(llama),
        "mlx-lm": from_mlx_arguments(mlx),
        "SGLang": from_sglang_params(values),
    }
    for system, sampler in made.items():
        members = list(sampler)
        assert arranged(members[::-1], system) == members, system


def test_a_closed_tab_ends_its_text(page, source):
    from jaxsample.cli.explore.reader import Reader

    page.tokens(prompt="a cat", chain=CHAIN, room=2)  # compiled
    drawn = []
    feed = Reader.feed

    def slow(self, *args):
        drawn.append(1)
        time.sleep(0.05)
        return feed(self, *args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Reader, "feed", slow)
        connection = http.client.HTTPConnection("127.0.0.1", page.port)
        body = json.dumps({"prompt": "a cat", "chain": CHAIN, "room": 40, "seed": 1})
        connection.request("POST", f"/{TOKEN}/text", body)
        connection.getresponse().readline()
        connection.sock.close()
        connection.close()
        time.sleep(1)
        assert len(drawn) < 15
        assert "html" in page.row(prompt="a cat", chain=CHAIN)  # and others are answered


def test_a_missing_extra_and_a_port_that_is_taken_are_named(page, cli, monkeypatch):
    taken = cli("explore", "--no-open", "--port", page.port)
    assert taken.status == 2 and f"--port: {page.port}: " in taken.err
    assert "choose another" in taken.err
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    monkeypatch.delitem(sys.modules, "jaxsample.cli.explore.command")
    missing = cli("explore", "--no-open")
    assert missing.status == 2
    assert missing.err == "jaxsample: this needs uvicorn: pip install 'jaxsample[explore]'\n"
