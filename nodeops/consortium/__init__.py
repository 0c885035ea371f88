"""Who belongs, decided by m of n: a revision of the consortium file, what it changes, and the votes that put it in force."""
