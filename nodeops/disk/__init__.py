"""The disk guard: logs are sealed, compressed and purged before a disk fills, and no line is lost."""
