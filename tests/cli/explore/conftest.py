"""The page of `jaxsample explore`, served to the tests."""

import contextlib
import http.client
import json
import threading

import pytest

TOKEN = "secret"


class Client:
    """Requests to a page on a port of this machine."""

    def __init__(self, port):
        self.port = port

    @property
    def address(self):
        return f"http://127.0.0.1:{self.port}/{TOKEN}/"

    def send(self, method, path, body=None, **headers):
        """The status, the headers and the text of an answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        written = None if body is None else json.dumps(body)
        connection.request(
            method, path, written, {k.replace("_", "-"): v for k, v in headers.items()}
        )
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, answer.headers, text

    def lines(self, path, **body):
        """The lines of an answer to the page."""
        status, _, text = self.send("POST", f"/{TOKEN}/{path}", body)
        assert status == 200, text
        return [json.loads(line) for line in text.splitlines()]

    def row(self, **body):
        """The last line of a row."""
        return self.lines("row", **body)[-1]

    def tokens(self, **body):
        """The tokens of a text."""
        return [line["id"] for line in self.lines("text", **body) if "id" in line]


@contextlib.contextmanager
def serving(source, sampler, prompt="a cat", seed=0):
    """Serve a page until the end of the block."""
    uvicorn = pytest.importorskip("uvicorn")
    pytest.importorskip("starlette")
    from jaxsample.cli.explore.command import listening
    from jaxsample.cli.explore.server import application

    listener = listening(0)
    port = listener.getsockname()[1]
    app = application(source, sampler, prompt, seed, token=TOKEN, port=port, model="")
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    try:
        yield Client(port)
    finally:  # a test that fails must not wait for the server
        server.should_exit = server.force_exit = True
        thread.join()
        listener.close()


@pytest.fixture(scope="module")
def source(tiny):
    """The tiny model."""
    from jaxsample.cli.opening import open_model

    return open_model(tiny)


@pytest.fixture(scope="module")
def page(source):
    """A page of the tiny model."""
    from jaxsample.interop import preset

    with serving(source, preset("creative")) as client:
        yield client
