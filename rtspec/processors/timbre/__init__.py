"""TimbreSynth and TimbreMorph: latents become partials, noise and their courses."""
