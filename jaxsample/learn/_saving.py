"""A trained sampler as a folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from jaxsample.interop._files import write_whole
from jaxsample.interop._serial import from_dict, to_dict
from jaxsample.learn._description import FORMAT, check_policy, read_members
from jaxsample.learn._hosts import is_first
from jaxsample.learn._learned import Learned
from jaxsample.learn._policy import Policy
from jaxsample.learn._settings import weight_shapes
from jaxsample.transforms.contract._chain import Chain, chain
from jaxsample.transforms.contract._transform import Transform

DESCRIPTION = "sampler.json"
WEIGHTS = "sampler.safetensors"

TOGETHER = f"{DESCRIPTION} and {WEIGHTS} must come from one call of save"


def save(sampler: Transform | Policy, folder: str | Path) -> None:
    """Write a sampler with its policies to a folder: sampler.json and sampler.safetensors.

    In a run of several processes the first alone writes; on the others the call does nothing else
    than check the sampler.

    Args:
        sampler: a `Policy`, a `Learned`, or a chain with any number of them.
        folder: made if it does not exist.

    Raises:
        ValueError: if a member holds something that JSON cannot hold, see `to_dict`; if a weight is
            NaN or infinite, or the sharpness infinite.
        ImportError: if safetensors is not installed.

    >>> import tempfile
    >>> from flax import nnx
    >>> from jaxsample.learn import Policy
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(Policy(rngs=nnx.Rngs(0)), folder)
    ...     sorted(path.name for path in Path(folder).iterdir())
    ['sampler.json', 'sampler.safetensors']
    """
    encode = _safetensors().save
    members = _members(Learned(sampler) if isinstance(sampler, Policy) else sampler)
    tensors: dict[str, np.ndarray] = {}
    described = []
    for i, member in enumerate(members):
        if not isinstance(member, Learned):
            described.append(to_dict(member))
            continue
        policy = member.policy
        if type(policy) is not Policy:
            raise ValueError(f"only a Policy can be saved, not a {type(policy).__name__}")
        sharpness = float(np.asarray(member.sharpness))
        described.append({"policy": policy.settings, "soft": member.soft, "sharpness": sharpness})
        check_policy(described[-1], f"member {i}")
        for name, leaf in _leaves(member):
            tensors[f"{i}.{name}"] = _finite(np.ascontiguousarray(np.asarray(leaf)), name, i)
    if not is_first():
        return
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"format": FORMAT, "members": described}, indent=2) + "\n"
    write_whole(folder / WEIGHTS, encode(tensors))
    write_whole(folder / DESCRIPTION, text.encode())


def load(folder: str | Path, also: Mapping[str, Any] | None = None) -> Any:
    """Read a sampler that `save` wrote.

    A sampler of one member comes back as that member, any other as a chain. Weights become float32
    regardless of the stored type.

    Args:
        folder: as given to `save`.
        also: your own transforms and functions by name; see `from_dict`.

    Raises:
        ValueError: if a file is missing or damaged, or if the weights do not fit the policy; the
            message names the file.
        ImportError: if safetensors is not installed.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(chain(TopP(0.9), Temperature(0.7)), folder)
    ...     load(folder)
    chain(TopP(p=0.9), Temperature(value=0.7))
    """
    described = read_members(Path(folder) / DESCRIPTION)
    path = Path(folder) / WEIGHTS
    tensors = _read_weights(path)
    members = []
    for i, member in enumerate(described):
        if "policy" in member:
            members.append(_policy(member, i, tensors, path))
            continue
        try:
            members.append(from_dict(member, also))
        except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
            raise ValueError(f"{Path(folder) / DESCRIPTION}, member {i}: {error}") from None
    return members[0] if len(members) == 1 else chain(*members)


def _members(sampler: Any) -> list[Any]:
    return list(sampler) if isinstance(sampler, Chain) else [sampler]


def _leaves(learned):
    """Yield the name and the value of each variable of a policy."""
    for path, leaf in jax.tree_util.tree_flatten_with_path((learned.params, learned.rest))[0]:
        yield ".".join(str(key.key) for key in path[1:]), leaf


def _read_weights(path):
    read = _safetensors().load_file
    if not path.is_file():
        raise ValueError(f"{path}: there is no such file")
    try:
        return read(path)
    except Exception as error:  # safetensors raises many types
        raise ValueError(f"{path} is damaged ({error}); save the sampler again") from None


def _policy(member, i, tensors, path):
    """Make a policy of its settings and its weights."""
    given = {name: x for name, x in tensors.items() if name.startswith(f"{i}.")}
    found = {}
    # Compare before building anything, because settings may need more memory than there is.
    for name, shape in weight_shapes(member["policy"]):
        value = given.pop(f"{i}.{name}", None)
        if value is None or value.shape != shape:
            got = "nothing" if value is None else f"shape {list(value.shape)}"
            raise ValueError(
                f"{path}: the weights {name!r} of member {i} must have shape {list(shape)}, "
                f"found {got}; {TOGETHER}"
            )
        try:
            found[name] = _finite(value.astype(np.float32), name, i)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None
    if given:
        raise ValueError(
            f"{path} holds weights {min(given)!r} that the policy has no place for; {TOGETHER}"
        )
    policy = Policy(**member["policy"], rngs=nnx.Rngs(0))
    fresh = Learned(policy, soft=member["soft"], sharpness=member["sharpness"])
    leaves = [jnp.asarray(found[name]) for name, _ in _leaves(fresh)]
    params, rest = jax.tree.structure((fresh.params, fresh.rest)).unflatten(leaves)
    return fresh.replace(params=params, rest=rest)


def _finite(value, name, i):
    if not np.isfinite(value).all():
        raise ValueError(
            f"the weights {name!r} of member {i} hold a NaN or an infinity; train the policy again"
        )
    return value


def _safetensors():
    try:
        import safetensors.numpy
    except ImportError as error:
        raise ImportError("saving a policy needs: pip install 'jaxsample[models]'") from error
    return safetensors.numpy
