"""Stories that a lab tells by real commands: the tour, a vote of the organisations, the loss of a host."""
