"""DeepFilterNet as one network: its three parts, their features, the gains and the deep filter between spectra.

References
----------
H. Schröter et al., "DeepFilterNet: Perceptually Motivated Real-Time Speech Enhancement", Interspeech 2023: features
and normalisation (section 2.1), gains per ERB band, and the deep filter Y(k, f) = Σ_i C_i(k, f) X(k − i + l, f).
"""

from collections.abc import Mapping
from configparser import ConfigParser
from dataclasses import dataclass
from math import exp
from pathlib import Path

import numpy as np
from onnx import ModelProto

from ...errors import ModelError
from .builder import Builder, floats

ERB_WIDTH_HZ, ERB_SLOPE = 24.7, 9.265
LEAST_POWER = 1e-10
LEVEL_RANGE_DB = 40.0
FIRST_LEVELS_DB = (-60.0, -90.0)
"""Running means before the first frame, of the lowest and of the highest band."""
FIRST_SIZES = (1e-3, 1e-4)
"""Running magnitudes before the first frame, of the first and of the last filtered bin."""


@dataclass(frozen=True)
class DeepFilterSettings:
    """What the networks were trained with; the published values of DeepFilterNet3.

    Attributes
    ----------
    sample_rate : int
        Hz.
    n_fft, hop : int
        Samples.
    n_bands, n_filtered : int
        ERB bands; bins that the deep filter works on.
    order, look_ahead : int
        Taps of the deep filter, and how many of them are future frames.
    mask_look_ahead : int
        Future frames that the features of both parts bring.
    least_bins : int
        Least width of a band.
    time_constant_s : float
        Of the running means.
    """

    sample_rate: int = 48000
    n_fft: int = 960
    hop: int = 480
    n_bands: int = 32
    n_filtered: int = 96
    order: int = 5
    look_ahead: int = 2
    mask_look_ahead: int = 2
    least_bins: int = 2
    time_constant_s: float = 1.0

    @property
    def n_bins(self) -> int:
        """Bins of a spectrum."""
        return self.n_fft // 2 + 1

    @property
    def forgetting(self) -> float:
        """Share of the old in a running mean, rounded as the authors do: the fewest digits ≥ 3 that stay below 1."""
        exact, digits = exp(-self.hop / self.sample_rate / self.time_constant_s), 3
        while round(exact, digits) >= 1:
            digits += 1
        return round(exact, digits)


NAMES = {
    "sample_rate": ("df", "sr"),
    "n_fft": ("df", "fft_size"),
    "hop": ("df", "hop_size"),
    "n_bands": ("df", "nb_erb"),
    "n_filtered": ("df", "nb_df"),
    "order": ("df", "df_order"),
    "look_ahead": ("df", "df_lookahead"),
    "mask_look_ahead": ("deepfilternet", "conv_lookahead"),
    "least_bins": ("df", "min_nb_erb_freqs"),
    "time_constant_s": ("df", "norm_tau"),
}
"""Where the authors' config.ini holds what."""


def settings_of(config: Path) -> DeepFilterSettings:
    """Settings from a config.ini, the published ones for what it does not say."""
    read = ConfigParser(interpolation=None, strict=False)
    read.read(config)
    found = {}
    for name, (section, key) in NAMES.items():
        if read.has_option(section, key):
            text = read.get(section, key)
            found[name] = float(text) if name == "time_constant_s" else int(text)
    return DeepFilterSettings(**found)


def erb_widths(settings: DeepFilterSettings) -> np.ndarray:
    """Bins of each ERB band, none narrower than `least_bins`: what a band takes too much, the next lacks.

    Returns
    -------
    ndarray, int64, shape (n_bands,)
        Together all bins up to Nyquist.
    """
    top = ERB_SLOPE * np.log1p(settings.sample_rate / 2 / (ERB_WIDTH_HZ * ERB_SLOPE))
    edges_erb = np.arange(1, settings.n_bands + 1) * (top / settings.n_bands)
    edges_hz = ERB_WIDTH_HZ * ERB_SLOPE * np.expm1(edges_erb / ERB_SLOPE)
    edges = np.floor(edges_hz / (settings.sample_rate / settings.n_fft) + 0.5).astype(int)
    widths, before, owed = [], 0, 0
    for edge in edges:
        width = edge - before - owed
        owed = max(settings.least_bins - width, 0)
        widths.append(max(width, settings.least_bins))
        before = edge
    widths[-1] += settings.n_bins - sum(widths)
    return np.array(widths)


def deep_filter_net(parts: Mapping[str, ModelProto], settings: DeepFilterSettings) -> ModelProto:
    """One network for whole clips: noisy spectrum in, enhanced spectrum out.

    Parameters
    ----------
    parts : mapping of str to onnx.ModelProto
        "enc", "erb_dec" and "df_dec", as the authors export them.
    settings : DeepFilterSettings

    Returns
    -------
    onnx.ModelProto
        "spectrum" [1, 2, frames, n_bins] to "enhanced" of the same shape, both divided by n_fft as the authors have
        them; frame t of the output needs `mask_look_ahead` later frames.
    """
    graph = Builder(list(parts.values()))
    spectrum = "spectrum"
    erb, low = _level_features(graph, spectrum, settings), graph.part(spectrum, 3, 0, settings.n_filtered)
    ahead = settings.mask_look_ahead
    feeds = {"feat_erb": erb, "feat_spec": _unit_features(graph, low, settings)}
    _check(parts["enc"], "enc", feeds)
    seen = graph.embed(parts["enc"], "enc/", {n: graph.padded(x, 4, 2, 0, ahead) for n, x in feeds.items()})
    gains = _one(graph.embed(parts["erb_dec"], "erb_dec/", _feeds(parts, "erb_dec", seen)), "m")
    taps = _one(graph.embed(parts["df_dec"], "df_dec/", _feeds(parts, "df_dec", seen)), "coefs")
    masked = graph.product(spectrum, _spread(graph, graph.part(gains, 2, ahead), settings))
    filtered = _deep_filter(graph, low, graph.part(taps, 1, ahead), settings)
    graph.named(graph.joined(3, filtered, graph.part(masked, 3, settings.n_filtered)), "enhanced")
    sizes = (1, 2, "frames", settings.n_bins)
    return graph.model([floats("spectrum", *sizes)], [floats("enhanced", *sizes)], "deepfilternet")


def _check(network: ModelProto, part: str, feeds: Mapping[str, str]) -> None:
    weights = {tensor.name for tensor in network.graph.initializer}
    missing = [value.name for value in network.graph.input if value.name not in feeds and value.name not in weights]
    if missing:
        raise ModelError(
            f'{part}.onnx reads "{missing[0]}", which no other part gives; give the three files of one export: '
            "enc.onnx, erb_dec.onnx, df_dec.onnx"
        )


def _feeds(parts: Mapping[str, ModelProto], part: str, seen: Mapping[str, str]) -> dict[str, str]:
    """What the encoder gives to a decoder, by names."""
    _check(parts[part], part, seen)
    return {value.name: seen[value.name] for value in parts[part].graph.input if value.name in seen}


def _one(outputs: Mapping[str, str], name: str) -> str:
    """An output by its name, or the first where an exporter named it otherwise."""
    return outputs.get(name, next(iter(outputs.values())))


def _power(graph: Builder, x: str) -> str:
    """|x|² of [1, 2, frames, bins] as [1, 1, frames, bins]."""
    squares = graph.product(x, x)
    return graph.total(graph.part(squares, 1, 0, 1), graph.part(squares, 1, 1, 2))


def _level_features(graph: Builder, spectrum: str, settings: DeepFilterSettings) -> str:
    widths = erb_widths(settings)
    means = np.repeat(np.eye(settings.n_bands) / widths[:, None], widths, axis=1).T.astype(np.float32)
    bands = graph.node("MatMul", _power(graph, spectrum), graph.constant(means))
    floored = graph.total(bands, graph.constant(LEAST_POWER))
    level = graph.product(graph.node("Log", floored), 10 / float(np.log(10)))
    mean = running_mean(graph, level, np.linspace(*FIRST_LEVELS_DB, settings.n_bands), settings.forgetting)
    return graph.product(graph.node("Sub", level, mean), 1 / LEVEL_RANGE_DB)


def _unit_features(graph: Builder, low: str, settings: DeepFilterSettings) -> str:
    size = graph.node("Sqrt", _power(graph, low))
    mean = running_mean(graph, size, np.linspace(*FIRST_SIZES, settings.n_filtered), settings.forgetting)
    return graph.node("Div", low, graph.node("Sqrt", mean))


def running_mean(graph: Builder, x: str, first: np.ndarray, forgetting: float) -> str:
    """m[t] = (1 − a)·x[t] + a·m[t − 1] of [1, 1, frames, n], as a recurrent layer without a curve. `first` is m before
    the first frame, float32 of shape (n,)."""
    n = len(first)
    rows = graph.node("Reshape", graph.node("Transpose", x, perm=[2, 0, 1, 3]), graph.constant([-1, 1, n]))
    new, old = (graph.constant((share * np.eye(n, dtype=np.float32))[None]) for share in (1 - forgetting, forgetting))
    start = graph.constant(first.astype(np.float32).reshape(1, 1, n))
    made = graph.node(
        "RNN", rows, new, old, "", "", start,
        hidden_size=n, activations=["Affine"], activation_alpha=[1.0], activation_beta=[0.0],
    )  # fmt: skip
    return graph.node("Transpose", made, perm=[1, 2, 0, 3])


def _spread(graph: Builder, gains: str, settings: DeepFilterSettings) -> str:
    """A gain for each bin from one for each band."""
    widths = erb_widths(settings)
    spread = np.repeat(np.eye(settings.n_bands, dtype=np.float32), widths, axis=1)
    return graph.node("MatMul", gains, graph.constant(spread))


def _deep_filter(graph: Builder, low: str, taps: str, settings: DeepFilterSettings) -> str:
    """Σ_i taps[t, f, i] · low[t + i − (order − 1 − look_ahead), f], complex."""
    past = settings.order - 1 - settings.look_ahead
    around = graph.padded(low, 4, 2, past, settings.look_ahead)
    turned = graph.node("Transpose", taps, perm=[0, 3, 1, 2])
    reals, imaginaries = [], []
    for i in range(settings.order):
        end = i - settings.order + 1
        x = graph.part(around, 2, i, end or int(np.iinfo(np.int64).max))
        a, b = (graph.part(turned, 1, 2 * i + k, 2 * i + k + 1) for k in (0, 1))
        re, im = (graph.part(x, 1, k, k + 1) for k in (0, 1))
        reals.append(graph.node("Sub", graph.product(re, a), graph.product(im, b)))
        imaginaries.append(graph.total(graph.product(re, b), graph.product(im, a)))
    return graph.joined(1, graph.total(*reals), graph.total(*imaginaries))
