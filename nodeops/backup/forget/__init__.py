"""Old backups removed on the repository's side, by when they arrived there: what a node says of its backups decides nothing."""
