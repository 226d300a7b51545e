"""Every error that Crossline names, in one tree; the only place that ties an error to its code and its HTTP status.

CrosslineError
├── Refused                     the sender's fault: 4xx, kept or counted, not retried by us
│   ├── BadRequest              400  not HTTP; the connection is closed
│   ├── MalformedCallback       422  kept in quarantine, names the field
│   ├── SignatureMissing        401  kept in quarantine
│   ├── SignatureWrong          401  kept in quarantine
│   ├── NotAuthenticated        401  for pages that want a token
│   ├── SourceNotAllowed        403
│   ├── NotFound                404
│   ├── MethodNotAllowed        405
│   ├── BodyTimeout             408  the connection is closed
│   ├── BodyTooLarge            413  the connection is closed
│   └── HeadTooLarge            431  the connection is closed
├── Unavailable                 our fault: 503 with Retry-After, nothing was acknowledged
│   ├── NoStoreAccepts          503
│   └── ShuttingDown            503
├── StoreError                  a store did not do what was asked; the work is tried again, uncounted
│   ├── StoreUnreachable
│   ├── StoreFull
│   └── StoreTimeout
├── SealError                   sealed bytes cannot be opened: they were changed, or moved
│   └── KeyMissing              … because the key that sealed them is not at hand
├── SchemaMismatch              the database's schema is not the one that this release needs
└── UserError                   something that the person at the command line can mend; says what to do
    ├── SettingsError           all problems of the settings at once
    └── KeyMismatch             the keys at hand are not those of this database

A class docstring is the default message; `code` is the class name in snake_case, and is what a response, a metric and a test name.
No message ever holds message text, a phone number, a secret or an expected signature.
"""

import re
from collections.abc import Sequence
from typing import Any, ClassVar

_WORD_START = re.compile(r"(?<!^)(?=[A-Z])")


class CrosslineError(Exception):
    """Something went wrong."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "crossline_error"

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.code = _WORD_START.sub("_", cls.__name__).lower()

    def __init__(self, message: str | None = None) -> None:
        self.message = message or (self.__doc__ or "").strip()
        super().__init__(self.message)


class Refused(CrosslineError):
    """The request was refused."""

    status = 400


class BadRequest(Refused):
    """The request is not HTTP that can be understood."""


class MalformedCallback(Refused):
    """The callback could not be understood."""

    status = 422

    def __init__(self, message: str | None = None, *, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class SignatureMissing(Refused):
    """The callback is not signed, and a signature is required."""

    status = 401


class SignatureWrong(Refused):
    """The callback's signature matches none of the configured keys."""

    status = 401


class NotAuthenticated(Refused):
    """This is shown to those with the right token alone."""

    status = 401


class SourceNotAllowed(Refused):
    """The callback's source address is outside the allowed networks."""

    status = 403


class NotFound(Refused):
    """There is nothing here."""

    status = 404


class MethodNotAllowed(Refused):
    """Only POST is answered here."""

    status = 405


class BodyTimeout(Refused):
    """The body was not complete in time."""

    status = 408


class BodyTooLarge(Refused):
    """The body is larger than a callback may be."""

    status = 413


class HeadTooLarge(Refused):
    """The request's head is larger than any needs to be."""

    status = 431


class Unavailable(CrosslineError):
    """Nothing was accepted; send it again."""

    status = 503


class NoStoreAccepts(Unavailable):
    """No durable store accepts the message at the moment; nothing was acknowledged, send it again."""


class ShuttingDown(Unavailable):
    """This process is stopping; nothing was acknowledged, send it again."""


class StoreError(CrosslineError):
    """A store did not do what was asked."""


class StoreUnreachable(StoreError):
    """The store cannot be reached."""


class StoreFull(StoreError):
    """The store refuses to take more."""


class StoreTimeout(StoreError):
    """The store did not answer in time."""


class SealError(CrosslineError):
    """Sealed bytes cannot be opened with the keys at hand."""


class KeyMissing(SealError):
    """The key that sealed these bytes is not in CROSSLINE_ENCRYPTION_KEYS."""


class SchemaMismatch(CrosslineError):
    """The database's schema is not the one that this release needs: run `crossline migrate`."""


class UserError(CrosslineError):
    """What was asked cannot be done as it was asked."""


class SettingsError(UserError):
    """The settings cannot be used."""

    def __init__(self, problems: Sequence[str], *, hint: str = "") -> None:
        self.problems = tuple(problems)
        self.hint = hint
        super().__init__("\n".join(["The settings cannot be used:", *(f"  - {problem}" for problem in problems), hint]).rstrip())

    @property
    def lacks_some(self) -> bool:
        """Whether a setting that is needed is not there at all."""
        return any(problem.endswith(" is not set") for problem in self.problems)


class KeyMismatch(UserError):
    """The keys at hand are not those that this database was written with."""
