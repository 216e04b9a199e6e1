"""Pictures: figures of matplotlib without its global state, and spectrograms one below the other."""
