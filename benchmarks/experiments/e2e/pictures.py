"""The picture of the experiment, drawn from its results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...harness.plot import COLORS, MARKERS, plt

GRIDS = {"fixed": "fixed T and p", "edt": "EDT"}


def picture(results: dict[str, Any], path: Path) -> Path:
    """Draw reward over KL: every setting on the tuning prompts, every arm on the test prompts."""
    figure, axes = plt.subplots(figsize=(7.5, 4.8))
    for i, (arm, label) in enumerate(GRIDS.items()):
        means = results["tuned"][arm]["settings"].values()
        x, y = ([one[name] for one in means] for name in ("kl", "reward"))
        axes.plot(x, y, MARKERS[i], color=COLORS[i], alpha=0.4, label=f"{label}, tuning prompts")
    for i, (arm, of) in enumerate(results["arms"].items()):
        (x, x_ends), (y, y_ends) = ((of[n]["mean"], of[n]["ci"]) for n in ("kl", "reward"))
        axes.errorbar(
            x, y, [[y - y_ends[0]], [y_ends[1] - y]], [[x - x_ends[0]], [x_ends[1] - x]],
            fmt="D", color=COLORS[(i + 2) % len(COLORS)], capsize=2, label=f"{arm}, test prompts",
        )  # fmt: skip
    axes.set_xlabel("KL(sampler || model) of a text (nats)")
    axes.set_ylabel("share of slots realised")
    axes.legend(fontsize=8)
    figure.savefig(path, dpi=120, bbox_inches="tight")
    plt.close(figure)
    return path
