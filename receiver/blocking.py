"""Calls that block, kept off the event loop: one thread for each store, so that a store that hangs holds up nothing else."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from schemas.errors import StoreTimeout

Result = TypeVar("Result")


class InThread:
    """Runs calls that block on one thread of its own, and gives up waiting for them in time."""

    def __init__(self, name: str) -> None:
        self._threads = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)

    async def run(self, call: Callable[[], Result], *, within_s: float) -> Result:
        """The result of a call. Raises StoreTimeout when it is not there in time; the call itself is left to end by its own time-out."""
        try:
            async with asyncio.timeout(within_s):
                return await asyncio.get_running_loop().run_in_executor(self._threads, call)
        except TimeoutError:
            raise StoreTimeout("The store did not answer in time.") from None

    def close(self) -> None:
        """End the thread once its call is over, without waiting for it."""
        self._threads.shutdown(wait=False, cancel_futures=True)
