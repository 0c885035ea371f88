"""Remove sealed segments, and never anything else."""
