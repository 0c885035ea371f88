"""How long leases may last. Pure."""

SHORTEST_SECONDS, LONGEST_SECONDS = 30, 4 * 3600
DAY_SECONDS = 24 * 3600
# A third of a day: of three organisations, one alone cannot fill it.
DAILY_SECONDS = DAY_SECONDS // 3
# One organisation's leases together: so long at a stretch, then none for so long, in which others go first.
STRETCH_SECONDS, REST_SECONDS = LONGEST_SECONDS, 1800
BOUNDS = f"{SHORTEST_SECONDS}s to {LONGEST_SECONDS // 3600}h"
