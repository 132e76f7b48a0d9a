"""The chains to sample from, as plain data that every peer translates.

A chain is a dict with the keys temperature, top_k, top_p, min_p and theta (the strength of
entropy-based temperature); an absent setting is None. The order is temperature, k, p, min-p, and
then `filter`, another transform as `jaxsample.interop.to_dict` writes it. With `per_row` every
value is a list with one entry per row, neutral for rows without the setting. The temperature is .8
where the name says nothing else.
"""

from __future__ import annotations

OFF = {"temperature": 1.0, "top_k": 2**31 - 1, "top_p": 1.0, "min_p": 0.0}
MIXED = (
    {"temperature": 0.8, "top_k": 50, "top_p": 0.9},
    {"temperature": 0.7, "top_k": 40},
    {"temperature": 0.9, "top_k": 200, "min_p": 0.05},
    {"temperature": 0.6, "top_p": 0.95},
)
FILTERS = {
    "typical .9": {"transform": "Typical", "p": 0.9},
    "epsilon 3e-4": {"transform": "Epsilon", "epsilon": 3e-4},
    "eta 3e-4": {"transform": "Eta", "epsilon": 3e-4},
    "top-a .1": {"transform": "TopA", "a": 0.1},
    "top-n-sigma 2": {"transform": "TopNSigma", "n": 2.0},
    "top-h .4": {"transform": "TopH", "alpha": 0.4},
    "p-less": {"transform": "PLess"},
    "tail-free .95": {"transform": "TailFree", "z": 0.95},
}
CHAINS = {
    "T": {},
    "k 50": {"top_k": 50},
    "k 50 + p .9": {"top_k": 50, "top_p": 0.9},
    "p .9": {"top_p": 0.9},
    "min-p .05": {"min_p": 0.05},
    "EDT + p .9": {"top_p": 0.9, "theta": 0.2},
    "k 5000 + p .9": {"top_k": 5000, "top_p": 0.9},
    "T 1": {"temperature": 1.0},
    "T 1 + p .95": {"temperature": 1.0, "top_p": 0.95},
    "T 1 + min-p .02": {"temperature": 1.0, "min_p": 0.02},
    "EDT 1 .3 + p .95": {"temperature": 1.0, "theta": 0.3, "top_p": 0.95},
    "per row": None,
    **{name: {"filter": described} for name, described in FILTERS.items()},
}


def settings(name: str, batch: int) -> dict:
    """Return the chain called `name` for a batch of `batch` rows."""
    if name == "per row":
        rows = [OFF | MIXED[i % len(MIXED)] for i in range(batch)]
        lists = {key: [row[key] for row in rows] for key in OFF}
        return {**lists, "theta": None, "filter": None, "per_row": True}
    return described(**CHAINS[name])


def described(**given) -> dict:
    """Return the chain that has these settings, the same for every row."""
    empty = dict.fromkeys(("top_k", "top_p", "min_p", "theta", "filter"))
    return {"temperature": 0.8, **empty, **given, "per_row": False}
