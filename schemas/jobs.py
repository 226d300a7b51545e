"""RQ jobs by dotted name. A name keeps its meaning for ever: two releases run side by side during a deploy."""

from typing import Final

SCREEN_INBOX: Final = "workers.jobs.screen_inbox"
"""Claim all that is due in both inboxes, and screen it. Takes no argument."""

MAX_WAITING: Final = 64
"""A ring is left out while this many jobs wait: each of them drains the whole inbox."""
JOB_TIMEOUT_S: Final = 120
"""Longest that one job may run before it is stopped."""
FAILURE_TTL_S: Final = 300
"""How long RQ keeps a failed job; nothing depends on it."""
