"""The routes of the page."""

from __future__ import annotations

import contextlib
import json
import logging
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import jinja2
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from jaxsample.cli.explore import asked, catalog, orders
from jaxsample.cli.explore.answers import Answers, Line
from jaxsample.cli.explore.copies import copies
from jaxsample.cli.explore.guard import Guard
from jaxsample.cli.explore.reader import Reader
from jaxsample.interop import to_dict
from jaxsample.study import Source

HERE = Path(__file__).parent
LOG = logging.getLogger(__name__)


def application(
    source: Source, sampler: Any, prompt: str, seed: int, *, token: str, port: int, model: str
) -> Any:
    """Return the ASGI application that serves the page.

    Args:
        source: the model.
        sampler: the chain that the page begins with.
        prompt: the text that it begins with.
        seed: of the text.
        token: the first part of every path.
        port: where it is served on 127.0.0.1.
        model: the value of --model, or an empty text for the embedded model.
    """
    loader = jinja2.FileSystemLoader(HERE / "templates")
    templates = jinja2.Environment(
        loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    answers = Answers(Reader(source), templates)
    chains = orders.chains(source.checkpoint.generation_config)

    def cards(members: Any) -> str:
        described = [catalog.card(member) for member in members]
        return templates.get_template("cards.html").render(cards=described)

    async def page(request: Request) -> Response:
        del request
        return HTMLResponse(
            templates.get_template("page.html").render(
                name=source.name,
                chat=source.checkpoint.chat_template is not None,
                context=source.context,
                room=min(asked.ROOM, source.context),
                prompt=prompt,
                seed=seed,
                cards=cards(sampler),
                groups=catalog.groups(),
                chains=list(chains),
                orders=list(orders.ORDERS),
            )
        )

    async def changed(request: Request) -> Response:
        try:
            data = json.loads(await request.body())
            members = list(asked.sampler(data.get("chain", []), source))
            if "add" in data:
                members.append(catalog.new(data["add"]))
            if "order" in data:
                members = orders.arranged(members, data["order"])
            if "start" in data:
                members = list(chains[data["start"]])
            return JSONResponse({"html": cards(members)})
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            return JSONResponse({"error": str(error)}, 400)

    async def copied(request: Request) -> Response:
        try:
            question = await run_in_threadpool(asked.read, await request.body(), source)
            return JSONResponse(copies(question, model, source.checkpoint.config.dtype))
        except ValueError as error:
            return JSONResponse({"error": str(error)}, 400)

    def streamed(answer: Callable[[asked.Asked], Iterator[Line]]) -> Any:
        async def respond(request: Request) -> Response:
            body = await request.body()
            lines = _lines(lambda: answer(asked.read(body, source)))
            return StreamingResponse(lines, media_type="application/x-ndjson")

        return respond

    def warm() -> None:
        chain = [to_dict(member) for member in sampler]
        body = json.dumps({"prompt": prompt, "chain": chain, "seed": seed}).encode()
        with contextlib.suppress(ValueError):  # the page says what is wrong
            answers.warm(asked.read(body, source))

    @contextlib.asynccontextmanager
    async def opened(app: Starlette) -> AsyncIterator[None]:
        del app
        threading.Thread(target=warm, daemon=True).start()
        yield

    routes = [
        Route("/", page),
        Route("/cards", changed, methods=["POST"]),
        Route("/copies", copied, methods=["POST"]),
        Route("/row", streamed(answers.row), methods=["POST"]),
        Route("/text", streamed(answers.text), methods=["POST"]),
        Route("/several", streamed(answers.several), methods=["POST"]),
        Mount("/static", StaticFiles(directory=HERE / "static")),
    ]
    return Guard(Starlette(routes=routes, lifespan=opened), token, port)


def _lines(answer: Callable[[], Iterator[Line]]) -> Iterator[str]:
    """Yield the lines of an answer as JSON; an error is the last of them."""
    try:
        for line in answer():
            yield json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n"
    except ValueError as error:
        yield json.dumps({"error": str(error)}) + "\n"
    except Exception as error:  # the page shows it, and the terminal its traceback
        LOG.exception("the page asked for something that failed")
        yield json.dumps({"error": f"{type(error).__name__}: {error}"}) + "\n"
