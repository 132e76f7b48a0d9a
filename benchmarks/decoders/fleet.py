"""All available decoders, and a check that they decode the same weights as ours."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from harness.hire import THREADS, hire
from harness.turns import timed
from harness.worker import Worker, WorkerError

from . import ours
from .serving import caller, prompts_of

OURS = "jaxsample"
# Enough rows and tokens that a decoder with wrong weights cannot agree by chance.
CHECKED = {"batch": 4, "prompt": 16, "steps": 16}


@dataclass(frozen=True)
class Peer:
    """A decoder in its own process: its script, and the packages whose versions are reported.

    One that is not `resuming` reads the prompts in every call.
    """

    script: str
    packages: tuple[str, ...]
    resuming: bool = True


PEERS = {
    "transformers": Peer("torch_generate", ("transformers", "torch")),
    "flax": Peer("flax_generate", ("transformers", "flax", "jax", "jaxlib"), False),
    "llama": Peer("llama_generate", ("llama-cpp-python", "gguf")),
}


class Fleet(contextlib.AbstractContextManager):
    """A worker for each available peer; `absent` has the reason for each of the others."""

    def __init__(self, pythons: dict[str, str], names=tuple(PEERS)):
        self.workers: dict[str, Worker] = {}
        self.versions: dict[str, dict] = {}
        self.absent: dict[str, str] = {}
        for name in names:
            if name not in pythons:
                self.absent[name] = f"no --peer {name}=PYTHON"
                continue
            script = Path(__file__).with_name(f"{PEERS[name].script}.py")
            try:
                worker, self.versions[name] = hire(
                    pythons[name], script, packages=PEERS[name].packages
                )
            except WorkerError as error:
                self.absent[name] = str(error)
                continue
            self.workers[name] = worker

    def open(self, folder: Path, vocab_size: int) -> Opened:
        """Load a model, and check that the peers load the same."""
        return Opened(self, folder, vocab_size)

    def __exit__(self, *_):
        for worker in self.workers.values():
            worker.close()


class Opened:
    """One model, with the peers that decode it as our decoder does.

    Attributes:
        said: for each peer, how its greedy tokens compare with ours.
        peers: the names of the peers that agree; only they are timed.
    """

    def __init__(self, fleet: Fleet, folder: Path, vocab_size: int):
        self.workers, self.ours = fleet.workers, ours.Decoder(folder)
        self.common = {"folder": str(folder), "threads": THREADS, "vocab_size": vocab_size}
        self.said: dict[str, str] = {}
        if self.workers:
            prompts = prompts_of(CHECKED["batch"], CHECKED["prompt"], vocab_size)
            expected = self.ours.greedy(prompts, CHECKED["steps"])
        for name, worker in self.workers.items():
            try:
                arm = worker.prepare(**self.common, **CHECKED, settings=None)
                self.said[name] = _compare(np.asarray(arm.call(0)), expected)
            except WorkerError as error:
                self.said[name] = f"failed: {error}"
        self.peers = [name for name, said in self.said.items() if said.startswith("same")]

    def arms(
        self, batch: int, prompt: int, steps: int, settings: dict | None, room: int | None = None
    ):
        """Return an arm for each decoder, which measures the seconds of one generation `[B, N]`.

        With `room`, the prompts are read once, before all runs, into caches of so many tokens.
        """
        about = batch, prompt, steps, settings, room
        arms = {OURS: self.arm_of_ours(self.ours, *about)}
        for name in self.peers:
            if room is None or PEERS[name].resuming:
                arms[name] = self.arm_of_peer(name, self.common["folder"], *about)
        return arms

    def arm_of_ours(self, decoder, batch, prompt, steps, settings, room):
        """Return an arm for a decoder of our own."""
        prompts = prompts_of(batch, prompt, self.common["vocab_size"])
        return timed(caller(decoder, prompts, steps, settings, room))

    def arm_of_peer(self, name, folder, batch, prompt, steps, settings, room):
        """Return an arm for a peer that reads its weights from `folder`."""
        spec = {"batch": batch, "prompt": prompt, "steps": steps, "settings": settings}
        spec |= {**self.common, "folder": str(folder), "room": room}
        return self.workers[name].prepare(**spec)

    def forget(self):
        """Let the workers drop all arms."""
        for name in self.peers:
            self.workers[name].forget()


def _compare(found: np.ndarray, expected: np.ndarray) -> str:
    if np.array_equal(found, expected):
        rows, steps = expected.shape
        return f"same {rows} x {steps} greedy tokens, {len(np.unique(expected))} different ids"
    row, step = np.argwhere(found != expected)[0]
    return (
        f"greedy tokens differ, first in row {row} at step {step}: {found[row, step]} where we "
        f"draw {expected[row, step]}"
    )
