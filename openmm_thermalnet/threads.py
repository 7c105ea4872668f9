"""What every thread has for itself."""

from __future__ import annotations

import threading
from typing import Any


class ThreadLocal(threading.local):
    """Attributes that each thread sets and reads for itself; a copy or a pickle has none."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Begin anew."""
        return type(self), ()
