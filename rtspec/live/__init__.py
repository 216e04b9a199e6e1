"""Live streams: the engine, what a stream builds on a device, what moves it, watches it and counts."""
