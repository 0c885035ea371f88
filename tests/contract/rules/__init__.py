"""The rules themselves: each takes the root of a tree and returns one line for every breach."""
