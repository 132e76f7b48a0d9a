"""Fixtures every test may use."""

import contextlib
import functools
import shutil
from pathlib import Path

import jax
import pytest

STRICT = {"transforms", "kernels"}


@pytest.fixture(autouse=True)
def strict_numerics(request):
    """Our own arithmetic is explicit about dtypes and ranks; third-party models need not be."""
    with contextlib.ExitStack() as stack:
        if request.path.parent.name in STRICT:
            stack.enter_context(jax.numpy_dtype_promotion("strict"))
            stack.enter_context(jax.numpy_rank_promotion("raise"))
        yield


PROGRAMS = Path("/proc/self/maps")
CROWDED = 30_000  # half of the memory maps of a process on Linux; a program takes a few


@pytest.fixture(autouse=True, scope="module")
def room_for_programs():
    """Clear JAX's caches before compiled programs use up the memory maps of the process."""
    yield
    if PROGRAMS.exists() and len(PROGRAMS.read_text().splitlines()) > CROWDED:
        jax.clear_caches()


@pytest.fixture
def counted():
    """Wrap a function so that `.traces` says how often its Python body ran."""

    def wrap(function):
        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            wrapper.traces += 1
            return function(*args, **kwargs)

        wrapper.traces = 0
        return wrapper

    return wrap


@pytest.fixture(scope="session")
def assets():
    """The folder of checkpoints and texts next to the checkout; skips if it is absent."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "assets"
    if not folder.is_dir():
        pytest.skip("no assets next to this checkout")
    return folder


BROWSERS = "chromium", "chromium-browser", "google-chrome"


@pytest.fixture(scope="module")
def browser():
    """The headless Chromium of the system."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip(f"no browser is installed: none of {', '.join(BROWSERS)}")
    api = pytest.importorskip("playwright.sync_api")
    with api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield chromium
        chromium.close()
