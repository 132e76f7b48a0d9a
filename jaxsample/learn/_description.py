"""The schema of sampler.json."""

from __future__ import annotations

import math
from collections.abc import Collection
from pathlib import Path
from typing import Any

from jaxsample.interop._files import read_json
from jaxsample.learn._settings import check_settings

FORMAT = "jaxsample sampler 1"
MEMBER = "policy", "soft", "sharpness"
SETTINGS = (
    "head", "per", "features", "hidden_size", "width", "depth", "t_min", "t_max", "theta_max",
)  # fmt: skip


def read_members(path: Path) -> list[dict[str, Any]]:
    """Read the members of a sampler, each a policy or a transform that `from_dict` knows.

    Policies are checked here, transforms by `from_dict`.

    Raises:
        ValueError: if the file does not follow the schema; the message names the file.
    """
    data = read_json(path, {}, "a saved sampler")
    if data.get("format") != FORMAT:
        raise ValueError(
            f"{path} is not of the format {FORMAT!r}; write it with jaxsample.learn.save"
        )
    try:
        _check_fields(data, ("format", "members"), "the sampler")
        if not isinstance(data["members"], list):
            raise ValueError(f"members must be a list, got {data['members']!r}")
        for i, member in enumerate(data["members"]):
            if not isinstance(member, dict):
                raise ValueError(f"member {i} must be an object, got {member!r}")
            if "policy" in member:
                check_policy(member, f"member {i}")
    except ValueError as error:
        raise ValueError(f"{path}: {error}; write it with jaxsample.learn.save") from None
    return data["members"]


def check_policy(member: dict[str, Any], where: str) -> None:
    """Check the fields of a member with a policy; ValueError if one is missing or wrong."""
    _check_fields(member, MEMBER, where)
    settings = member["policy"]
    _check_fields(settings, SETTINGS, f"the policy of {where}")
    if type(member["soft"]) is not bool:
        raise ValueError(f"soft of {where} must be true or false, got {member['soft']!r}")
    sharpness = member["sharpness"]
    if type(sharpness) not in (int, float) or not 0 <= sharpness < math.inf:
        raise ValueError(f"sharpness of {where} must be a finite number >= 0, got {sharpness!r}")
    features = settings["features"]
    if not isinstance(features, list) or not all(isinstance(name, str) for name in features):
        raise ValueError(f"features of {where} must be a list of names, got {features!r}")
    check_settings(settings)


def _check_fields(found: Any, wanted: Collection[str], where: str) -> None:
    if not isinstance(found, dict):
        raise ValueError(f"{where} must be an object, got {found!r}")
    if set(found) != set(wanted):
        raise ValueError(f"{where} must have the fields {list(wanted)}, got {list(found)}")
