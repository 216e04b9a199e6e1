"""Small networks with the structures of well-known public enhancers, written anew from their papers.

They are no copies and learn nothing: each has the layers that make its original hard to stream (padding in front of
grouped and transposed convolutions, unfolded bins, layers over bins and over frames, cumulative norms, attention over
the last frames, deep filtering), at a size that a test runs in a moment. All take frames of a spectrogram.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  the name that every torch reader knows


class CausalConv(nn.Module):
    """Frames padded in front, then a convolution or transposed convolution over [frames, bins]."""

    def __init__(self, a: int, b: int, kernel=(3, 3), stride: int = 1, dilation: int = 1, up: bool = False, groups=1):
        super().__init__()
        self.front = (kernel[0] - 1) * dilation
        half = kernel[1] // 2
        options = {"stride": (1, stride), "dilation": (dilation, 1), "groups": groups}
        self.layer = (
            nn.ConvTranspose2d(a, b, kernel, padding=(self.front, half), **options)
            if up
            else nn.Conv2d(a, b, kernel, padding=(0, half), **options)
        )
        self.norm, self.act = nn.BatchNorm2d(b), nn.PReLU(b)

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.norm(self.layer(F.pad(x, [0, 0, self.front, 0]))))


class DualPath(nn.Module):
    """A bidirectional GRU over the bins of each frame, a GRU over the frames of each bin, each with a LayerNorm."""

    def __init__(self, channels: int, bins: int):
        super().__init__()
        self.intra = nn.GRU(channels, channels // 2, batch_first=True, bidirectional=True)
        self.inter = nn.GRU(channels, channels, batch_first=True)
        self.linear = nn.ModuleList([nn.Linear(channels, channels) for _ in range(2)])
        self.norms = nn.ModuleList([nn.LayerNorm([bins, channels]) for _ in range(2)])

    def forward(self, x: Tensor) -> Tensor:
        """[1, channels, frames, bins] to the same."""
        x = x.permute(0, 2, 3, 1)
        bins, channels = x.shape[2], x.shape[3]
        h = self.linear[0](self.intra(x.reshape(-1, bins, channels))[0]).reshape(1, -1, bins, channels)
        x = x + self.norms[0](h)
        h = x.permute(0, 2, 1, 3).reshape(bins, -1, channels)
        h = self.linear[1](self.inter(h)[0]).reshape(1, bins, -1, channels).permute(0, 2, 1, 3)
        return (x + self.norms[1](h)).permute(0, 3, 1, 2)


class GatedTime(nn.Module):
    """Temporal recurrent attention: the energy of each channel, a GRU over frames, a gate."""

    def __init__(self, channels: int):
        super().__init__()
        self.gru, self.out = nn.GRU(channels, 2 * channels, batch_first=True), nn.Linear(2 * channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        h = self.gru(x.pow(2).mean(-1).transpose(1, 2))[0]
        return x * torch.sigmoid(self.out(h).transpose(1, 2)[..., None])


def complex_mask(mask: Tensor, x: Tensor) -> Tensor:
    """Complex product of [1, 2, frames, bins] with the same."""
    real = x[:, 0] * mask[:, 0] - x[:, 1] * mask[:, 1]
    imag = x[:, 1] * mask[:, 0] + x[:, 0] * mask[:, 1]
    return torch.stack([real, imag], 1)


class Gtcrn(nn.Module):
    """Bands, unfolded bins, grouped dilated convolutions with shuffled channels, dual path (Rong et al. 2024)."""

    def __init__(self, bins: int = 17, bands: int = 9, channels: int = 4):
        super().__init__()
        self.to_bands, self.to_bins = nn.Linear(bins, bands, bias=False), nn.Linear(bands, bins, bias=False)
        self.unfold = nn.Unfold((1, 3), padding=(0, 1))
        self.enter = CausalConv(9, channels, (1, 5), 2)
        self.dilated = nn.ModuleList([CausalConv(3 * channels // 2, channels // 2, dilation=d) for d in (1, 2)])
        self.gates = nn.ModuleList([GatedTime(channels // 2) for _ in range(4)])
        self.path = DualPath(channels, (bands + 1) // 2)
        self.back = nn.ModuleList([CausalConv(3 * channels // 2, channels // 2, dilation=d, up=True) for d in (2, 1)])
        self.leave = nn.ConvTranspose2d(channels, 2, (1, 5), stride=(1, 2), padding=(0, 2))

    def neighbours(self, x: Tensor) -> Tensor:
        return self.unfold(x).reshape(1, 3 * x.shape[1], x.shape[2], x.shape[3])

    def block(self, x: Tensor, layer: nn.Module, gate: nn.Module) -> Tensor:
        first, second = torch.chunk(x, 2, 1)
        first = gate(layer(self.neighbours(first)))
        return torch.stack([first, second], 1).transpose(1, 2).reshape(1, -1, x.shape[2], x.shape[3])

    def forward(self, x: Tensor) -> Tensor:
        """[1, 2, frames, bins] to the same."""
        magnitude = torch.sqrt(x[:, :1] ** 2 + x[:, 1:] ** 2 + 1e-12)
        h = self.enter(self.neighbours(self.to_bands(torch.cat([magnitude, x], 1))))
        skips = []
        for layer, gate in zip(self.dilated, self.gates, strict=False):
            h = self.block(h, layer, gate)
            skips.append(h)
        h = self.path(h)
        for layer, gate in zip(self.back, list(self.gates)[2:], strict=True):
            h = self.block(h + skips.pop(), layer, gate)
        return complex_mask(self.to_bins(torch.tanh(self.leave(h))), x)


class UlUnas(nn.Module):
    """Affine activations, depthwise causal layers, attention over bins by a bidirectional GRU (Rong et al. 2025)."""

    def __init__(self, bins: int = 17, channels: int = 4):
        super().__init__()
        self.down = nn.ModuleList(
            [CausalConv(1, channels, (3, 3), 2), CausalConv(channels, channels, (2, 3), 2, groups=4)]
        )
        self.slope, self.offset = (
            nn.Parameter(torch.rand(1, channels, 1, 1)),
            nn.Parameter(torch.rand(1, channels, 1, 1)),
        )
        self.gate = GatedTime(channels)
        self.over_bins = nn.GRU(channels, 3, batch_first=True, bidirectional=True)
        self.bin_gate = nn.Linear(6, 1)
        self.path = DualPath(channels, 5)
        self.up = nn.ModuleList(
            [CausalConv(channels, channels, (2, 3), 2, up=True), CausalConv(channels, 1, (3, 3), 2, up=True)]
        )

    def forward(self, x: Tensor) -> Tensor:
        """[1, 1, frames, bins] to the same."""
        h, skips = torch.log10(x.abs() + 1e-3), []
        for layer in self.down:
            h = layer(h)
            h = h * self.slope + self.offset
            skips.append(h)
        h = self.gate(h)
        flat = h.permute(0, 2, 3, 1).reshape(-1, h.shape[3], h.shape[1])
        weight = torch.sigmoid(self.bin_gate(self.over_bins(flat)[0]))
        h = self.path(h * weight.reshape(1, 1, -1, h.shape[3]))
        for layer in self.up:
            h = layer(h + skips.pop())
        return torch.sigmoid(h) * x


class Dpcrn(nn.Module):
    """Convolutions, dual-path recurrence, transposed convolutions with skips joined (Le et al. 2021)."""

    def __init__(self, channels: int = 4):
        super().__init__()
        self.down = nn.ModuleList([CausalConv(2, channels, (2, 5), 2), CausalConv(channels, channels, (2, 3), 2)])
        self.path = nn.ModuleList([DualPath(channels, 5) for _ in range(2)])
        self.up = nn.ModuleList(
            [CausalConv(2 * channels, channels, (2, 3), 2, up=True), CausalConv(2 * channels, 2, (2, 5), 2, up=True)]
        )

    def forward(self, x: Tensor) -> Tensor:
        """[1, 2, frames, 17] to the same."""
        h, skips = x, []
        for layer in self.down:
            h = layer(h)
            skips.append(h)
        for path in self.path:
            h = path(h)
        for layer in self.up:
            h = layer(torch.cat([h, skips.pop()], 1))
        return complex_mask(h, x)


class Dtln(nn.Module):
    """Two LSTMs over frames, a mask, instant layer norm on learnt features (Westhausen and Meyer 2020)."""

    def __init__(self, bins: int = 17, hidden: int = 8, features: int = 12):
        super().__init__()
        self.first, self.mask = nn.LSTM(bins, hidden, 2, batch_first=True), nn.Linear(hidden, bins)
        self.encode, self.decode = nn.Conv1d(bins, features, 1, bias=False), nn.Conv1d(features, bins, 1, bias=False)
        self.gain, self.shift = nn.Parameter(torch.rand(features)), nn.Parameter(torch.rand(features))
        self.second, self.weight = nn.LSTM(features, hidden, 2, batch_first=True), nn.Linear(hidden, features)

    def forward(self, x: Tensor) -> Tensor:
        """[1, frames, bins] to the same."""
        y = torch.sigmoid(self.mask(self.first(torch.log(x.abs() + 1e-7))[0])) * x
        features = self.encode(y.transpose(1, 2)).transpose(1, 2)
        mean = features.mean(-1, keepdim=True)
        spread = (features - mean).pow(2).mean(-1, keepdim=True)
        normal = (features - mean) / torch.sqrt(spread + 1e-7) * self.gain + self.shift
        weighted = torch.sigmoid(self.weight(self.second(normal)[0])) * features
        return self.decode(weighted.transpose(1, 2)).transpose(1, 2)


class FastEnhancer(nn.Module):
    """Strided encoder over bins, a GRU over frames and attention over bins (Ahn et al. 2025)."""

    def __init__(self, bins: int = 16, channels: int = 8):
        super().__init__()
        self.enter = nn.Conv1d(2, channels, 8, 4, 2)
        self.encode = nn.Conv1d(channels, channels, 3, padding=1)
        self.gru, self.dense = nn.GRU(channels, channels, batch_first=True), nn.Linear(channels, channels)
        self.attention = nn.MultiheadAttention(channels, 2, batch_first=True)
        self.leave = nn.ConvTranspose1d(2 * channels, 2, 8, 4, 2)

    def forward(self, x: Tensor) -> Tensor:
        """[1, 2, frames, bins] to the same."""
        frames, bins = x.shape[2], x.shape[3]
        h = F.silu(self.enter(x.permute(0, 2, 1, 3).reshape(-1, 2, bins)))
        skip = h
        h = F.silu(self.encode(h)).permute(2, 0, 1)
        h = h + self.dense(self.gru(h)[0])
        h = h.permute(1, 0, 2)
        h = h + self.attention(h, h, h, need_weights=False)[0]
        h = self.leave(torch.cat([h.permute(0, 2, 1), skip], 1))
        return complex_mask(h.reshape(1, frames, 2, bins).permute(0, 2, 1, 3), x)


def cumulative_mean(x: Tensor) -> Tensor:
    """Mean of [1, bins, frames] over all bins and the frames so far: cumulative Laplace norm."""
    total = torch.cumsum(x.mean(1, keepdim=True), -1)
    return total / torch.arange(1, x.shape[-1] + 1, dtype=x.dtype)


class FullSubNet(nn.Module):
    """A full-band LSTM, an LSTM over each bin and its neighbours; cumulative norms; two frames of look-ahead."""

    def __init__(self, bins: int = 9, hidden: int = 8, look_ahead: int = 2):
        super().__init__()
        self.look_ahead = look_ahead
        self.full, self.out = nn.LSTM(bins, hidden, batch_first=True), nn.Linear(hidden, bins)
        self.sub, self.mask = nn.LSTM(6, hidden, batch_first=True), nn.Linear(hidden, 2)

    def unfold(self, x: Tensor, neighbours: int) -> Tensor:
        """[1, bins, frames] to [bins, 2n + 1, frames]."""
        width = 2 * neighbours + 1
        padded = F.pad(x[:, None], [0, 0, neighbours, neighbours], mode="reflect")
        out = F.unfold(padded, (width, x.shape[2]))
        return out.reshape(width, -1, x.shape[1]).permute(2, 0, 1)

    def forward(self, x: Tensor) -> Tensor:
        """[1, bins, frames] to [1, 2, bins, frames]."""
        bins = x.shape[1]
        x = F.pad(x, [0, self.look_ahead])
        full = F.relu(self.out(self.full((x / (cumulative_mean(x) + 1e-5)).transpose(1, 2))[0])).transpose(1, 2)
        wide = F.pad(x, [0, 0, 2, 2])
        stacked = torch.stack([wide[:, i : i + bins] for i in range(5)] + [full], 2)[0]
        norm = torch.cumsum(stacked.mean(1, keepdim=True), -1) / torch.arange(1, x.shape[-1] + 1, dtype=x.dtype)
        masks = self.mask(self.sub((stacked / (norm + 1e-5)).transpose(1, 2))[0])
        return masks.permute(2, 0, 1)[None][..., self.look_ahead :]


class CumulativeNorm(nn.Module):
    """Conv-TasNet's cLN: mean and variance over channels and the frames so far."""

    def __init__(self, channels: int):
        super().__init__()
        self.gain, self.bias = nn.Parameter(torch.rand(1, channels, 1)), nn.Parameter(torch.rand(1, channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        channels, frames = x.shape[1], x.shape[2]
        count = torch.arange(channels, channels * (frames + 1), channels, dtype=x.dtype).reshape(1, 1, -1)
        total = torch.cumsum(x.sum(1, keepdim=True), -1)
        power = torch.cumsum(x.pow(2).sum(1, keepdim=True), -1)
        mean = total / count
        variance = (power - 2 * mean * total) / count + mean.pow(2)
        return (x - mean) / (variance + 1e-6).sqrt() * self.gain + self.bias


class ConvTasNet(nn.Module):
    """Dilated causal separator with cumulative norms (Luo and Mesgarani 2019)."""

    def __init__(self, channels: int = 8, layers: int = 3):
        super().__init__()
        self.norm = CumulativeNorm(channels)
        self.wide = nn.ModuleList([nn.Conv1d(channels, 12, 1) for _ in range(layers)])
        self.norms = nn.ModuleList([CumulativeNorm(12) for _ in range(2 * layers)])
        self.deep = nn.ModuleList(
            [nn.Conv1d(12, 12, 3, padding=2 * 2**i, dilation=2**i, groups=12) for i in range(layers)]
        )
        self.back = nn.ModuleList([nn.Conv1d(12, channels, 1) for _ in range(layers)])
        self.act = nn.PReLU()

    def forward(self, x: Tensor) -> Tensor:
        """[1, channels, frames] to the same."""
        h = self.norm(x)
        for i, (wide, deep, back) in enumerate(zip(self.wide, self.deep, self.back, strict=True)):
            y = self.norms[2 * i](self.act(wide(h)))
            y = self.norms[2 * i + 1](self.act(deep(y)[..., : -2 * 2**i]))
            h = h + back(y)
        return torch.sigmoid(h) * x


class OpenUnmix(nn.Module):
    """Normalised frames, a dense layer, three forward LSTMs, a skip, two dense layers (Stöter et al. 2019)."""

    def __init__(self, bins: int = 17, hidden: int = 8, channels: int = 2):
        super().__init__()
        self.mean, self.scale = nn.Parameter(torch.rand(bins)), nn.Parameter(torch.rand(bins))
        self.dense = nn.ModuleList(
            [
                nn.Linear(a, b, bias=False)
                for a, b in ((bins * channels, hidden), (2 * hidden, hidden), (hidden, bins * channels))
            ]
        )
        self.norms = nn.ModuleList([nn.BatchNorm1d(n) for n in (hidden, hidden, bins * channels)])
        self.lstm = nn.LSTM(hidden, hidden, 3)

    def forward(self, x: Tensor) -> Tensor:
        """[1, channels, bins, frames] to the same."""
        mix = x.permute(3, 0, 1, 2)
        frames, batch, channels, bins = mix.shape
        h = (mix + self.mean) * self.scale
        h = torch.tanh(self.norms[0](self.dense[0](h.reshape(-1, channels * bins))).reshape(frames, batch, -1))
        h = torch.cat([h, self.lstm(h)[0]], -1)
        h = F.relu(self.norms[1](self.dense[1](h.reshape(-1, h.shape[-1]))))
        h = self.norms[2](self.dense[2](h)).reshape(frames, batch, channels, bins)
        return (F.relu(h) * mix).permute(1, 2, 3, 0)


class ComplexConv(nn.Module):
    """A complex convolution of two real ones, causal, with a crop at the end where it is transposed."""

    def __init__(self, a: int, b: int, up: bool = False):
        super().__init__()
        make = nn.ConvTranspose2d if up else nn.Conv2d
        self.real, self.imag = (make(a, b, (5, 2), (2, 1), (2, 0 if up else 1)) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        """[1, 2·channels, bins, frames]."""
        real, imag = torch.chunk(x, 2, 1)
        y = torch.cat([self.real(real) - self.imag(imag), self.real(imag) + self.imag(real)], 1)
        return y[..., :-1]


class Dccrn(nn.Module):
    """Complex convolutions, a complex LSTM, complex transposed convolutions with skips (Hu et al. 2020)."""

    def __init__(self, channels: int = 3, bins: int = 17):
        super().__init__()
        self.down = nn.ModuleList([ComplexConv(1, channels), ComplexConv(channels, channels)])
        size = channels * 5
        self.real, self.imag = nn.LSTM(size, size), nn.LSTM(size, size)
        self.up = nn.ModuleList([ComplexConv(2 * channels, channels, True), ComplexConv(2 * channels, 1, True)])

    def forward(self, x: Tensor) -> Tensor:
        """[1, 2, bins, frames] to the same."""
        h, skips = x, []
        for layer in self.down:
            h = F.leaky_relu(layer(h), 0.2)
            skips.append(h)
        channels, bins = h.shape[1] // 2, h.shape[2]
        real, imag = (part.permute(3, 0, 1, 2).reshape(-1, 1, channels * bins) for part in torch.chunk(h, 2, 1))
        real, imag = self.real(real)[0] - self.imag(imag)[0], self.real(imag)[0] + self.imag(real)[0]
        parts = [part.reshape(-1, 1, channels, bins).permute(1, 2, 3, 0) for part in (real, imag)]
        h = torch.cat(parts, 1)
        for layer in self.up:
            skip = skips.pop()
            both = zip(torch.chunk(h, 2, 1), torch.chunk(skip, 2, 1), strict=True)
            h = layer(torch.cat([part for pair in both for part in pair], 1))
        return complex_mask(torch.tanh(h), x)


class DeepFilterNet(nn.Module):
    """Band gains and a deep filter of order 5 with two frames of look-ahead, in one graph (Schröter et al. 2022)."""

    def __init__(self, bins: int = 12, bands: int = 6, order: int = 5, look_ahead: int = 2):
        super().__init__()
        self.order, self.look_ahead, self.bins = order, look_ahead, bins
        self.bands = nn.Linear(bins, bands, bias=False)
        self.conv_bands, self.conv_bins = nn.Conv2d(1, 4, 3, padding=(0, 1)), nn.Conv2d(2, 4, 3, padding=(0, 1))
        self.mixer = nn.Linear(4 * bands + 4 * bins, 16)
        self.gru = nn.GRU(16, 16, batch_first=True)
        self.gains, self.filters = nn.Linear(16, bands), nn.Linear(16, bins * order * 2)
        self.spread = nn.Linear(bands, bins, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """[1, 2, frames, bins] to the same."""
        ahead = F.pad(x, [0, 0, 0, self.look_ahead])[:, :, self.look_ahead :]
        level = self.bands(torch.log(ahead.pow(2).sum(1, keepdim=True) + 1e-6))
        a = F.relu(self.conv_bands(F.pad(level, [0, 0, 2, 0])))
        b = F.relu(self.conv_bins(F.pad(ahead, [0, 0, 2, 0])))
        flat = [h.permute(0, 2, 1, 3).flatten(2) for h in (a, b)]
        h = self.gru(F.relu(self.mixer(torch.cat(flat, 2))))[0]
        x = x * self.spread(torch.sigmoid(self.gains(h)))[:, None]
        taps = torch.tanh(self.filters(h)).reshape(1, -1, self.bins, self.order, 2)
        before = self.order - 1 - self.look_ahead
        padded = F.pad(x, [0, 0, before, self.look_ahead])
        windows = torch.stack([padded[:, :, i : i + x.shape[2]] for i in range(self.order)], -1)
        real = (windows[:, 0] * taps[..., 0] - windows[:, 1] * taps[..., 1]).sum(-1)
        imag = (windows[:, 0] * taps[..., 1] + windows[:, 1] * taps[..., 0]).sum(-1)
        return torch.stack([real, imag], 1)


class LimitedAttention(nn.Module):
    """Each frame attends to itself and the last `span` frames."""

    def __init__(self, channels: int, span: int):
        super().__init__()
        self.qkv, self.out, self.span = nn.Linear(channels, 3 * channels), nn.Linear(channels, channels), span

    def forward(self, x: Tensor) -> Tensor:
        """[batch, frames, channels] to the same."""
        q, k, v = self.qkv(x).chunk(3, -1)
        scores = q @ k.transpose(1, 2) / x.shape[-1] ** 0.5
        i = torch.arange(x.shape[1])
        apart = i[None, :] - i[:, None]
        scores = scores.masked_fill((apart > 0) | (apart < -self.span), float("-inf"))
        return x + self.out(torch.softmax(scores, -1) @ v)


class Mtfaa(nn.Module):
    """Causal dilated blocks, attention over bins and over the last frames (Zhang et al. 2022)."""

    def __init__(self, channels: int = 4, bins: int = 9, span: int = 6):
        super().__init__()
        self.enter = CausalConv(2, channels, (3, 3), 2)
        self.blocks = nn.ModuleList([CausalConv(channels, channels, dilation=d, groups=channels) for d in (1, 2)])
        self.bins = nn.MultiheadAttention(channels, 1, batch_first=True)
        self.frames = LimitedAttention(channels, span)
        self.leave = CausalConv(channels, 2, (3, 3), 2, up=True)

    def forward(self, x: Tensor) -> Tensor:
        """[1, 2, frames, bins] to the same."""
        h = self.enter(x)
        for block in self.blocks:
            h = h + block(h)
        channels, bins = h.shape[1], h.shape[3]
        flat = h.permute(0, 2, 3, 1).reshape(-1, bins, channels)
        flat = flat + self.bins(flat, flat, flat, need_weights=False)[0]
        over = flat.reshape(-1, bins, channels).permute(1, 0, 2)
        h = self.frames(over).permute(2, 1, 0)[None]
        return complex_mask(torch.tanh(self.leave(h)), x)


class LiSenNet(nn.Module):
    """Sub-bands encoded apart, dual-path recurrence, magnitude mask (Yan et al. 2025)."""

    def __init__(self, channels: int = 4):
        super().__init__()
        self.low, self.high = CausalConv(1, channels, (2, 3), 1), CausalConv(1, channels, (2, 3), 2)
        self.path = DualPath(channels, 16)
        self.up_low, self.up_high = CausalConv(channels, 1, (2, 3), 1), CausalConv(channels, 1, (2, 3), 2, up=True)

    def forward(self, x: Tensor) -> Tensor:
        """[1, 1, frames, 23] to the same."""
        power = (x.abs() + 1e-6) ** 0.3
        low, high = power[..., :8], power[..., 8:]
        h = self.path(torch.cat([self.low(low), self.high(high)], 3))
        mask = torch.cat([self.up_low(h[..., :8]), self.up_high(h[..., 8:])], 3)
        return torch.sigmoid(mask) * x


class MpSenet(nn.Module):
    """Magnitude and phase side by side, attention over bins and over the last frames, in its causal form."""

    def __init__(self, channels: int = 4, span: int = 5):
        super().__init__()
        self.enter = CausalConv(2, channels, (3, 3), 2)
        self.dense = CausalConv(2 * channels, channels, dilation=2)
        self.frames, self.bins = LimitedAttention(channels, span), nn.MultiheadAttention(channels, 2, batch_first=True)
        self.norm = nn.LayerNorm(channels)
        self.mask = CausalConv(channels, 1, (1, 3), 2, up=True)
        self.real, self.imag = (CausalConv(channels, 1, (1, 3), 2, up=True) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        """[1, 2, frames, bins] (magnitude, phase) to the same."""
        h = self.enter(x)
        h = self.dense(torch.cat([h, h], 1)) + h
        over = self.norm(self.frames(h[0].permute(2, 1, 0))).permute(1, 0, 2)
        over = (over + self.bins(over, over, over, need_weights=False)[0]).permute(2, 0, 1)[None]
        phase = torch.atan(self.imag(over) / (self.real(over).abs() + 1e-3))
        return torch.cat([torch.sigmoid(self.mask(over)) * x[:, :1], phase], 1)


class LookAlike(NamedTuple):
    """A network, the shape of an example input, its time axis and its true look-ahead in frames."""

    make: type
    shape: tuple[int, ...]
    time: int
    look_ahead: int


LOOK_ALIKES = {
    "GTCRN": LookAlike(Gtcrn, (1, 2, 40, 17), 2, 0),
    "UL-UNAS": LookAlike(UlUnas, (1, 1, 40, 17), 2, 0),
    "DPCRN": LookAlike(Dpcrn, (1, 2, 40, 17), 2, 0),
    "DTLN": LookAlike(Dtln, (1, 40, 17), 1, 0),
    "FastEnhancer": LookAlike(FastEnhancer, (1, 2, 40, 16), 2, 0),
    "FullSubNet": LookAlike(FullSubNet, (1, 9, 40), 2, 2),
    "Conv-TasNet cLN": LookAlike(ConvTasNet, (1, 8, 40), 2, 0),
    "open-unmix": LookAlike(OpenUnmix, (1, 2, 17, 40), 3, 0),
    "DCCRN": LookAlike(Dccrn, (1, 2, 17, 40), 3, 0),
    "DeepFilterNet": LookAlike(DeepFilterNet, (1, 2, 40, 12), 2, 4),
    "MTFAA": LookAlike(Mtfaa, (1, 2, 40, 17), 2, 0),
    "LiSenNet": LookAlike(LiSenNet, (1, 1, 40, 23), 2, 0),
    "MP-SENet": LookAlike(MpSenet, (1, 2, 40, 17), 2, 0),
}
