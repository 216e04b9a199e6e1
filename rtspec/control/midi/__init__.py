"""MIDI: ports, messages and what they mean, files, MPE."""
