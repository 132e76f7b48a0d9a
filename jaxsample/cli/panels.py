"""Several growing texts: side by side in panels on a terminal, one after the other in a file."""

from __future__ import annotations

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.text import Text


class Panels:
    """Shows the end of every text while the texts grow, and all of them in full on `close`.

    Args:
        console: the terminal or file.
        samples: how many texts.
    """

    def __init__(self, console: Console, samples: int):
        self._console = console
        self._texts = [Text() for _ in range(samples)]
        self._live = Live(console=console, auto_refresh=False, transient=True)

    def add(self, sample: int, text: str, style: str = "") -> None:
        """Add a piece to one text."""
        self._texts[sample].append(text, style)

    def refresh(self) -> None:
        """Show as much of the end of every text as fits on the screen."""
        if not self._console.is_terminal:
            return
        self._live.start()
        height = max(1, (self._console.height - 2) // len(self._texts) - 2)
        tails = []
        for text in self._texts:
            lines = text.wrap(self._console, self._console.width - 4)
            tails.append(Text("\n").join(lines[-height:]))
        # A terminal echoes ^C on the empty line at the end, instead of in a panel.
        self._live.update(Group(self._group(tails), Text()), refresh=True)

    def close(self) -> None:
        """Write every text in full."""
        self._live.stop()
        if self._console.is_terminal:
            self._console.print(self._group(self._texts))
        else:
            self._console.file.write("\n\n".join(text.plain for text in self._texts) + "\n")
        self._console.file.flush()

    def _group(self, texts):
        panels = [
            Panel(text, title=str(number), title_align="left", border_style="dim")
            for number, text in enumerate(texts, 1)
        ]
        return Group(*panels)
