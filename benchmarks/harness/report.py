"""Medians and ratios of runs with intervals, tables, and results.json."""

from __future__ import annotations

import json
import math
import os
import platform
import re
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from .worker import versions

PACKAGES = ("jax", "jaxlib", "flax", "optax", "numpy", "jaxsample")


class Ratio(NamedTuple):
    """The cost of `a` divided by the cost of `b`, with an interval."""

    value: float
    low: float
    high: float


def median_interval(values: Sequence[float], level: float = 0.95) -> tuple[float, float]:
    """Return a confidence interval of the median that holds for every distribution.

    Its ends are order statistics, because the number of runs below the median is
    binomial(n, 1/2). With fewer than six runs no such interval reaches 95%. Then the smallest and
    the largest run are returned, which cover the median with probability 1 - 2**(1 - n).
    """
    values = sorted(values)
    n = len(values)
    skipped, tail = 0, 0.5**n
    while skipped + 1 < n - skipped - 1 and 2 * (
        grown := tail + math.comb(n, skipped + 1) * 0.5**n
    ) <= (1 - level):
        tail = grown
        skipped += 1
    return values[skipped], values[n - 1 - skipped]


def ratio(a: Sequence[float], b: Sequence[float], tolerance: float = 0.1) -> Ratio | None:
    """Return median(a) / median(b) with its interval, or None if the runs are too noisy.

    The low end of the interval divides the low end of a's median interval by the high end of b's,
    and the high end divides a's high end by b's low end. The ratio is None if the two median
    intervals overlap, so that neither arm is faster, and the interval of the ratio is wider than
    `tolerance` of the ratio on a side, so that they are not equal either.
    """
    if not a or not b:
        return None
    (low_a, high_a), (low_b, high_b) = median_interval(a), median_interval(b)
    value = statistics.median(a) / statistics.median(b)
    low, high = low_a / high_b, high_a / low_b
    overlap = low_a <= high_b and low_b <= high_a
    wide = low < value * (1 - tolerance) or high > value * (1 + tolerance)
    return None if overlap and wide else Ratio(value, low, high)


def summary(values: Sequence[float]) -> dict:
    """Return the median, its interval, and the number of runs."""
    low, high = median_interval(values)
    return {
        "median_s": statistics.median(values),
        "low_s": low,
        "high_s": high,
        "min_s": min(values),
        "runs": len(values),
    }


def recorded(times: dict[str, Sequence[float]]) -> dict[str, dict]:
    """Return the summary and the runs of every arm."""
    return {
        arm: {**summary(runs), "times_s": [float(f"{t:.4g}") for t in runs]}
        for arm, runs in times.items()
    }


def figures(value: float) -> str:
    """Return a number with three significant figures and no exponent."""
    if value == 0 or not math.isfinite(value):
        return str(value)
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{digits}f}".replace(",", " ")


def times(found: Ratio | None) -> str:
    """Return a ratio as a multiple: `x 1.42`, or `unclear`."""
    return "unclear" if found is None else f"x {figures(found.value)}"


def faster(found: Ratio | None) -> str:
    """Return peer / ours in words: `312x faster`, `1.4x slower`, `even`, or `unclear`."""
    if found is None:
        return "unclear"
    if found.low <= 1 <= found.high:
        return "even"
    value = found.value
    return f"{figures(value)}x faster" if value > 1 else f"{figures(1 / value)}x slower"


def spanned(value: float, ci: Sequence[float] | None, form: str = ".4f") -> str:
    """Return a value with its interval: `0.0305 [0.0158, 0.0456]`, or `-` without an interval."""
    if ci is None:
        return "-"
    low, high = ci
    return f"{value:{form}} [{low:{form}}, {high:{form}}]"


def table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table for a terminal: the first column aligned left, the others right."""
    lines = [list(map(str, line)) for line in [headers, *rows]]
    widths = [max(len(line[j]) for line in lines) for j in range(len(headers))]
    written = [
        "  ".join(
            cell.ljust(width) if j == 0 else cell.rjust(width)
            for j, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]
    return "\n".join([written[0], "-" * max(map(len, written)), *written[1:]])


def environment(packages: Sequence[str] = ()) -> dict:
    """Return the hardware, the versions and the load under which the runs are made."""
    import jax

    device = jax.devices()[0]
    return {
        "python": platform.python_version(),
        "system": platform.system(),
        "machine": platform.machine(),
        "processor": _processor(),
        "device": f"{device.platform}: {device.device_kind}",
        "devices": jax.device_count(),
        "cores": os.cpu_count(),
        "usable_cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
        "versions": versions([*PACKAGES, *packages]),
        "load": load(),
    }


def load() -> list[float]:
    """Return the load averages of the last 1, 5 and 15 minutes."""
    return [round(value, 2) for value in os.getloadavg()]


def heading(found: dict) -> str:
    """Return an environment as one line of text."""
    packages = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    return (
        f"{found['device']}, {found['processor']}, {found['cores']} cores, "
        f"Python {found['python']}, {packages}; load {found['load'][0]}"
    )


def save(out: Path, results: dict, name: str = "results.json") -> Path:
    """Write the results into the folder `out`; return the path."""
    out.mkdir(parents=True, exist_ok=True)
    path = out / name
    text = json.dumps(results, indent=1)
    # Put the runs of an arm on one line.
    text = re.sub(r"\[[-+.\deE,\s]+\]", lambda found: " ".join(found[0].split()), text)
    path.write_text(text + "\n")
    return path


def _processor():
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor()
