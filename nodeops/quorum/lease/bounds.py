"""How long leases may last. Pure."""

SHORTEST_SECONDS, LONGEST_SECONDS = 30, 4 * 3600
DAY_SECONDS = 24 * 3600
# A third of a day: of three organisations, one alone cannot fill it.
DAILY_SECONDS = DAY_SECONDS // 3
BOUNDS = f"{SHORTEST_SECONDS}s to {LONGEST_SECONDS // 3600}h"
