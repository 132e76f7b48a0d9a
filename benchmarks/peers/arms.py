"""All available peers, prepared for one case: an input, a shape and a chain."""

from __future__ import annotations

import contextlib
import importlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from harness.hire import hire
from harness.turns import timed
from harness.worker import Worker, WorkerError

from . import floors, ours
from .expected import verify
from .registry import PEERS

FLOORS = {"g1": floors.prepare_g1, "g2": floors.prepare_g2}


class Arms(contextlib.AbstractContextManager):
    """The floors, our sampler, and the available peers among `names`.

    Attributes:
        local: `prepare` of each peer that runs in this process.
        workers: the worker of each arm of the other peers.
        labels: the arms of each peer.
        versions: the versions of each worker's packages.
        absent: for each other peer the reason why it is not available.
    """

    def __init__(self, names, interpreters):
        self.local: dict[str, Callable] = {}
        self.workers: dict[str, Worker] = {}
        self.labels: dict[str, list[str]] = {}
        self.versions: dict[str, dict] = {}
        self.absent: dict[str, str] = {}
        for name in names:
            peer = PEERS[name]
            if peer.environment is None:
                self.local[name] = importlib.import_module(f"peers.{peer.module}").prepare
                self.labels[name] = [name]
            elif peer.environment not in interpreters:
                self.absent[name] = f"not installed (no --peer {peer.environment}=PYTHON)"
            else:
                self._hire(name, peer, interpreters[peer.environment])

    def _hire(self, name, peer, python):
        script = Path(__file__).with_name(f"{peer.module}.py")
        self.labels[name] = []
        for label, args in peer.arms.items():
            label = f"{name}, {label}" if label else name
            try:
                worker, self.versions[name] = hire(python, script, args, peer.packages)
            except WorkerError as error:
                self.absent[name] = f"not installed ({error})"
                self.labels.pop(name)
                return
            self.workers[label] = worker
            self.labels[name].append(label)

    def ready(self, path: Path, chain: dict) -> dict[str, Callable[[], float]]:
        """Return the arms that can run the chain, after a check of the tokens that each draws."""
        logits = np.load(path)
        arms = {name: timed(prepare(str(path), chain)) for name, prepare in FLOORS.items()}
        arms["ours"] = self._local("ours", ours.prepare, path, chain, logits)
        for name, labels in self.labels.items():
            if chain["filter"] and chain["filter"]["transform"] not in PEERS[name].filters:
                continue
            for label in labels:
                if name in self.local:
                    arm = self._local(name, self.local[name], path, chain, logits)
                else:
                    arm = self._foreign(label, name, path, chain, logits)
                if arm:
                    arms[label] = arm
        return arms

    def forget(self):
        """Let the workers drop the arms of earlier cases."""
        for worker in self.workers.values():
            worker.forget()

    def __exit__(self, *_):
        for worker in self.workers.values():
            worker.close()

    def _foreign(self, label, name, path, chain, logits):
        if label not in self.workers:
            return None
        try:
            arm = self.workers[label].prepare(path=str(path), chain=chain)
            if arm:
                verify(label, arm.call, logits, _meant(name, chain))
            return arm
        except WorkerError as error:  # the others continue without it
            self.workers.pop(label).close()
            self.absent[label] = f"failed at {logits.shape}: {error}"
            return None

    def _local(self, name, prepare, path, chain, logits):
        call = prepare(str(path), chain)
        if call is None:
            return None
        verify(name, call, logits, _meant(name, chain))
        return timed(call)


def scratch():
    """Return a temporary folder for inputs, in memory if the system allows it."""
    shared = Path("/dev/shm")
    return tempfile.TemporaryDirectory(dir=shared if os.access(shared, os.W_OK) else None)


def _meant(name, chain):
    """Return the chain as the peer understands it, without the settings it applies more widely.

    Peers differ in p only where another filter comes before it.
    """
    wider = PEERS[name].wider if name in PEERS and chain["top_k"] is not None else ()
    return {**chain, **dict.fromkeys(wider)}
