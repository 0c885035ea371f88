"""A validator's key back on a host, and never beside another copy of it that signs."""
