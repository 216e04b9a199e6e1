"""Which General MIDI programs have named places in the latent space."""

ANCHORS = {
    "piano": 0, "electric piano": 4, "harpsichord": 6, "vibraphone": 11, "marimba": 12, "organ": 19, "accordion": 21,
    "guitar": 24, "bass": 32, "violin": 40, "cello": 42, "harp": 46, "strings": 48, "choir": 52, "trumpet": 56,
    "brass": 61, "saxophone": 65, "oboe": 68, "clarinet": 71, "flute": 73, "pan flute": 75, "square": 80, "saw": 81,
    "pad": 89, "sitar": 104,
}  # fmt: skip
"""General MIDI programs whose places get names."""
