"""One of two processes with two devices each: `python -m tests.hosts.program RANK PORT FOLDER`.

It writes what it found to FOLDER/RANK.pickle. At the end the second process kills itself in the
middle of a sweep, after it has begun a rollout. The first writes how it took that to
FOLDER/report.txt, finishes its part of the rollout, and trains alone (FOLDER/after.pickle).
"""

import os
import pickle
import signal
import sys
from pathlib import Path

import jax
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P

from jaxsample.learn import _hosts
from jaxsample.learn import save as save_sampler
from jaxsample.learn._checkpoints import Journal
from jaxsample.study.draw._program import Program
from jaxsample_models import load, shardings
from tests.hosts import ways


class Together:
    """The vocabulary on the devices of each process, the rows on both processes."""

    def __init__(self):
        axes = ("data", "model")
        self.mesh = jax.make_mesh((2, 2), axes, axis_types=(AxisType.Auto,) * 2)

    def table(self, x):
        at = NamedSharding(self.mesh, P(None, "model"))
        return jax.make_array_from_callback(x.shape, at, lambda part: x[part])

    def rows(self, x):
        """Place rows of which each process gives its half."""
        if isinstance(x, jax.Array):  # keys
            return jax.random.wrap_key_data(self.rows(np.asarray(jax.random.key_data(x))))
        half = np.split(x, 2)[jax.process_index()]
        return jax.make_array_from_process_local_data(NamedSharding(self.mesh, P("data")), half)


def on_host(tree):
    return jax.tree.map(lambda x: multihost_utils.process_allgather(x, tiled=True), tree)


def load_parts(folder, mesh):
    """Load a model, of which the devices of a process get their parts alone."""
    found = load(folder, mesh=mesh).params
    wanted = shardings(ways.CONFIG, mesh).params
    for x, value, at in zip(*map(jax.tree.leaves, (found, ways.weights(), wanted)), strict=True):
        assert x.sharding == at
        for shard in x.addressable_shards:
            np.testing.assert_array_equal(shard.data, value[shard.index])


def die_in_the_second_turn(rollout):
    draw = Program.draw

    def killed(self, batches):
        for count, rows in enumerate(draw(self, batches), 1):
            if jax.process_index() == 1 and count == 2:
                rolling = ways.rolled(rollout, 1)
                next(rolling), next(rolling)
                os.kill(os.getpid(), signal.SIGKILL)
            yield rows

    Program.draw = killed


def main():
    rank, port, folder = int(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
    jax.config.update("jax_num_cpu_devices", 2)
    jax.distributed.initialize(f"127.0.0.1:{port}", 2, rank)
    # Connect the processes while they are at the same place: they wait for each other 30 s at most.
    multihost_utils.sync_global_devices("start")
    assert (jax.process_count(), jax.device_count(), jax.local_device_count()) == (2, 4, 2)
    _hosts.PIECE = 4096  # so that the rows of a sweep are sent in several pieces
    place = Together()
    load_parts(folder / "model", place.mesh)
    found = {name: on_host(way(place)) for name, way in ways.DECODED.items()}
    # One folder for each process: the second must stay empty.
    sampler, history = ways.fitted(place, folder / f"fit{rank}")
    found["fitted"] = on_host(sampler), history
    save_sampler(sampler, folder / f"saved{rank}")
    if rank == 0:
        ways.copied(folder / "fit0", folder / "resumed0")
    sampler, history = ways.fitted(place, folder / f"resumed{rank}", steps=8)
    found["resumed"] = on_host(sampler), history
    found["fitted alone"] = jax.device_get(ways.fitted(ways.Alone()))
    try:
        Journal(folder / "model" / "config.json", {})  # a file, not a folder
    except Exception as error:
        found["unopened"] = type(error).__name__, str(error)
    found["split"] = ways.swept(out=folder / f"split{rank}")
    found["together"] = ways.swept(place.table, out=folder / f"together{rank}")
    try:
        ways.swept(seeds=(rank,))
    except ValueError as error:
        found["refused"] = str(error)
    (folder / f"{rank}.pickle").write_bytes(pickle.dumps(found))
    rollout = folder / "rollout"
    rollout.mkdir(exist_ok=True)
    die_in_the_second_turn(rollout)
    try:
        ways.swept(out=folder / "killed")
    except RuntimeError as error:
        (folder / "report.txt").write_text(str(error))
    list(ways.rolled(rollout, 0))
    after = jax.device_get(ways.fitted(ways.Alone()))
    (folder / "after.pickle").write_bytes(pickle.dumps(after))
    # An orderly end waits for the process that is gone.
    os._exit(0)


if __name__ == "__main__":
    main()
