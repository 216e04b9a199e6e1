"""Documented figures of the methods, by name; ``rtspec benchmark phase --audio FOLDER`` measures them anew.

Spectral convergence in dB at 75 and at 87.5 % overlap, n_fft 2048, mean over the thirteen clips that ``rtspec data
clips`` makes: speech, piano, ensemble, full music, textures and transients, on which pghipy's offline PGHI reaches
-20.1 and -23.6 dB, librosa's fast Griffin-Lim with 32 iterations -22.8 and -22.1. Then µs a frame at 1024/256, one
thread of a 2-core server (AVX-512) on which analysis and synthesis take 1.5. Methods with their default options, except
rtisi-la (look-ahead 3) and both of its family with 16 iterations; rtpghi with look-ahead 1; "live" and the other
choices as they are.
"""

FIGURES: dict[str, tuple[float, float, float]] = {
    "zero": (-3.9, -1.3, 0.1),
    "random": (-3.9, -2.8, 0.2),
    "spsi": (-16.9, -20.5, 4.2),
    "rtpghi": (-19.8, -23.5, 4.1),
    "rtisi-la": (-30.6, -33.4, 105),
    "gsrtisi-la": (-29.5, -34.9, 102),
    "live": (-22.7, -23.5, 31),
    "fast": (-27.6, -28.9, 52),
    "balanced": (-29.4, -35.7, 44),
    "best": (-33.7, -40.2, 193),
    "pghi": (-20.2, -23.5, 101),
    "griffin-lim": (-20.7, -19.9, 170),
    "fast-griffin-lim": (-28.5, -28.2, 160),
    "pghi-fgla": (-33.6, -37.3, 260),
    "sweeps": (-31.6, -35.0, 270),
    "rtisi-fgla": (-37.2, -43.2, 366),
}
