"""How often one visitor may ask for something costly. Counted in memory, in each process."""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from threading import Lock

AT_MOST = 10_000
"""Addresses remembered; the one unheard of longest is forgotten, so that memory stays flat."""


class Pace:
    """At most so many times within a while, for each address.

    Parameters
    ----------
    times, within_s : e.g. 10 times within 60 seconds.
    """

    def __init__(self, times: int, within_s: float) -> None:
        self._times = times
        self._within_s = within_s
        self._seen: OrderedDict[str, deque[float]] = OrderedDict()
        self._lock = Lock()

    def allows(self, address: str) -> bool:
        """Whether it may ask now; counts it if so."""
        now = time.monotonic()
        with self._lock:
            mine = self._seen.setdefault(address, deque(maxlen=self._times))
            self._seen.move_to_end(address)
            while len(self._seen) > AT_MOST:
                self._seen.popitem(last=False)
            if len(mine) == self._times and now - mine[0] < self._within_s:
                return False
            mine.append(now)
            return True
