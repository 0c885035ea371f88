"""The same m of n by signatures of admins, where the chain cannot ask or does not move."""
