"""A book of what was removed, each line chained to the one before."""
