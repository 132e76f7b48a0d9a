"""The page of `jaxsample explore`: the time from a move of a slider to its bars.

    python benchmarks/explore.py [--quick] [--out DIR] [--models embedded,smollm2] [--moves 60]

Each time is of a whole request to the server on this machine, until its last line is read: it
computes the row before and after each card, and renders it. Drawing in the browser comes on top. No
move compiles. Typing adds a word to the prompt. A new card is one of a structure that was not used
before; its time is that of the compiler, or of JAX's cache of compiled programs.
"""

from __future__ import annotations

import http.client
import json
import statistics
import threading
import time
from pathlib import Path

import uvicorn
from harness.options import chosen, parser
from harness.progress import progress
from harness.report import environment, figures, heading, load, recorded, save, table

from jaxsample.cli.chains import read_chain
from jaxsample.cli.explore.command import listening
from jaxsample.cli.explore.server import application
from jaxsample.cli.opening import open_model
from jaxsample.interop import preset, to_dict

TOKEN, ROOM = "benchmark", 32
MODELS = {"embedded": None, "smollm2": Path("smollm2")}
CHAIN = "repetition_penalty=1.1,entropy_temperature=1:.5,top_k=40,top_p=.9,min_p=.02"
PROMPT = "Once upon a time there was a little girl named Nora."
WORDS = " Nora lived in a house by the sea with a cat and a dog.".split(" ")[1:]
GOALS = {"embedded": 150, "smollm2": 400}  # ms, of a move


class Page:
    """A page that is served to this process."""

    def __init__(self, model: Path | None):
        source, listener = open_model(model), listening(0)
        port = listener.getsockname()[1]
        app = application(source, preset("creative"), "", 0, token=TOKEN, port=port, model="")
        self._server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
        self._thread = threading.Thread(target=self._server.run, args=([listener],), daemon=True)
        self._thread.start()
        self._connection = http.client.HTTPConnection("127.0.0.1", port)

    def close(self) -> None:
        """End the server."""
        self._connection.close()
        self._server.should_exit = True
        self._thread.join()

    def ask(self, path: str, chain: list, prompt: str = PROMPT) -> tuple[float, float, list]:
        """Return the seconds until the first token or row and until the end, and all lines."""
        body = {"prompt": prompt, "chain": chain, "room": ROOM, "seed": 1}
        start, first, found = time.perf_counter(), None, []
        self._connection.request("POST", f"/{TOKEN}/{path}", json.dumps(body))
        answer = self._connection.getresponse()
        while line := answer.readline():
            found.append(json.loads(line))
            if first is None and "wait" not in found[-1]:
                first = time.perf_counter() - start
        if "error" in found[-1]:
            raise RuntimeError(found[-1]["error"])
        assert first is not None
        return first, time.perf_counter() - start, found


def moved(n: int, moves: int) -> list:
    """Return the chain after a move of the sliders."""
    chain = [to_dict(member) for member in read_chain(CHAIN)]
    chain[1]["t0"] = 0.5 + n / moves
    chain[3]["p"] = 0.99 - 0.4 * n / moves
    return chain


def measure(model: Path | None, moves: int) -> dict[str, list[float]]:
    """Return the seconds of each kind of request."""
    page = Page(model)
    opened = page.ask("row", moved(0, moves))[1]
    page.ask("text", moved(0, moves))
    page.ask("row", moved(0, moves), PROMPT + " Nora")
    times: dict[str, list[float]] = {"first row": [opened]}
    slid = times["a move of a slider"] = []
    for n in range(moves):
        _, seconds, found = page.ask("row", moved(n, moves))
        assert len(found) == 1, f"a move waited: {found[0]}"
        slid.append(seconds)
    times["a word typed"] = [
        page.ask("row", moved(0, moves), " ".join([PROMPT, *WORDS[: n + 1]]))[1]
        for n in range(1, len(WORDS))
    ]
    texts = [page.ask("text", moved(n, moves)) for n in range(3)]
    times["first token of a text"] = [first for first, _, _ in texts]
    times["a token of a text"] = [
        seconds / sum("id" in line for line in found) for _, seconds, found in texts
    ]
    card = to_dict(read_chain("top_a=.1")[0])
    times["a new card"] = [page.ask("row", [*moved(0, moves), card])[1]]
    page.close()
    return times


def main():
    made = parser(__doc__, "nothing else", "the embedded model, six moves")
    made.add_argument("--models", default=",".join(MODELS))
    made.add_argument("--moves", type=int, default=60)
    given = made.parse_args()
    moves = 6 if given.quick else given.moves
    names = ("embedded",) if given.quick else chosen(made, given.models, list(MODELS))
    before, lines = environment(["starlette", "uvicorn", "jinja2"]), []
    print(heading(before))
    with progress(len(names)) as say:
        for name in names:
            say(name)
            lines.append({"model": name, "times": recorded(measure(MODELS[name], moves))})
    for line in lines:
        rows = [
            (
                what,
                figures(1000 * statistics.median(of["times_s"])),
                figures(1000 * max(of["times_s"])),
                str(of["runs"]),
                str(GOALS[line["model"]]) if what == "a move of a slider" else "",
            )
            for what, of in line["times"].items()
        ]
        print(f"\n{line['model']}, {CHAIN}")
        print(table(("", "median ms", "largest ms", "runs", "goal ms"), rows))
    if given.out:
        results = {"benchmark": "explore", "before": before, "after": load(), "lines": lines}
        print(f"\nwrote {save(given.out, results)}")


if __name__ == "__main__":
    main()
