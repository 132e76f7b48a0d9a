"""A trained sampler as a folder, and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
from flax import nnx

from jaxsample.interop._serial import from_dict, to_dict
from jaxsample.learn._learned import Learned
from jaxsample.learn._policy import Policy
from jaxsample.transforms.contract._chain import Chain, chain
from jaxsample.transforms.contract._transform import Transform

FORMAT = "jaxsample sampler 1"
DESCRIPTION = "sampler.json"
WEIGHTS = "sampler.safetensors"
POLICY = "policy"  # the key of a policy's settings in the description of a transform

Settings = dict[str, Any]


def save(sampler: Transform | Policy, folder: str | Path) -> None:
    """Write a sampler, its policies with it, to a folder: sampler.json and sampler.safetensors.

    Args:
        sampler: a `Policy`, a `Learned`, or a chain with any number of them.
        folder: made where it is missing.

    Raises:
        ValueError: if a member holds what data cannot say; see `to_dict`.
        ImportError: if safetensors is not installed.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(Policy(rngs=nnx.Rngs(0)), folder)
    ...     sorted(path.name for path in Path(folder).iterdir())
    ['sampler.json', 'sampler.safetensors']
    """
    write = _safetensors().save_file
    members = _members(Learned(sampler) if isinstance(sampler, Policy) else sampler)
    tensors: dict[str, np.ndarray] = {}
    described = []
    for i, member in enumerate(members):
        if not isinstance(member, Learned):
            described.append(to_dict(member))
            continue
        policy = member.policy  # type: ignore[attr-defined]
        if type(policy) is not Policy:
            raise ValueError(f"only a Policy can be saved, not a {type(policy).__name__}")
        soft = {"soft": member.soft, "sharpness": float(np.asarray(member.sharpness))}  # type: ignore[attr-defined]
        described.append({POLICY: policy.settings} | soft)
        for path, leaf in _leaves(member):
            tensors[f"{i}.{path}"] = np.ascontiguousarray(np.asarray(leaf))
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    write(tensors, folder / WEIGHTS)
    text = json.dumps({"format": FORMAT, "members": described}, indent=2)
    (folder / DESCRIPTION).write_text(text + "\n")


def load(folder: str | Path, also: Mapping[str, Any] | None = None) -> Any:
    """Read the sampler `save` wrote; its only member, if there is one.

    Weights become float32, whatever they were stored as.

    Args:
        folder: as given to `save`.
        also: your own transforms and functions by name; see `from_dict`.

    Raises:
        ValueError: if the folder holds no such sampler, or its weights do not fit its policy.
        ImportError: if safetensors is not installed.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(chain(TopP(0.9), Temperature(0.7)), folder)
    ...     load(folder)
    chain(TopP(p=0.9), Temperature(value=0.7))
    """
    read = _safetensors().load_file
    path = Path(folder) / DESCRIPTION
    try:
        data = json.loads(path.read_text())
    except FileNotFoundError:
        raise ValueError(f"{folder} holds no sampler: there is no {DESCRIPTION}") from None
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise ValueError(f"{path} is not of the format {FORMAT!r}")
    try:
        tensors = read(Path(folder) / WEIGHTS)
    except FileNotFoundError:
        raise ValueError(f"{folder} holds no weights: there is no {WEIGHTS}") from None
    members = []
    for i, described in enumerate(data["members"]):
        if POLICY not in described:
            members.append(from_dict(described, also))
            continue
        policy = Policy(**described[POLICY], rngs=nnx.Rngs(0))
        fresh = Learned(policy, soft=described["soft"], sharpness=described["sharpness"])
        members.append(_filled(fresh, i, tensors, folder))
    return members[0] if len(members) == 1 else chain(*members)


def _members(sampler):
    return list(sampler) if isinstance(sampler, Chain) else [sampler]  # type: ignore[call-overload]


def _leaves(learned):
    """Yield the name and the value of every variable of a policy."""
    for path, leaf in jax.tree_util.tree_flatten_with_path((learned.params, learned.rest))[0]:
        yield ".".join(str(key.key) for key in path[1:]), leaf


def _filled(fresh, i, tensors, folder):
    found = []
    for name, leaf in _leaves(fresh):
        value = tensors.get(f"{i}.{name}")
        if value is None or value.shape != leaf.shape:
            got = "nothing" if value is None else f"shape {list(value.shape)}"
            raise ValueError(
                f"{folder}: the weights {name!r} of member {i} must have shape "
                f"{list(leaf.shape)}, found {got}"
            )
        found.append(jax.numpy.asarray(value.astype(leaf.dtype)))
    structure = jax.tree.structure((fresh.params, fresh.rest))
    params, rest = structure.unflatten(found)
    return fresh.replace(params=params, rest=rest)


def _safetensors():
    try:
        import safetensors.numpy
    except ImportError as error:
        raise ImportError("saving a policy needs: pip install 'jaxsample[models]'") from error
    return safetensors.numpy
