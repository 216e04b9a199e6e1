"""What learned processors are compared with."""
