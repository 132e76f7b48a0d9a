"""TPU v5e chips to compile for, where there are none: libtpu has the compiler.

Import this module before jax: libtpu reads the variables when it is loaded.
"""

from __future__ import annotations

import importlib.util
import os

SLICES = {4: "v5e:2x2", 8: "v5e:2x4", 256: "v5e:16x16"}
INSTALL = "pip install libtpu==0.0.52"

os.environ.update(
    JAX_PLATFORMS="cpu",
    TPU_SKIP_MDS_QUERY="1",  # there is no server of metadata to wait for
    TPU_ACCELERATOR_TYPE="v5litepod-8",
    TPU_WORKER_HOSTNAMES="localhost",
    TPU_WORKER_ID="0",
    ALLOW_MULTIPLE_LIBTPU_LOAD="1",  # its lock is for processes that use a chip
)


def absent() -> str | None:
    """Return why nothing can be compiled for a TPU, or None."""
    if importlib.util.find_spec("libtpu") is None:
        return f"libtpu, which compiles for a TPU, is not installed: {INSTALL}"
    return None


def devices(count: int) -> list:
    """Return the chips of the smallest slice that has `count`."""
    from jax.experimental import topologies

    slice_ = next(name for most, name in SLICES.items() if count <= most)
    found = topologies.get_topology_desc(platform="tpu", topology_name=slice_)
    return list(found.devices)[:count]
