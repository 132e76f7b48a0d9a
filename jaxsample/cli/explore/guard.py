"""A check that requests come from the page: they have its host, its token and its origin."""

from __future__ import annotations

import secrets
from typing import Any

from starlette.responses import PlainTextResponse, RedirectResponse

LARGEST = 4 * 2**20  # bytes of a request
HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "img-src 'self' data: blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
}


class Guard:
    """Refuse requests that do not come from the page, and add headers to all answers.

    Args:
        app: the application behind it, which sees paths without the token.
        token: the first part of every path.
        port: where the page is served on 127.0.0.1.
    """

    def __init__(self, app: Any, token: str, port: int):
        self._app, self._token = app, token
        self._hosts = {f"{name}:{port}" for name in ("127.0.0.1", "localhost")}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request, as ASGI says."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return

        async def headed(message):
            if message["type"] == "http.response.start":
                added = [(k.encode(), v.encode()) for k, v in HEADERS.items()]
                message["headers"] = [*message.get("headers", []), *added]
            await send(message)

        reason = self._refused(scope)
        if reason is not None:
            await PlainTextResponse(reason + "\n", 403)(scope, receive, headed)
            return
        prefix = f"/{self._token}"
        if scope["path"] == prefix:
            await RedirectResponse(f"{prefix}/")(scope, receive, headed)
            return
        inner = scope | {"path": scope["path"].removeprefix(prefix), "raw_path": None}
        await self._app(inner, receive, headed)

    def _refused(self, scope: Any) -> str | None:
        headers = {k.decode("latin1"): v.decode("latin1") for k, v in scope["headers"]}
        if headers.get("host") not in self._hosts:
            return "the page is served on 127.0.0.1 only"
        first = (scope["path"] + "/").split("/")[1].encode()  # the path may be "*"
        if not secrets.compare_digest(first, self._token.encode()):
            return "the address lacks the token that jaxsample explore printed"
        origin = headers.get("origin")
        if origin is not None and origin.removeprefix("http://") not in self._hosts:
            return "another page asks"
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            return "another page asks"
        length = headers.get("content-length", "0")
        unsaid = "transfer-encoding" in headers
        if unsaid or not length.isdigit() or int(length) > LARGEST:
            return f"a request has at most {LARGEST} bytes"
        return None
