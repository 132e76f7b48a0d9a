"""The peers, and how each of them runs."""

from __future__ import annotations

from dataclasses import dataclass, field

from harness.hire import THREADS


@dataclass(frozen=True)
class Peer:
    """A column of the table.

    Attributes:
        module: its module in `peers`.
        arms: the arguments of the worker for each label; the fastest arm counts.
        packages: packages whose versions are reported; empty for peers that are written here.
        environment: the name of its interpreter in `--peer`; None runs in this process.
        wider: settings, as in `peers.chains`, under which this peer keeps more tokens than ours.
        filters: the values of `filter` that it has.
    """

    module: str
    arms: dict[str, tuple[str, ...]] = field(default_factory=lambda: {"": ()})
    packages: tuple[str, ...] = ()
    environment: str | None = None
    wider: tuple[str, ...] = ()
    filters: tuple[str, ...] = ()


def _by_threads():
    counts = sorted({1, THREADS})
    return {f"{n} thread{'s' * (n > 1)}": (str(n),) for n in counts}


PEERS = {
    "jax sort": Peer("sort"),
    "jax top_k": Peer("top_k"),
    "t5x-style": Peer("bisection"),
    "transformers": Peer(
        "warpers",
        _by_threads(),
        ("transformers", "torch"),
        environment="transformers",
        filters=("Typical", "Epsilon", "Eta"),
    ),
    "keras-hub": Peer(
        "keras",
        packages=("keras-hub", "keras", "jax", "jaxlib"),
        environment="keras-hub",
        wider=("top_p",),
    ),
    "gemma": Peer("gemma", packages=("gemma", "jax", "jaxlib"), environment="gemma"),
    "tunix": Peer("tunix", packages=("google-tunix", "jax", "jaxlib"), environment="tunix"),
    "llama.cpp": Peer("llama", {"": ("build",)}, ("llama-cpp-python",), environment="llama"),
    "llama.cpp bare": Peer("llama", {"": ("bare",)}, ("llama-cpp-python",), environment="llama"),
}


ENVIRONMENTS = {peer.environment for peer in PEERS.values()} - {None}
