"""Sound to learn from: Debian packages fetched without installing, and any folder of sound files."""
