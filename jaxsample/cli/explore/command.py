"""Serve the page until Ctrl-C."""

from __future__ import annotations

import secrets
import socket
import threading
import webbrowser
from pathlib import Path

import uvicorn

from jaxsample.cli.chains import known
from jaxsample.cli.compiled import keep_compiled
from jaxsample.cli.explore.server import application
from jaxsample.cli.flags import SamplerFlags
from jaxsample.cli.opening import open_model
from jaxsample.cli.recommendation import offered
from jaxsample.cli.terminal import terminals
from jaxsample.interop import preset

DEFAULT = "creative"  # a preset
OPENING = "Once upon a time"


def explore(
    prompt: str | None,
    model: Path | None,
    flags: SamplerFlags,
    seed: int,
    port: int,
    opens: bool,
    dtype: str,
) -> None:
    """Serve the page on 127.0.0.1, and open it in a browser if `opens`.

    Raises:
        ValueError: if an argument or the model is wrong, or the port is taken.
    """
    if flags.policy is not None:
        raise ValueError("--policy: the page has no card for a network; `generate --policy` draws")
    flags.members()  # refuses wrong values before the model is loaded
    listener = listening(port)
    _, notes = terminals()
    source = open_model(model, dtype)
    recommended = source.checkpoint.generation_config
    sampler = known(flags.sampler(recommended), source)
    if not flags.any:
        sampler = offered(recommended) or preset(DEFAULT)
    keep_compiled()
    token, port = secrets.token_urlsafe(16), listener.getsockname()[1]
    app = application(
        source,
        sampler,
        OPENING if prompt is None else prompt,
        seed,
        token=token,
        port=port,
        model="" if model is None else str(model),
    )
    config = uvicorn.Config(app, log_level="warning", server_header=False)
    server = uvicorn.Server(config)
    # Outside of the main thread uvicorn leaves Ctrl-C to this program.
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    address = f"http://127.0.0.1:{port}/{token}/"
    notes.print(f"{source.name} · Ctrl-C ends", style="dim", markup=False)
    print(address, flush=True)
    if opens:
        webbrowser.open(address)
    thread.join()  # Ctrl-C ends the process


def listening(port: int) -> socket.socket:
    """Return a socket that listens on a port of 127.0.0.1; 0 takes any free one.

    Raises:
        ValueError: if the port is taken.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError as error:
        listener.close()
        raise ValueError(
            f"--port: {port}: {error.strerror}; choose another, or 0 for any"
        ) from None
    listener.listen()
    return listener
