"""A node's keys: made on its host, never moved, published by their public halves."""
