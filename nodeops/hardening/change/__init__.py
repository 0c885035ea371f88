"""Bring a host to what the controls ask, on trial, and back again."""
