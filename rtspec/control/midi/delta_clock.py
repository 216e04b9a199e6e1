"""Times of messages by a back end that says only how long after the one before each came."""


class DeltaClock:
    """A back end's delta times to monotonic time, free of the poll's jitter.

    The sum of deltas runs with the back end's clock; the smallest lateness seen is the offset between both clocks. It
    may grow by `DRIFT` only, so that a late poll does not move it; a sum off by more than `RESYNC_S` starts anew.
    """

    DRIFT = 200e-6
    RESYNC_S = 0.25

    def __init__(self) -> None:
        self._sum, self._offset, self._at, self._last = 0.0, float("inf"), 0.0, float("-inf")

    def time_s(self, delta_s: float, now_s: float) -> float:
        """When a message with this delta that is read at `now_s` happened; never later than now, never backwards."""
        self._sum += delta_s if 0.0 <= delta_s < 1e9 else 0.0
        lateness = now_s - self._sum
        slack = self.DRIFT * max(0.0, now_s - self._at)
        if lateness - self._offset > self.RESYNC_S:
            self._offset = lateness
        self._offset, self._at = min(lateness, self._offset + slack), now_s
        self._last = max(self._last, self._sum + self._offset)
        return self._last
