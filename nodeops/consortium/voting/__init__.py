"""How an organisation votes: the key it votes with, what it agrees to, and the verbs."""
