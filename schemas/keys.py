"""Every key and lifetime that Crossline uses in Redis, and nothing else may spell one.

All keys of one installation start with `PREFIX`, so that a shared Redis shows whose they are. RQ's own start with `rq:`.
"""

from typing import Final

PREFIX: Final = "crossline:"

INBOX_BATCHES: Final = "crossline:inbox:batches"
"""Hash: batch id → sealed bytes."""
INBOX_DUE: Final = "crossline:inbox:due"
"""Sorted set: batch id by the ms at which it may be claimed; a lease moves it into the future."""
INBOX_ACCEPTED: Final = "crossline:inbox:accepted"
"""Sorted set: batch id by the ms at which it was accepted."""
INBOX_CLAIMS: Final = "crossline:inbox:claims"
"""Hash: batch id → how often it was claimed without being done or released, a colon, the latest claim's token."""
INBOX_MARKS: Final = "crossline:inbox:marks"
"""Hash: batch id → which item was being worked on alone when its worker was last heard of, a colon, how often."""
INBOX_MESSAGES: Final = "crossline:inbox:messages"
"""Integer: how many items wait in all batches."""
SEEN_PREFIX: Final = "cl:s:"
"""Prefix of a duplicate mark, followed by the 16 raw bytes of the keyed digest; short, because there are millions."""

WORK_STATS: Final = "crossline:stats:work"
"""Hash: what workers count for `/metrics`, by field name."""

SCREEN_QUEUE: Final = "crossline"
"""Name of the only RQ queue."""
SCREENERS: Final = f"rq:workers:{SCREEN_QUEUE}"
"""Set: the keys of the workers on that queue, as RQ registers them."""
