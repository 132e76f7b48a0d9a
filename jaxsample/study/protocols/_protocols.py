"""All studies by their names."""

from __future__ import annotations

from jaxsample.study.protocols._creativity import CREATIVITY
from jaxsample.study.protocols._edt import EDT
from jaxsample.study.protocols._nuclei import NUCLEI
from jaxsample.study.protocols._preset_comparison import PRESET_COMPARISON
from jaxsample.study.protocols._protocol import Protocol
from jaxsample.study.protocols._surface import SURFACE

PROTOCOLS: dict[str, Protocol] = {
    protocol.name: protocol for protocol in (EDT, CREATIVITY, SURFACE, NUCLEI, PRESET_COMPARISON)
}
"""Every study by its name."""
