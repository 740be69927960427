"""How the demo speaks: numbered chapters, plain sentences, and the time each chapter took."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console


@dataclass
class Story:
    """Prints chapters and remembers how long each took."""

    chapters: int
    console: Console = field(default_factory=lambda: Console(highlight=False))
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def chapter(self, title: str) -> Iterator[None]:
        """One numbered chapter; a spinner turns while it works."""
        number, start = len(self.seconds) + 1, time.perf_counter()
        self.console.print(f"\n[bold cyan]{number:>2}/{self.chapters}[/]  [bold]{title}[/]")
        with self.console.status("working ...", spinner="dots"):
            yield
        self.seconds[title] = time.perf_counter() - start

    def say(self, text: str) -> None:
        """A plain sentence."""
        self.console.print(f"       {text}")

    def good(self, text: str) -> None:
        """Something that went as it should."""
        self.console.print(f"     [green]✓[/] {text}")

    def stop(self, text: str) -> None:
        """Something that was found or refused: the product at work, not a failure of the demo."""
        self.console.print(f"     [red]✗[/] {text}")

    def times(self) -> None:
        """Where the time went."""
        total = sum(self.seconds.values())
        parts = ", ".join(f"{title.split(':')[0].lower()} {taken:.1f}" for title, taken in self.seconds.items())
        self.console.print(f"\n[dim]{total:.0f} s in all: {parts}[/]")
