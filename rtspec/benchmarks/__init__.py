"""Time and lateness: the engine, latency, MIDI, models, phase methods, any period, the soak."""
