"""Whether a callback's signature lets it in. Pure."""

from collections.abc import Sequence

from schemas.errors import SignatureMissing, SignatureWrong
from schemas.settings import SignatureMode
from schemas.signatures import is_signed_by_any, signature_in


def check_signature(headers: Sequence[str], body: bytes, *, mode: SignatureMode, api_keys: Sequence[bytes]) -> None:
    """Raises SignatureMissing or SignatureWrong where the mode does not let the body in.

    `headers`: the values of `Authorization` and `X-TS-Authorization`, however many; one right signature among them is enough, and a
    value of another scheme counts as absent. Without a key nothing can be wrong: then `if-present` lets everything in.
    """
    if mode is SignatureMode.OFF or (mode is SignatureMode.IF_PRESENT and not api_keys):
        return
    # The sender says the same in both headers: once is enough to check it.
    signatures = {signature for value in headers if (signature := signature_in(value)) is not None}
    if not signatures:
        if mode is SignatureMode.REQUIRE:
            raise SignatureMissing
        return
    if not any([is_signed_by_any(signature, body, api_keys) for signature in signatures]):  # noqa: C419  every one, in the same time
        raise SignatureWrong
