"""Service levels that both parties of a contract compute from the chain: who voted when, and what is owed where not."""
