"""The RQ jobs. `schemas.jobs` holds their dotted names, which keep their meaning for ever."""

from store.doorbell import ring
from workers.context import installed


class JobFailed(Exception):
    """Says only what type of error ended a job: RQ keeps the text of what a job raises."""


def screen_inbox() -> None:
    """Claim all that is due in both inboxes, and screen it; ring again where something may be left."""
    context, stop = installed()
    try:
        drained = context.drain.run((context.redis_inbox, context.database_inbox), stop=stop)
        if not drained:
            ring(context.redis)
    except BaseException as error:  # noqa: BLE001  RQ would keep the text of whatever it is, and calls all of it a failure
        raise JobFailed(type(error).__name__) from None
