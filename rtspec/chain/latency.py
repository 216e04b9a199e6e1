"""The latency budget: where every sample of delay comes from."""

from dataclasses import dataclass

from ..errors import InvalidValue

ITEMS = ("device", "block", "worker", "resampler", "window", "model", "phase", "plugins", "reserve")


@dataclass(frozen=True)
class Latency:
    """Delay from a device's input to its output, itemised.

    Attributes
    ----------
    items : dict of str to int
        Samples: "device" (what the driver says of itself, in and out), "block" (one device period, or more where the
        engine's blocks do not divide it), "worker" (time that the engine has beyond it), "resampler", "window",
        "model", "phase", "plugins", "reserve" (what keeps the total the same when an edit takes something out of the
        chain).
    sample_rate : float
        Hz.
    """

    items: dict[str, int]
    sample_rate: float

    @property
    def total_samples(self) -> int:
        """Sum of all items."""
        return sum(self.items.values())

    @property
    def total_ms(self) -> float:
        """Sum of all items, ms."""
        return 1000.0 * self.total_samples / self.sample_rate

    def as_dict(self) -> dict:
        """For JSON: items, total_samples, total_ms, sample_rate."""
        return {
            "items": dict(self.items),
            "total_samples": self.total_samples,
            "total_ms": round(self.total_ms, 3),
            "sample_rate": self.sample_rate,
        }

    def __str__(self) -> str:
        rows = [*self.items.items(), ("total", self.total_samples)]
        return "\n".join(f"{name:>10} {n:6d} samples {1000 * n / self.sample_rate:8.2f} ms" for name, n in rows)


def budget(sample_rate: float, **items: int) -> Latency:
    """A budget in the order of :data:`ITEMS`, items not named being 0."""
    if unknown := set(items) - set(ITEMS):
        raise InvalidValue(f"{', '.join(sorted(unknown))}: no item of a latency; use {', '.join(ITEMS)}")
    return Latency({name: int(items.get(name, 0)) for name in ITEMS}, sample_rate)
