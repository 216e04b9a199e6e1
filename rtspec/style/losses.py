"""How far a texture is from its style, by Gram matrices that are made only where they are small.

For features A of shape (n_filters, n_frames), G = A Aᵀ / n_frames has n_filters² entries; but
``‖A Aᵀ‖² = ‖Aᵀ A‖²`` and ``⟨A Aᵀ, B Bᵀ⟩ = ‖Bᵀ A‖²``, so products over frames give distance and slope exactly. They are
taken while the frames of both together are fewer than the filters; then the matrices themselves are smaller, and how
long a sound is costs time alone.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .networks import Network


class GramTarget:
    """Distances to one texture's Gram matrix.

    Parameters
    ----------
    features : ndarray, float32, shape (n_filters, n_frames)
        Of the style.
    """

    def __init__(self, features: np.ndarray):
        self._scaled = features / np.sqrt(np.float32(features.shape[1]))

    @cached_property
    def size(self) -> float:
        """The squared norm of the style's own Gram matrix."""
        filters_are_few = len(self._scaled) < self._scaled.shape[1]
        return _square(self._gram if filters_are_few else self._scaled.T @ self._scaled)

    @cached_property
    def _gram(self) -> np.ndarray:
        return self._scaled @ self._scaled.T

    def distance(self, features: np.ndarray) -> tuple[float, np.ndarray]:
        """The squared distance, and its slope at the features, float32 of the features' shape."""
        n = features.shape[1]
        if len(features) <= n + self._scaled.shape[1]:
            apart = features @ features.T / np.float32(n) - self._gram
            return _square(apart), np.float32(4 / n) * (apart @ features)
        own, across = features.T @ features / np.float32(n), self._scaled.T @ features
        value = _square(own) - 2 * _square(across) / n + self.size
        slope = np.float32(4 / n) * (features @ own - self._scaled @ across)
        return value, slope


def _square(values: np.ndarray) -> float:
    flat = values.ravel().astype(np.float64)
    return float(flat @ flat)


@dataclass(frozen=True)
class Losses:
    """Shares: 1 is the untouched content's distance to the style, and silence's to the content."""

    style: float
    content: float


class StyleLoss:
    """The style's distance as a share of the untouched content's, and the content's as a share of silence's.

    Parameters
    ----------
    network : Network
    style, content : ndarray, float32, shape (n_bins, n_frames)
        As the network sees them. A content of None is not asked for.
    content_weight : float
        Of the content's share beside the style's.
    """

    def __init__(self, network: Network, style: np.ndarray, content: np.ndarray, content_weight: float = 0.0):
        self._network, self.content_weight = network, content_weight
        self._targets = [GramTarget(each) for each in network.features(style)]
        features = network.features(content)
        self._content = features[network.content_layer]
        self._silence = max(_square(self._content), 1e-12)
        weights = np.array(network.style_weights)
        far = np.array([t.distance(f)[0] for t, f in zip(self._targets, features, strict=True)])
        self._scales = weights / max(float(weights @ far), 1e-12)
        self.value = Losses(1.0, 0.0)

    def __call__(self, seen: np.ndarray) -> tuple[float, np.ndarray]:
        """The loss of what is seen, (n_bins, n_frames), and its slope; its parts are then in `value`. Both float32."""
        features = self._network.features(seen)
        style, slopes = 0.0, []
        for target, each, scale in zip(self._targets, features, self._scales, strict=True):
            value, slope = target.distance(each)
            style += scale * value
            slopes.append(np.float32(scale) * slope)
        layer = self._network.content_layer
        apart = features[layer] - self._content
        content = _square(apart) / self._silence
        slopes[layer] += np.float32(2 * self.content_weight / self._silence) * apart
        self.value = Losses(style, content)
        return style + self.content_weight * content, self._network.slope(slopes, features, seen)

    def measured(self, seen: np.ndarray) -> Losses:
        """The parts, without a slope. What is seen is float32 of shape (n_bins, n_frames)."""
        features = self._network.features(seen)
        style = sum(s * t.distance(f)[0] for s, t, f in zip(self._scales, self._targets, features, strict=True))
        return Losses(float(style), _square(features[self._network.content_layer] - self._content) / self._silence)
