"""An H100 to compile for, where there is none: the plugin of JAX for CUDA has the compiler.

Import this module before jax. Sorts become slower ones than on a device, and kernels are not
tuned, so count kernels and do not estimate times.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os

PACKAGES = ("jax-cuda12-plugin", "jax-cuda12-pjrt")

os.environ.update(JAX_PLATFORMS="cpu", CUDA_VISIBLE_DEVICES="-1", TF_CPP_MIN_LOG_LEVEL="3")
os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + " --xla_gpu_autotune_level=0"

TARGET = """
gpu_device_info {
  threads_per_block_limit: 1024
  threads_per_warp: 32
  shared_memory_per_block: 49152
  shared_memory_per_core: 233472
  threads_per_core_limit: 2048
  core_count: 132
  fpus_per_core: 128
  block_dim_limit_x: 2147483647
  block_dim_limit_y: 65535
  block_dim_limit_z: 65535
  memory_bandwidth: 3352320000000
  l2_cache_size: 52428800
  clock_rate_ghz: 1.98
  device_memory_size: 84929347584
  shared_memory_per_block_optin: 232448
  cuda_compute_capability { major: 9 minor: 0 }
  registers_per_core_limit: 65536
  registers_per_block_limit: 65536
}
platform_name: "CUDA"
dnn_version_info { major: 9 minor: 7 }
runtime_version { major: 12 minor: 9 patch: 0 }
device_description_str: "NVIDIA H100 80GB HBM3"
"""


def absent() -> str | None:
    """Return why nothing can be compiled for an H100, or None."""
    if importlib.util.find_spec("jax_cuda12_plugin") is None:
        version = importlib.metadata.version("jax")
        plugin = " ".join(f"{package}=={version}" for package in PACKAGES)
        install = f"pip install --no-deps {plugin} nvidia-cuda-nvcc-cu12"
        return (
            f"the plugin of JAX for CUDA, which compiles for an H100, is not installed: {install}"
        )
    return None


def devices(count: int) -> list:
    """Return `count` devices of one host."""
    from jax._src import xla_bridge
    from jax.experimental import topologies

    known = xla_bridge.canonicalize_platform

    def canonical(platform):
        # JAX refuses to name a platform without a device (jax issue 23971).
        return "cuda" if platform in ("gpu", "cuda") else known(platform)

    xla_bridge.canonicalize_platform = canonical
    found = topologies.get_topology_desc(
        platform="cuda", target_config=TARGET, topology=f"1x1x{count}"
    )
    return list(found.devices)
