"""Tables of learned processors beside baselines, and pictures."""
