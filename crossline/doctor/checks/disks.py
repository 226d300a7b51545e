"""The disks that stores on this machine write to."""

from collections.abc import Iterator
from typing import Final

from crossline.doctor.facts import Disk, Facts
from crossline.doctor.verdicts import Verdict, fail, ok, warn

FAIL_FREE_BYTES: Final = 200 * 1024**2
WARN_FREE_BYTES: Final = 2 * 1024**3
WARN_FREE_SHARE: Final = 0.05


def check(facts: Facts) -> Iterator[Verdict]:
    """Pure."""
    for name, disk in (("redis disk", facts.redis_disk), ("database disk", facts.database_disk)):
        if disk is not None:
            yield _verdict(name, disk)


def _verdict(name: str, disk: Disk) -> Verdict:
    finding = f"{disk.free_bytes / 1024**3:,.1f} GiB are free ({disk.free_bytes / max(1, disk.total_bytes):.0%})."
    remedy = "Free space or enlarge the disk: when it is full, nothing more is accepted."
    if disk.free_bytes < FAIL_FREE_BYTES:
        return fail(name, finding, remedy)
    if disk.free_bytes < WARN_FREE_BYTES and disk.free_bytes < WARN_FREE_SHARE * disk.total_bytes:
        return warn(name, finding, remedy)
    return ok(name, finding)
