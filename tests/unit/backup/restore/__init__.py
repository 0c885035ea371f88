"""A restore that can never sign twice."""
