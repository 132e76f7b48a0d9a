"""Rows of a table: the settings that make a transform, and that a transform is written as."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from jaxsample.interop.settings._values import named, number, single
from jaxsample.transforms.contract._transform import Transform

Settings = Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Key:
    """A setting that holds one field of a transform.

    Attributes:
        name: the name of the setting.
        off: the value without the transform; None if the setting has no such value.
        absent: whether a value stands for no transform; by default if it equals `off`.
        into: converts the value of the setting to the value of the field; by default `number`.
        back: converts the value of the field to the value of the setting; by default `single`.
    """

    name: str
    off: Any = None
    absent: Callable[[Any], bool] | None = None
    into: Callable[[Any], Any] = number
    back: Callable[[Any], Any] = single

    def value(self, settings: Settings) -> Any:
        """Return the field's value; an error names the setting."""
        try:
            return self.into(settings[self.name])
        except (ValueError, TypeError) as error:
            raise ValueError(f"{self.name}: {error}") from error

    def is_off(self, value: Any) -> bool:
        """Return whether a value stands for no transform; a boolean is no number."""
        if isinstance(value, bool) != isinstance(self.off, bool):
            return False
        try:
            return self.absent(value) if self.absent else value == self.off
        except TypeError:  # not a number; the transform names it in its error
            return False


@dataclasses.dataclass(frozen=True)
class Row:
    """A transform and the settings that hold its fields.

    Attributes:
        make: the class of the transform.
        keys: the setting of each field. Without the first one there is no transform; if one of the
            others is missing, that is an error.
        fixed: the values of fields that the system has no setting for.
        where: for other settings the values that they must have.
        stage: the name of the place in systems whose order is a setting.
        drawn: whether the system leaves it out where a temperature is 0.
    """

    make: type[Transform]
    keys: Mapping[str, Key] = dataclasses.field(default_factory=dict)
    fixed: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    where: Mapping[str, tuple] = dataclasses.field(default_factory=dict)
    stage: str = ""
    drawn: bool = False

    @property
    def names(self) -> set[str]:
        """The settings that the row reads."""
        return {key.name for key in self.keys.values()} | set(self.where)

    def read(self, settings: Settings) -> Transform | None:
        """Return the transform, or None if the settings have none.

        Raises:
            ValueError: if a setting is missing or a value is wrong.
        """
        if any(settings.get(name) not in values for name, values in self.where.items()):
            return None
        keys = list(self.keys.values())
        if keys and keys[0].name not in settings:
            return None
        if any(k.is_off(settings[k.name]) for k in keys if k.name in settings):
            return None
        for key in keys:
            if key.name not in settings:
                raise ValueError(f"{keys[0].name} needs {key.name}")
        names = [key.name for key in keys] or [""]
        with named(*names, value=settings.get(names[0])):
            return self.make(**self.fields(settings), **self.fixed)

    def fields(self, settings: Settings) -> dict[str, Any]:
        """Return the fields of the transform that settings hold."""
        return {field: key.value(settings) for field, key in self.keys.items()}

    def write(self, member: Any) -> dict[str, Any] | None:
        """Return the settings of a transform, or None if the row cannot hold it.

        Raises:
            ValueError: if a value has no setting.
        """
        if type(member) is not self.make or member.replace(**self.fixed) != member:
            return None
        return self.settings(member) | {name: values[0] for name, values in self.where.items()}

    def settings(self, member: Any) -> dict[str, Any]:
        """Return the settings of the fields of a transform."""
        return {key.name: key.back(getattr(member, field)) for field, key in self.keys.items()}

    def off(self) -> dict[str, Any]:
        """Return the setting at which there is no transform."""
        first = next(iter(self.keys.values()), None)
        return {} if first is None or first.off is None else {first.name: first.off}
