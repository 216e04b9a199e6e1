"""The live network: from what is seen of a frame to gains, taps and fill levels; one frame of look-ahead."""

import math

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ...frames.plan import FramePlan
from ...processors.bandwidth_stages import ANSWER, GROUP, LOW, N_BINS, N_FEATURES, TAPS, TONAL

LOG_FLOOR = 1e-8


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
    """What the compiled stage ``mend`` makes of an answer, for whole clips and differentiable: the sum of
    :func:`changes`."""
    filled, mended = changes(answer, spectrum, controls, hiss, coded)
    return filled + mended


def changes(answer: Tensor, spectrum: Tensor, controls: Tensor, hiss: Tensor, coded: Tensor) -> tuple[Tensor, Tensor]:
    """What is filled with hiss, and what is mended.

    Parameters
    ----------
    answer : Tensor, shape (batch, n_frames, ANSWER.length)
    spectrum, hiss : Tensor, complex, shape (batch, n_frames, N_BINS)
    controls : Tensor, shape (batch, n_frames, CONTROLS)
    coded : Tensor, shape (batch,)
        Share of the repair, 0 to 1.

    Returns
    -------
    tuple of Tensor, complex, shape (batch, n_frames, N_BINS)
    """
    k = torch.arange(N_BINS, device=answer.device)
    above = torch.clamp((k - controls[..., :1]) / 4 + 0.5, 0, 1)
    share = coded[:, None, None] * (1 - above)
    fill = torch.clamp(_spread(answer[..., ANSWER.fill :]), -12.0, 3.0).exp() * controls[..., 1:2]
    return (above + share) * fill * hiss, share * functional.pad(_mended(answer, spectrum), (0, N_BINS - LOW))


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
    """Log-spectral distance, whole and above the edge; dB gained over the coded sound, by mending alone and in all; the
    level's course above the edge.

    Parameters
    ----------
    plan : FramePlan
    """

    MENDED_WEIGHT, SNR_WEIGHT, ABOVE_WEIGHT, ENVELOPE_WEIGHT = 1.0, 0.3, 0.6, 1.0
    """Per dB, twice; relative to the whole distance; of the correlation."""

    def __init__(self, plan: FramePlan):
        self.plan = plan

    def __call__(self, network: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
        return self.total(self.parts(network, batch))

    def total(self, parts: dict[str, Tensor]) -> Tensor:
        """The terms weighed."""
        total = parts["distance"] + self.ABOVE_WEIGHT * parts["above"] - self.ENVELOPE_WEIGHT * parts["envelope"]
        return total - self.SNR_WEIGHT * parts["snr_db"] - self.MENDED_WEIGHT * parts["mended_db"]

    def parts(self, network: nn.Module, batch: tuple[Tensor, ...]) -> dict[str, Tensor]:
        """The loss's terms by name."""
        features, controls, spectrum, sound, original, coded = batch
        with torch.autocast(features.device.type, torch.bfloat16, enabled=network.training):
            answer = network(features)
        answer = answer.float()
        hiss = self._hiss(sound)[:, : features.shape[1]]
        filled, mended = changes(answer, spectrum, controls, hiss, coded)
        repaired = sound + overlap_added(mended, self.plan)
        made = repaired + overlap_added(filled, self.plan)
        kept = slice(2 * self.plan.length, sound.shape[1] - self.plan.length)
        made, repaired, sound, original = (each[:, kept] for each in (made, repaired, sound, original))
        logs, edge = (log_spectrum(made), log_spectrum(original)), controls[:, -1, 0] / self.plan.n_fft
        whole, above = log_distances(*logs, edge)
        weight = coded / coded.sum().clamp(min=1)
        gained = {"snr_db": gain_db(made, sound, original), "mended_db": gain_db(repaired, sound, original)}
        terms = {"distance": whole, "above": above, "envelope": level_correlation(*logs, edge)}
        return terms | {name: (weight * each).sum() for name, each in gained.items()}

    def _hiss(self, sound: Tensor) -> Tensor:
        """Frames of white noise of mean power 1, as the compiled stage makes them."""
        plan = self.plan
        window = torch.as_tensor(np.array(plan.analysis), device=sound.device)
        noise = (
            torch.randn(len(sound), sound.shape[1] + plan.length, device=sound.device) / window.square().sum().sqrt()
        )
        frames = noise.unfold(-1, plan.length, plan.hop) * window
        return torch.fft.rfft(frames, plan.n_fft)


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


def level_correlation(made: Tensor, original: Tensor, edge: Tensor) -> Tensor:
    """Correlation over frames of the levels above the edge, in dB, of two :func:`log_spectrum`; levels 60 dB below the
    original's loudest count as that."""
    mask = _above(edge, made)
    powers = [(10**each * mask).sum(1) for each in (made, original)]
    floor = 1e-6 * powers[1].amax(1, keepdim=True) + LOG_FLOOR
    a, b = (torch.log10(power + floor) for power in powers)
    a, b = a - a.mean(1, keepdim=True), b - b.mean(1, keepdim=True)
    spread = (a.square().sum(1) * b.square().sum(1) + 1e-6).sqrt()
    return ((a * b).sum(1) / spread).mean()


def gain_db(made: Tensor, sound: Tensor, original: Tensor) -> Tensor:
    """How many dB nearer to the original the made sound is than the coded one."""
    before, after = (sound - original).square().sum(1), (made - original).square().sum(1)
    floor = 1e-7 * original.square().sum(1) + 1e-9
    return 10 * torch.log10((before + floor) / (after + floor))
