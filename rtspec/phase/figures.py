"""Documented figures of the methods, by name; ``rtspec benchmark phase --audio FOLDER`` measures them anew.

Spectral convergence in dB at 75 and at 87.5 % overlap, n_fft 2048, mean over the nine clips that ``rtspec data clips``
makes: speech, piano, ensemble and full music, on which pghipy's offline PGHI reaches -20.9 and -24.4 dB, librosa's
fast Griffin-Lim with 32 iterations -22.6 and -21.5. Then µs a frame at 1024/256, one thread of a 2-core server on which
analysis and synthesis take 2.0. Methods with their default options, except rtisi-la (look-ahead 3) and both of its
family with 16 iterations; rtpghi with look-ahead 1; "live" and the other choices as they are. The times of the six
methods for whole clips are those of an earlier run, on other clips, while nothing else ran. All are of the time before
textures and transients joined the clips, and before "live", "balanced" and "best" changed how their frames start.
"""

FIGURES: dict[str, tuple[float, float, float]] = {
    "zero": (-3.8, -1.1, 0.2),
    "random": (-3.9, -2.7, 0.3),
    "spsi": (-18.3, -21.9, 5.4),
    "rtpghi": (-21.0, -24.7, 8.6),
    "rtisi-la": (-32.0, -34.7, 146),
    "gsrtisi-la": (-31.6, -36.0, 144),
    "live": (-25.4, -26.9, 52),
    "fast": (-29.8, -31.2, 70),
    "balanced": (-31.1, -36.1, 78),
    "best": (-34.2, -40.6, 216),
    "pghi": (-21.1, -24.3, 156),
    "griffin-lim": (-20.8, -19.0, 243),
    "fast-griffin-lim": (-28.7, -27.8, 254),
    "pghi-fgla": (-34.6, -37.8, 397),
    "sweeps": (-32.2, -35.7, 613),
    "rtisi-fgla": (-37.6, -44.1, 517),
}
