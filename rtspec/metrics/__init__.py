"""What training and evaluation both measure with: distances, partials, phases, notes."""
