"""Documented figures of the methods, by name; ``rtspec benchmark phase --audio FOLDER`` measures them anew.

Spectral convergence in dB at 75 and at 87.5 % overlap, n_fft 2048, mean over eight clips: two of speech, piano,
ensemble and four of orchestral game music, 16 to 48 kHz, on which pghipy's offline PGHI reaches -18.8 and -22.0 dB,
librosa's fast Griffin-Lim with 32 iterations -22.3 and -21.2. Then µs a frame at 1024/256, one thread of a 2-core
server on which analysis and synthesis take 2.1. Methods with their default options, except rtisi-la (look-ahead 3)
and both of its family with 16 iterations; rtpghi with look-ahead 1; "live" and the other choices as they are.
"""

FIGURES: dict[str, tuple[float, float, float]] = {
    "zero": (-4.6, -1.3, 0.2),
    "random": (-3.9, -2.7, 0.3),
    "spsi": (-14.8, -14.8, 3.5),
    "rtpghi": (-18.9, -22.9, 10.0),
    "rtisi-la": (-32.3, -38.3, 138),
    "gsrtisi-la": (-31.7, -39.1, 136),
    "live": (-24.1, -25.6, 51),
    "fast": (-28.8, -32.6, 70),
    "balanced": (-31.8, -40.5, 79),
    "best": (-34.8, -42.0, 220),
    "pghi": (-18.7, -21.8, 156),
    "griffin-lim": (-19.9, -19.5, 243),
    "fast-griffin-lim": (-26.8, -26.2, 254),
    "pghi-fgla": (-31.7, -34.8, 397),
    "sweeps": (-30.4, -34.4, 613),
    "rtisi-fgla": (-38.0, -44.5, 517),
}
