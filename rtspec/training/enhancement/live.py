"""The live network: from what is seen of a frame to gains, taps and fill levels; one frame of look-ahead."""

import math
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ...frames.plan import FramePlan
from ...metrics.distances import LSD_N_FFT
from ...processors.bandwidth.sizes import ANSWER, GROUP, LOW, N_BINS, N_FEATURES, TAPS, TONAL
from ..halves import halves
from .batches import LONG_LAG, LONG_STRIDE, Batch

LOG_FLOOR = 1e-8
TYPICAL, SCATTER = 0.636, 0.284
"""Of the hiss in the plan's frames: e to the mean of the power's logarithm over its mean, and the variance of its
log10. Of white noise they are .561 and .310."""
EVEN_TYPICAL, EVEN_SCATTER = 0.901, 0.040
"""The same in the frames of the log-spectral distance, in which the hiss is even."""
_REACH = 3
"""Frames on each side of a long frame's centre that hold its energy."""


class Mixing(nn.Module):
    """Features mixed over time (depthwise, causal) and then over channels, added to what came in."""

    def __init__(self, width: int, kernel: int, expansion: int = 2):
        super().__init__()
        self.kernel = kernel
        self.over_time = nn.Conv1d(width, width, kernel, groups=width)
        self.norm = nn.LayerNorm(width)
        self.widen = nn.Linear(width, expansion * width)
        self.narrow = nn.Linear(expansion * width, width)
        nn.init.normal_(self.narrow.weight, std=0.02 / math.sqrt(expansion))
        nn.init.zeros_(self.narrow.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, n_frames, width) → the same."""
        late = functional.pad(x.transpose(1, 2), (self.kernel - 1, 0))
        mixed = self.norm(self.over_time(late).transpose(1, 2))
        return x + self.narrow(torch.relu(self.widen(mixed)))


class LiveNetwork(nn.Module):
    """Features of frames → answers for the compiled stages.

    A linear layer, one that sees the frame before and the one after, mixing over time, a recurrent layer that remembers
    what kind of sound this is, mixing again, and one linear layer whose parts are bounded each in its own way.

    Parameters
    ----------
    width, memory : int
        Channels inside, and of the recurrent layer.
    n_late : int
        Layers of mixing after it.
    """

    def __init__(self, width: int = 256, memory: int = 96, n_late: int = 2):
        super().__init__()
        self.enter = nn.Linear(N_FEATURES, width)
        self.around = nn.Conv1d(width, width, 3, groups=width)
        self.early = Mixing(width, 5)
        self.recall = nn.Linear(width, memory)
        self.memory = nn.GRU(memory, memory, batch_first=True)
        self.remind = nn.Linear(memory, width)
        self.late = nn.Sequential(*(Mixing(width, 5) for _ in range(n_late)))
        self.norm = nn.LayerNorm(width)
        self.leave = nn.Linear(width, ANSWER.length)
        nn.init.normal_(self.leave.weight, std=0.01)
        nn.init.zeros_(self.leave.bias)
        with torch.no_grad():
            self.leave.bias[ANSWER.fill :] = -2.0

    def forward(self, features: Tensor) -> Tensor:
        """(batch, n_frames, N_FEATURES) → (batch, n_frames, ANSWER.length)."""
        x = torch.relu(self.enter(features))
        x = x + self.around(functional.pad(x.transpose(1, 2), (1, 1))).transpose(1, 2)
        x = self.early(x)
        x = x + self.remind(self.memory(self.recall(x))[0])
        return self._bounded(self.leave(self.norm(self.late(x))))

    @staticmethod
    def _bounded(x: Tensor) -> Tensor:
        """Gain changes from -1 to .5, taps from -.5 to .5, fill as it is."""
        gain = 0.75 * torch.tanh(x[..., :LOW] + math.atanh(1 / 3)) - 0.25
        taps = 0.5 * torch.tanh(x[..., LOW : ANSWER.fill])
        return torch.cat([gain, taps, x[..., ANSWER.fill :]], dim=-1)


def difference(answer: Tensor, spectrum: Tensor, controls: Tensor, hiss: Tensor, coded: Tensor) -> Tensor:
    """What the compiled stage ``mend`` makes of an answer, for whole clips and differentiable.

    Parameters
    ----------
    answer : Tensor, shape (batch, n_frames, ANSWER.length)
    spectrum, hiss : Tensor, complex, shape (batch, n_frames, N_BINS)
    controls : Tensor, shape (batch, n_frames, CONTROLS)
    coded : Tensor, shape (batch,)
        Share of the repair, 0 to 1.

    Returns
    -------
    Tensor, complex, shape (batch, n_frames, N_BINS)
    """
    return fill_levels(answer, controls, coded) * hiss + mended(answer, spectrum, controls, coded)


def fill_levels(answer: Tensor, controls: Tensor, coded: Tensor) -> Tensor:
    """Amplitude of the hiss: (batch, n_frames, N_BINS)."""
    above, share = _shares(controls, coded)
    return (above + share) * torch.clamp(_spread(answer[..., ANSWER.fill :]), -12.0, 3.0).exp() * controls[..., 1:2]


def mended(answer: Tensor, spectrum: Tensor, controls: Tensor, coded: Tensor) -> Tensor:
    """What is added below the edge beside hiss: complex, (batch, n_frames, N_BINS)."""
    _, share = _shares(controls, coded)
    return share * functional.pad(_mended(answer, spectrum), (0, N_BINS - LOW))


def _shares(controls: Tensor, coded: Tensor) -> tuple[Tensor, Tensor]:
    """How much of each bin lies above the edge, and how much is below it and to be repaired."""
    above = torch.clamp((torch.arange(N_BINS, device=controls.device) - controls[..., :1]) / 4 + 0.5, 0, 1)
    return above, coded[:, None, None] * (1 - above)


def _spread(units: Tensor) -> Tensor:
    """Values of units → values of bins."""
    high = units[..., LOW:].repeat_interleave(GROUP, dim=-1)
    return torch.cat([units[..., :LOW], high, high[..., -1:]], dim=-1)


def _mended(answer: Tensor, spectrum: Tensor) -> Tensor:
    """The change of the low bins: by gains, and for the lowest by taps on neighbouring frames."""
    tonal = spectrum[..., :TONAL]
    taps = answer[..., ANSWER.taps : ANSWER.fill].unflatten(-1, (TAPS, 2, TONAL))
    change = torch.complex(torch.zeros_like(tonal.real), answer[..., ANSWER.imaginary : ANSWER.taps]) * tonal
    for i, lag in enumerate((-1, 1, 2)):
        near = functional.pad(torch.view_as_real(tonal), (0, 0, 0, 0, max(0, lag), max(0, -lag)))
        near = torch.view_as_complex(near[:, max(0, -lag) :][:, : tonal.shape[1]].contiguous())
        change = change + near * torch.complex(taps[..., i, 0, :], taps[..., i, 1, :])
    return spectrum[..., :LOW] * answer[..., :LOW] + functional.pad(change, (0, LOW - TONAL))


def overlap_added(frames: Tensor, plan: FramePlan) -> Tensor:
    """Complex frames (batch, n_frames, n_bins) → sound (batch, n_samples), aligned with the input's samples.

    Only samples that all their frames cover are right; the first and last ``plan.length`` are not.
    """
    window = torch.as_tensor(np.array(plan.synthesis), device=frames.device)
    samples = torch.fft.irfft(frames, plan.n_fft)[..., : plan.length] * window
    n_parts = -(-plan.length // plan.hop)
    hops = functional.pad(samples, (0, n_parts * plan.hop - plan.length)).unflatten(-1, (n_parts, plan.hop))
    shifted = [functional.pad(hops[:, :, j], (0, 0, j, n_parts - 1 - j)) for j in range(n_parts)]
    total = torch.stack(shifted).sum(0)
    return total.flatten(1)[:, plan.length - plan.hop :][:, : frames.shape[1] * plan.hop]


def log_spectrum(sound: Tensor, n_fft: int = 2048, hop: int = 512) -> Tensor:
    """log10 of the power of each bin, floored as the evaluation floors it: (batch, n_bins, n_frames)."""
    window = torch.hann_window(n_fft, device=sound.device)
    spectrum = torch.stft(sound, n_fft, hop, window=window, center=False, return_complex=True)
    return torch.log10(spectrum.abs() ** 2 + LOG_FLOOR)


class LiveLoss:
    """Log-spectral distance, whole and above the edge; dB gained over the coded sound, by mending alone and in all; dB
    gained over the low-passed (fill costs some); how the level above the edge moves.

    The hiss is not drawn; what it does is expected in closed form: in the mean of its logarithm, power that is there
    grows by :data:`TYPICAL` times the hiss's, and has the variance :data:`SCATTER` where there is nothing but hiss.
    Distances above the edge are in the frames of the measure; those below it, where holes must be resolved, in the
    network's.

    Parameters
    ----------
    plan : FramePlan
    snr_weight : float
        Of a dB in all. Hiss costs as much as it brings power: a little less of it, where the music is loud, leaves the
        distance nearly as it is.
    compiled : bool
        Whether torch's compiler makes one piece of what follows the network, where a training step is concerned.
    """

    WEIGHTS: ClassVar = {"distance": 1.0, "above": 1.0, "envelope": -1.0}
    MENDING, NARROW_SHARE = 1.0, 0.25
    """Of a dB: that by mending and that in all add up to one; and the share of what is low-passed of the latter."""

    def __init__(self, plan: FramePlan, snr_weight: float = 0.1, compiled: bool = False):
        self.plan = plan
        self._trained = torch.compile(self._total_of) if compiled else self._total_of
        self.weights = {
            **self.WEIGHTS,
            "snr_db": -snr_weight,
            "mended_db": min(0.0, snr_weight - self.MENDING),
            "narrow_db": -self.NARROW_SHARE * snr_weight,
        }
        energy = float(np.sum(np.array(plan.analysis, np.float64) ** 2))
        near = np.cos(np.pi * plan.hop / LSD_N_FFT * np.arange(-_REACH, _REACH + 1)) ** 4
        self._sample_energy = plan.hop / (energy * (plan.n_fft // 2))
        self._near = (0.375 * LSD_N_FFT / energy * near / near.sum()).tolist()

    def __call__(self, network: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
        return self._trained(self._answer(network, batch), batch)

    def _total_of(self, answer: Tensor, batch: tuple[Tensor, ...]) -> Tensor:
        return self.total(self._parts_of(answer, batch))

    def total(self, parts: dict[str, Tensor]) -> Tensor:
        """The terms weighed."""
        return torch.stack([weight * parts[name] for name, weight in self.weights.items()]).sum()

    def parts(self, network: nn.Module, batch: tuple[Tensor, ...]) -> dict[str, Tensor]:
        """The loss's terms by name."""
        return self._parts_of(self._answer(network, batch), batch)

    @staticmethod
    def _answer(network: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
        features = Batch(*batch).features
        with halves(features.device, network.training):
            return network(features).float()

    def _parts_of(self, answer: Tensor, batch: tuple[Tensor, ...]) -> dict[str, Tensor]:
        each = Batch(*batch)
        noise = fill_levels(answer, each.controls, each.coded).square()
        change = mended(answer, each.spectrum, each.controls, each.coded)
        return self._distances(each, noise, change) | self._gains(each, noise, change)

    def _gains(self, each: Batch, noise: Tensor, change: Tensor) -> dict[str, Tensor]:
        """dB by which the sound of the coded ones, and that of the low-passed, comes nearer to their originals."""
        kept = slice(self.plan.length, each.sound.shape[1] - self.plan.length)
        lacking = (each.original - each.sound)[:, kept]
        before, after = _energy(lacking), _energy(overlap_added(change, self.plan)[:, kept] - lacking)
        floor = 1e-7 * _energy(each.original) + 1e-9
        filled = after + self._sample_energy * noise.sum((1, 2))
        coded, narrow = each.coded, 1 - each.coded
        gained = {"snr_db": (filled, coded), "mended_db": (after, coded), "narrow_db": (filled, narrow)}
        return {
            name: (share * 10 * torch.log10((before + floor) / (error + floor))).sum() / share.sum().clamp(min=1)
            for name, (error, share) in gained.items()
        }

    def _distances(self, each: Batch, noise: Tensor, change: Tensor) -> dict[str, Tensor]:
        n = each.distant.shape[1]
        at = slice(LONG_LAG, LONG_LAG + LONG_STRIDE * (n - 1) + 1, LONG_STRIDE)
        edge, bins = each.controls[:, at, :1], torch.arange(N_BINS, device=noise.device)
        below = (bins < edge).float()
        floor = LOG_FLOOR / sum(self._near)
        wanted = torch.log10(_power(each.wanted[:, at]) + floor)
        near = _squared(each.spectrum[:, at] + change[:, at], noise[:, at], wanted, floor)
        far, levels = self._above(each, noise, at)
        counted = (1 - below) * self._counted(each.top, bins)
        above = (far * counted).sum(-1) / counted.sum(-1).clamp(min=1)
        whole = ((near * below).sum(-1) + (far * counted).sum(-1)) / (below + counted).sum(-1)
        found = [(power * (1 - below)).sum(-1) for power in levels]
        return {
            "distance": (whole + 1e-6).sqrt().mean(),
            "above": (above + 1e-6).sqrt().mean(),
            "envelope": correlation(*found).mean(),
        }

    def _above(self, each: Batch, noise: Tensor, at: slice) -> tuple[Tensor, list[Tensor]]:
        """Expected squared distance of each bin, were it above the edge; and the power made and the original's."""
        shifted = [slice(at.start + lag, at.stop + lag, LONG_STRIDE) for lag in range(-_REACH, _REACH + 1)]
        power = torch.stack([weight * noise[:, part] for weight, part in zip(self._near, shifted, strict=True)]).sum(0)
        fine = each.distant[..., : 2 * N_BINS - 2].unflatten(-1, (N_BINS - 1, 2))
        mean, spread = fine.mean(-1), fine.var(-1, unbiased=False)
        far = (torch.log10(EVEN_TYPICAL * power[..., :-1] + LOG_FLOOR) - mean).square() + spread + EVEN_SCATTER
        return functional.pad(far, (0, 1)), [power, functional.pad((10**fine).mean(-1), (0, 1))]

    @staticmethod
    def _counted(top: Tensor, bins: Tensor) -> Tensor:
        """Nothing for bins that the original lost to a coder of its own: there is nothing there to learn."""
        return (bins <= top[:, None]).float()[:, None]


def _power(spectrum: Tensor) -> Tensor:
    return spectrum.real.square() + spectrum.imag.square()


def _energy(sound: Tensor) -> Tensor:
    return sound.square().sum(1)


def _squared(spectrum: Tensor, noise: Tensor, wanted: Tensor, floor: float) -> Tensor:
    """Expected squared distance of a spectrum plus noise from log powers."""
    there = _power(spectrum)
    scatter = SCATTER * (noise / (there + noise + floor)).square()
    return (torch.log10(there + TYPICAL * noise + floor) - wanted).square() + scatter


def correlation(made: Tensor, original: Tensor) -> Tensor:
    """Of two courses of power in dB, (batch, n_frames) → (batch,); what is 60 dB below the original's loudest counts as
    that."""
    floor = 1e-6 * original.amax(1, keepdim=True) + LOG_FLOOR
    a, b = (torch.log10(power + floor) for power in (made, original))
    a, b = a - a.mean(1, keepdim=True), b - b.mean(1, keepdim=True)
    return (a * b).sum(1) / (a.square().sum(1) * b.square().sum(1) + 1e-6).sqrt()


def log_distances(made: Tensor, original: Tensor, edge: Tensor) -> tuple[Tensor, Tensor]:
    """Log-spectral distance of two :func:`log_spectrum`, over all bins and over those above the edge (a share of the
    sample rate)."""
    squared, mask = (made - original) ** 2, _above(edge, made)
    above = (squared * mask).sum(1) / mask.sum(1).clamp(min=1)
    return (squared.mean(1) + 1e-6).sqrt().mean(), (above + 1e-6).sqrt().mean()


def _above(edge: Tensor, spectrum: Tensor) -> Tensor:
    """1 for bins above the edge: (batch, n_bins, 1)."""
    share = torch.arange(spectrum.shape[1], device=edge.device) / (2 * (spectrum.shape[1] - 1))
    return (share[None, :] > edge[:, None]).float()[..., None]


def gain_db(made: Tensor, sound: Tensor, original: Tensor) -> Tensor:
    """How many dB nearer to the original the made sound is than the coded one."""
    before, after = (sound - original).square().sum(1), (made - original).square().sum(1)
    floor = 1e-7 * original.square().sum(1) + 1e-9
    return 10 * torch.log10((before + floor) / (after + floor))
