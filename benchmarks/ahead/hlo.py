"""Facts about a compiled program, read from the text of its HLO."""

from __future__ import annotations

import functools
import math
import re
from typing import NamedTuple

# They start no kernel.
FREE = {
    "after-all",
    "bitcast",
    "constant",
    "get-tuple-element",
    "opt-barrier",
    "optimization-barrier",
    "parameter",
    "partition-id",
    "tuple",
}
COLLECTIVES = ("all-gather", "all-reduce", "all-to-all", "collective-permute", "reduce-scatter")
CLOCK_MHZ = 1500  # of a v5e
CALLED = re.compile(r"(body|condition|to_apply|true_computation|false_computation)=%?([\w.\-]+)")
BRANCHES = re.compile(r"branch_computations=\{([^}]*)\}")


class Instruction(NamedTuple):
    """One line of a computation: `%name = result opcode(arguments), attributes`."""

    name: str
    result: str
    opcode: str
    rest: str

    @property
    def shapes(self) -> list[str]:
        """The arrays of the result, such as `f32[8,128]`."""
        return re.findall(r"\b[a-z]+\d*\[[\d,]*\]", self.result)

    @property
    def sizes(self) -> list[int]:
        """The number of elements of each array of the result."""
        return [
            math.prod(map(int, re.findall(r"\d+", shape.split("[")[1]))) for shape in self.shapes
        ]

    @property
    def cycles(self) -> int:
        """The cycles that XLA for TPU estimates; it estimates none for sorts, scatters and TopK."""
        found = re.search(r'estimated_cycles":"(\d+)"', self.rest)
        return int(found[1]) if found else 0

    @property
    def slow(self) -> str | None:
        """The name of the instruction, if it orders or moves single elements."""
        if self.opcode == "custom-call":
            return "TopK" if '"TopK"' in self.rest else None
        return self.opcode if self.opcode in ("gather", "scatter", "sort") else None

    @property
    def called(self) -> list[str]:
        """The computations whose instructions are kernels of their own; not those of a fusion."""
        if self.opcode not in ("call", "conditional", "while", "async-start"):
            return []
        listed = [part for found in BRANCHES.findall(self.rest) for part in found.split(",")]
        return [name for _, name in CALLED.findall(self.rest)] + [
            part.strip().lstrip("%") for part in listed
        ]


class Loop(NamedTuple):
    """A loop.

    Attributes:
        trips: its number of trips, None if it is not known.
        sizes: the numbers of elements of the arrays that its kernels write.
        copied: those of the arrays that are copies.
    """

    trips: int | None
    sizes: tuple[int, ...]
    copied: tuple[int, ...]


class Program:
    """A compiled program, from `compiled.as_text()`."""

    def __init__(self, text: str):
        self.text = text
        self.computations: dict[str, list[Instruction]] = {}
        self.entry = ""
        current = None
        for line in text.splitlines():
            if opened := re.match(r"(ENTRY )?%?([\w.\-]+) .*\{$", line):
                if line.startswith("HloModule"):
                    continue
                current = self.computations.setdefault(opened[2], [])
                self.entry = opened[2] if opened[1] else self.entry
            elif line.startswith("}"):
                current = None
            elif current is not None and (made := _instruction(line.strip())):
                current.append(made)

    @functools.cached_property
    def reached(self) -> dict[str, tuple[Instruction, ...]]:
        """The kernels of the entry and of all loops, branches and calls, by computation."""
        return {name: tuple(self._own(name)) for name in self._below(self.entry)}

    def kernels(self, name: str | None = None) -> int:
        """Count the kernels of one computation, the entry by default."""
        return sum(not one.called for one in self._own(name or self.entry))

    def all_kernels(self) -> int:
        """Count the kernels of the entry and of every loop, branch and call, each once."""
        return sum(map(self.kernels, self.reached))

    def count(self, *opcodes: str) -> int:
        """Count the instructions with these opcodes, inside of fusions too."""
        return sum(one.opcode in opcodes for lines in self.computations.values() for one in lines)

    def microseconds(self) -> tuple[float, float]:
        """Return the estimated time with the cheapest and with the dearest branch of every choice.

        A loop with an unknown number of trips counts as one trip.
        """
        low, high = self._cycles(self.entry)
        return low / CLOCK_MHZ, high / CLOCK_MHZ

    def loops(self) -> list[Loop]:
        """Return every loop of the program."""
        found = []
        for lines in self.reached.values():
            for one in lines:
                if one.opcode == "while":
                    inside = [line for name in one.called for line in self._deep(name)]
                    sizes = {size for line in inside for size in line.sizes}
                    copies = [line for line in inside if line.opcode in ("copy", "copy-start")]
                    copied = {size for line in copies for size in line.sizes}
                    found.append(Loop(self._trips(one), (*sorted(sizes),), (*sorted(copied),)))
        return found

    def uncosted(self) -> dict[str, int]:
        """Count the kernels without an estimate that order or gather, by what they do."""
        found = []
        for lines in self.reached.values():
            for one in lines:
                if not one.cycles and not one.opcode.startswith(COLLECTIVES):
                    fused = re.search(r"calls=%?([\w.\-]+)", one.rest)
                    inside = self.computations.get(fused[1], []) if fused else []
                    found += {line.slow for line in [one, *inside]} - {None}
        return {name: found.count(name) for name in sorted(set(found))}

    def collectives(self) -> list[tuple[str, int, bool]]:
        """Return every collective: its kind, the number of its elements, and if it always runs.

        One that may not run, or more than once, is in a branch or in a loop.
        """
        return [
            (one.opcode.removesuffix("-start"), sum(one.sizes), name == self.entry)
            for name, lines in self.reached.items()
            for one in lines
            if one.opcode.startswith(COLLECTIVES) and not one.opcode.endswith("-done")
        ]

    def results(self) -> list[str]:
        """Return the shapes that the kernels write."""
        return [shape for lines in self.reached.values() for one in lines for shape in one.shapes]

    def types(self) -> set[str]:
        """Return the element types of the program."""
        return set(re.findall(r"\b([a-z]+\d+)\[[\d,]*\]", self.text))

    def _own(self, name):
        return [one for one in self.computations.get(name, ()) if one.opcode not in FREE]

    def _deep(self, name):
        return [line for below in self._below(name) for line in self._own(below)]

    def _below(self, name):
        """The computation and those that it calls, each once."""
        found, left = [], [name]
        while left:
            if (here := left.pop()) not in found:
                found.append(here)
                left += [called for one in self._own(here) for called in one.called]
        return found

    def _cycles(self, name):
        low = high = 0
        for one in self._own(name):
            costs = [self._cycles(called) for called in one.called] or [(one.cycles, one.cycles)]
            lows, highs = zip(*costs, strict=True)
            if one.opcode == "conditional":
                low, high = low + min(lows), high + max(highs)
            else:
                trips = (self._trips(one) or 1) if one.opcode == "while" else 1
                low, high = low + trips * sum(lows), high + trips * sum(highs)
        return low, high

    def _trips(self, loop):
        """The n of a condition that is `counter < n` alone, which is how a fixed loop looks."""
        if known := re.search(r'known_trip_count":\{"n":"(\d+)"', loop.rest):
            return int(known[1])
        lines = self.computations[dict(CALLED.findall(loop.rest))["condition"]]
        constants = {
            one.name: int(found[1])
            for one in lines
            if one.opcode == "constant" and (found := re.match(r"\((\d+)\)", one.rest))
        }
        compared = [one for one in lines if one.opcode not in FREE]
        if len(compared) != 1 or "direction=LT" not in compared[0].rest:
            return None
        bounds = [n for name, n in constants.items() if f"%{name})" in compared[0].rest]
        return bounds[0] if len(bounds) == 1 else None


def _instruction(line):
    made = re.match(r"(?:ROOT )?%?([\w.\-]+) = (.*)", line)
    if not made:
        return None
    name, rest = made.groups()
    opcode_at = _first_space(rest)
    opcode, _, arguments = rest[opcode_at + 1 :].partition("(")
    return Instruction(name, rest[:opcode_at], opcode, "(" + arguments)


def _first_space(text):
    """The first space outside of brackets: a result is one word or a tuple."""
    depth = 0
    for place, sign in enumerate(text):
        depth += (sign == "(") - (sign == ")")
        if depth == 0 and sign == " ":
            return place
    return len(text)
