"""How a long command shows where it is: a bar on a terminal, quiet lines elsewhere."""

from __future__ import annotations

import signal
import sys
import time
from types import FrameType, TracebackType
from typing import Any

LINE_SECONDS = 30.0


class Progress:
    """Progress of a run, as a context manager.

    On a terminal a bar with steps per second and remaining time; otherwise a line at the start
    of a stage, every half minute, and at its end.
    """

    def __init__(self) -> None:
        self._bar: Any = None
        self._tasks: dict[str, Any] = {}
        self._begun: dict[str, tuple[float, int]] = {}
        self._said = time.monotonic()

    def __enter__(self) -> Progress:
        """Open the bar if there is a terminal for it."""
        if sys.stderr.isatty():
            from rich.progress import MofNCompleteColumn, TimeElapsedColumn, TimeRemainingColumn

            self._bar = open_bar(
                MofNCompleteColumn(),
                "{task.fields[pace]}",
                TimeElapsedColumn(),
                TimeRemainingColumn(),
            )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the bar."""
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, name: str, step: int, length: int) -> None:
        """Show that stage `name` is at `step` of `length`."""
        now = time.monotonic()
        new = name not in self._begun
        begun, first = self._begun.setdefault(name, (now, step))
        rate = (step - first) / (now - begun) if now > begun else 0.0
        if self._bar is not None:
            if name not in self._tasks:
                self._tasks[name] = self._bar.add_task(name, total=length, pace="")
            self._bar.update(self._tasks[name], completed=step, pace=f"{rate:.0f} steps/s")
        elif new or now - self._said > LINE_SECONDS or step == length:
            self._said = now
            pace = f", {rate:.0f} steps/s" if rate else ""
            left = f", {(length - step) / rate:.0f} s left" if rate and step < length else ""
            self.say(f"{name}: step {step} of {length}{pace}{left}")

    def say(self, line: str) -> None:
        """Print one line beside the bar."""
        say_beside(self._bar, line)


def open_bar(*columns: Any) -> Any:
    """Open bars on stderr, with a description, a bar, and these columns (rich's) for each."""
    from rich.console import Console
    from rich.progress import BarColumn
    from rich.progress import Progress as Bar

    bar = Bar("{task.description}", BarColumn(), *columns, console=Console(stderr=True))
    bar.start()
    return bar


def say_beside(bar: Any, line: str) -> None:
    """Print one line on stderr, above `bar` if that is not None."""
    if bar is not None:
        bar.console.print(line, highlight=False, markup=False, soft_wrap=True)
    else:
        print(line, file=sys.stderr, flush=True)


class StopRequest:
    """Turns the first Ctrl-C or SIGTERM into a request; the second one is not held back."""

    def __init__(self) -> None:
        self._asked = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> StopRequest:
        """Take the signals over."""
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Give the signals back."""
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self._asked = True
        signal.signal(number, self._before[number])

    def __call__(self) -> bool:
        """Whether the user asked to stop."""
        return self._asked
