"""A log host: messages, bounds, and who is let in."""
