"""Judge every control against what is in force, and report it."""
