"""The table of a system: its settings in their order, read into a chain and written from one."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jaxsample.interop.settings._rows import Row, Settings
from jaxsample.transforms.contract._chain import Chain, chain
from jaxsample.transforms.contract._transform import Transform
from jaxsample.transforms.penalties._counts import RepetitionPenalty
from jaxsample.transforms.temperatures._adaptive import AdaptiveP
from jaxsample.transforms.temperatures._dynamic import DynamicTemperature
from jaxsample.transforms.temperatures._temperature import Temperature


@dataclasses.dataclass(frozen=True)
class Table:
    """The meaning of the settings of a system.

    Attributes:
        system: the name of the system, for messages.
        rows: the transforms in the order in which the system runs them.
        defaults: the values of settings that are absent.
        choices: settings that select among rows, with all their values.
        silent: settings that do not change the sampler, such as lengths, ends and records.
        elsewhere: settings that no chain can hold: the values that change nothing, and a remedy.
        forms: settings of structured output, with their kinds in `_structured.KINDS`.
        nulls: the values that null stands for where they are not the defaults.
        inside: the setting that holds an object of further settings, if there is one.
        order: the setting that lists stages, if the system has one.
        unlisted: stages whose place is not in that list.
        arrange: makes the order of all stages of settings, or refuses them; by default the list
            itself.
    """

    system: str
    rows: tuple[Row, ...]
    defaults: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    choices: Mapping[str, tuple] = dataclasses.field(default_factory=dict)
    silent: frozenset[str] = frozenset()
    elsewhere: Mapping[str, tuple[tuple, str]] = dataclasses.field(default_factory=dict)
    forms: Mapping[str, str] = dataclasses.field(default_factory=dict)
    nulls: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    inside: str | None = None
    order: str | None = None
    unlisted: tuple[str, ...] = ()
    arrange: Callable[[Settings], Sequence[str]] | None = None

    def known(self) -> set[str]:
        """Return the names of all settings that the table explains."""
        named = set[str]().union(*(row.names for row in self.rows))
        order = {self.order} if self.order else set()
        others = self.defaults, self.choices, self.silent, self.elsewhere, self.forms
        return named.union(order, *others)

    def given(self, settings: Settings) -> dict[str, Any]:
        """Return the settings that are not null, with those inside of an object of them.

        Raises:
            ValueError: if they are inside of something else.
        """
        inside = settings.get(self.inside) if self.inside else None
        if not isinstance(inside, Mapping | None):
            raise ValueError(f"{self.inside} must be an object, got {inside!r}")
        settings = {**settings, **(inside or {})}
        return {
            name: self.nulls.get(name) if value is None else value
            for name, value in settings.items()
            if name != self.inside and (value is not None or name in self.nulls)
        }

    def check(self, settings: Settings) -> None:
        """Check the settings that no row reads.

        Raises:
            ValueError: if a setting needs something that a chain cannot do, or its value is none.
        """
        for name, value in settings.items():
            neutral, remedy = self.elsewhere.get(name, ((), ""))
            if name in self.elsewhere and not _among(value, neutral):
                raise ValueError(f"{name}={value!r} cannot be in a chain: {remedy}")
            if name in self.choices and not _among(value, self.choices[name]):
                shown = ", ".join(map(repr, self.choices[name]))
                raise ValueError(f"{name} must be one of {shown}, got {value!r}")

    def read(self, settings: Settings) -> Chain:
        """Return the chain of settings, which must be checked.

        Raises:
            ValueError: if a value is wrong or a setting is missing.
        """
        settings = {**self.defaults, **settings}
        rows = self.rows
        if self.order is not None:
            stages = self.arrange(settings) if self.arrange else settings[self.order]
            rows = [row for stage in stages for row in self.rows if row.stage == stage]
        found = [(row, row.read(settings)) for row in rows]
        members = [member for _, member in found if member is not None]
        if Temperature(0.0) in members:
            members = [m for row, m in found if m is not None and not row.drawn]
        _check_zero(members)
        return chain(*members)

    def write(self, members: Sequence[Transform], start: Settings | None = None) -> dict[str, Any]:
        """Return the settings of a chain; they read back as the same chain without neutral members.

        Args:
            members: the members of the chain.
            start: settings that it has besides those of its members.

        Raises:
            ValueError: if the system has no setting for a member, or runs the
                members in another order.
        """
        _check_zero(members)  # a neutral temperature moves it too, and is left out
        search = _Search(self, list(members))
        settings = search.extend(0, dict(start or {}), [], [])
        if settings is None:
            place, reason = search.obstacle()
            raise ValueError(f"{self.system} cannot say {members[place]!r}: {reason}")
        return settings

    def complete(self, settings: dict[str, Any]) -> dict[str, Any]:
        """Return settings that override the defaults of absent transforms, without the others."""
        off = {n: v for row in self.rows for n, v in row.off().items() if n in self.defaults}
        whole = {**{n: v for n, v in off.items() if n not in settings}, **settings}
        return self.without_defaults(whole)

    def without_defaults(self, settings: dict[str, Any]) -> dict[str, Any]:
        """Return the settings that differ from the defaults."""
        known = self.defaults
        return {n: v for n, v in settings.items() if n not in known or v != known[n]}


class _Search:
    """A search for the rows of a chain's members, first rows first."""

    def __init__(self, table: Table, members: list[Transform]):
        self.table, self.members = table, members
        self.deepest, self.reason = -1, ""

    def extend(self, n, settings, used, kept):
        """Return the settings of all members, of which the first `n` have rows, or None."""
        if n == len(self.members):
            return self.whole(n, settings, used, kept)
        member, said = self.members[n], False
        rows = enumerate(self.table.rows)
        for i, row in sorted(rows, key=lambda pair: -len(pair[1].fixed)):  # the most specific first
            try:
                written = row.write(member)
                read = written and row.read({**self.table.defaults, **written})
            except ValueError as error:
                self.fail(n, str(error))
                continue
            if written is None:
                continue
            if read is None:  # a neutral member
                found = self.extend(n + 1, settings, used, kept)
            elif reason := self.conflict(i, row, written, settings, used):
                self.fail(n, reason)
                continue
            else:
                found = self.extend(n + 1, settings | written, [*used, i], [*kept, member])
            said = True
            if found is not None:
                return found
        if n > self.deepest and not said:
            self.fail(n, "it has no such sampler")
        return None

    def conflict(self, i, row, written, settings, used):
        """Return why a row cannot be used after the rows `used`, or an empty text."""
        rows, ordered = self.table.rows, self.table.order is None
        if i in used:
            return "there can be only one"
        before = [rows[j] for j in used]
        late = [r for j, r in zip(used, before, strict=True) if j > i]
        if not ordered:
            stages = [r.stage for r in before]
            late = [r for r in late if r.stage == row.stage]
            if row.stage in stages and stages[-1] != row.stage:
                return f"{self.table.system} runs all of {row.stage!r} at one place"
        if late:
            return f"{self.table.system} runs it before {late[0].make.__name__}"
        for name, value in written.items():
            if name in settings and settings[name] != value:
                return f"{name} would have to be {settings[name]!r} and {value!r}"
        return ""

    def whole(self, n, settings, used, kept):
        table, order = self.table, self.table.order
        if order is not None:
            stages = dict.fromkeys(table.rows[i].stage for i in used)
            stages = [stage for stage in stages if stage not in table.unlisted]
            default = list(table.defaults[order])
            if stages != [stage for stage in default if stage in stages]:
                settings = settings | {order: stages}
        back = chain()
        for said in (table.without_defaults(settings), table.complete(settings)):
            try:
                back = table.read(said)
            except ValueError as error:
                self.fail(n - 1, str(error))
                return None
            if back == chain(*kept):
                return said
        for i, member in enumerate(kept):
            if i >= len(back) or back[i] != member:
                self.fail(self.members.index(member), "its settings would mean another transform")
                break
        else:
            self.fail(n - 1, f"its settings would add {back[len(kept)]!r}")
        return None

    def fail(self, n, reason):
        if n >= self.deepest:
            self.deepest, self.reason = n, reason

    def obstacle(self):
        return self.deepest, self.reason


def _check_zero(members: Sequence[Transform]) -> None:
    """Refuse a repetition penalty behind a temperature, which moves the largest logit to 0.

    The penalty divides positive logits and multiplies negative ones, so it depends on the zero.
    """
    warm = False
    for member in members:
        if warm and isinstance(member, RepetitionPenalty):
            raise ValueError(f"{member!r} cannot run after a temperature; put it before")
        warm = warm or isinstance(member, Temperature | DynamicTemperature | AdaptiveP)


def _among(value: Any, values: tuple) -> bool:
    """Return whether a value is one of `values`; a boolean equals no number."""
    return any(v == value and isinstance(v, bool) == isinstance(value, bool) for v in values)
