"""A revision agreed to by signatures of admins, where the chain cannot ask organisations or does not move."""
