"""Which signatures let a callback in, in which mode."""

import base64
import json

import pytest

from receiver.signing import check_signature
from schemas.errors import SignatureMissing, SignatureWrong
from schemas.settings import SignatureMode
from schemas.signatures import callback_signature

DOCUMENTED = base64.b64decode("ABC12345yusumoN6BYsBVkh+yRJ5czgsnCehZaOYldPJdmFh6NeX8kunZ2zU1YWaUw/0wV6xfw==")
OLD = b"the key before this one"
EXAMPLE = {
    "submit_timestamp": "2018-02-12T14:57:11.765723",
    "from_phone_number": "15551234",
    "mo_message": "I am standing at the corner wearing a blue shirt",
    "mo_reference_id": "SA9WUKGP3TGRCQSRMS78QV5M5REKQ98N",
    "session_reference_id": "B5862A14363C016C8832D53625270015",
    "to_phone_number": "15554567",
}
BODY = b'{"mo_message":"see you at nine"}'
RIGHT = callback_signature(DOCUMENTED, BODY)


@pytest.mark.parametrize(
    "key, body, signature",
    [
        pytest.param(
            b"secret_api_key", b'{:ref_id=>"ref_id"}', "PJRdTwXX+/+nksJwXkEDLslxkX2rwUyyCHnlGslCsto=", id="a production receiver's"
        ),
        pytest.param(
            # The SDKs' test key is base64 with dashes that their decoders skip; production keys have none and are decoded strictly.
            base64.b64decode("EXAMPLE----TE8sTgg45yusumoN6BYsBVkh+yRJ5czgsnCehZaOYldPJdmFh6NeX8kunZ2zU1YWaUw/0wV6xfw==".replace("-", "")),
            b"{'test': 123}",
            "B97g3N9lPdVaptvifxRau7bzVAC5hhRBZ6HKXABN744=",
            id="the SDKs'",
        ),
        pytest.param(
            DOCUMENTED,
            json.dumps(EXAMPLE, separators=(",", ":")).encode(),
            "x6CtXo9Kc8hHd82gmL3a75f1/TEy1O4zBCYjgc/anPQ=",
            id="the documented example, compact",
        ),
        pytest.param(
            DOCUMENTED,
            json.dumps(EXAMPLE).encode(),
            "3YhwICbuRYixAVu+/ioi4Bca/0ScRGqo8BBaYKnLb04=",
            id="the documented example, with spaces: the same values, other bytes",
        ),
    ],
)
def test_known_signatures_are_reproduced(key: bytes, body: bytes, signature: str) -> None:
    assert callback_signature(key, body) == signature


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param([RIGHT], id="bare"),
        pytest.param([f"TSA FFFFFFFF-EEEE-DDDD-1234-AB1234567890:{RIGHT}"], id="with scheme and customer id"),
        pytest.param([f"tsa x:{RIGHT}"], id="the scheme in lower case"),
        pytest.param([f"  TSA x:{RIGHT} "], id="spaces around"),
        pytest.param([f"TSA  x:{RIGHT}"], id="two spaces"),
        pytest.param([f"TSA x:y:{RIGHT}"], id="a colon in the customer id"),
        pytest.param(["TSA x:wrong", RIGHT], id="the second is right"),
        pytest.param([RIGHT, "TSA x:wrong"], id="the first is right"),
        pytest.param(["Basic eDp5", RIGHT], id="beside another scheme"),
        pytest.param([callback_signature(OLD, BODY)], id="under the other key"),
    ],
)
@pytest.mark.parametrize("mode", [SignatureMode.REQUIRE, SignatureMode.IF_PRESENT, SignatureMode.OFF])
def test_a_right_signature_lets_in(mode: SignatureMode, headers: list[str]) -> None:
    check_signature(headers, BODY, mode=mode, api_keys=[DOCUMENTED, OLD])


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param([callback_signature(b"another key", BODY)], id="another key"),
        pytest.param([callback_signature(DOCUMENTED, BODY + b"\n")], id="another body"),
        pytest.param([RIGHT[:-1]], id="one character short"),
        pytest.param([RIGHT + "="], id="one character long"),
        pytest.param([RIGHT.lower()], id="lower case"),
        pytest.param(["TSA x:"], id="an empty signature"),
        pytest.param(["TSA"], id="the scheme alone"),
        pytest.param([f"TSA {base64.b64encode(RIGHT.encode()).decode()}"], id="base64 twice"),
        pytest.param(["é"], id="not ASCII"),
        pytest.param(["TSA x:wrong", "Basic eDp5"], id="wrong beside another scheme"),
    ],
)
@pytest.mark.parametrize("mode", [SignatureMode.REQUIRE, SignatureMode.IF_PRESENT])
def test_a_wrong_signature_does_not(mode: SignatureMode, headers: list[str]) -> None:
    with pytest.raises(SignatureWrong):
        check_signature(headers, BODY, mode=mode, api_keys=[DOCUMENTED, OLD])


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param([], id="no header"),
        pytest.param([""], id="an empty header"),
        pytest.param(["  "], id="a blank header"),
        pytest.param(["Basic eDp5"], id="another scheme"),
        pytest.param([f"Bearer {RIGHT}", "Digest x=y"], id="two other schemes"),
    ],
)
def test_no_signature_is_refused_only_where_one_is_required(headers: list[str]) -> None:
    check_signature(headers, BODY, mode=SignatureMode.IF_PRESENT, api_keys=[DOCUMENTED])
    check_signature(headers, BODY, mode=SignatureMode.OFF, api_keys=[DOCUMENTED])

    with pytest.raises(SignatureMissing):
        check_signature(headers, BODY, mode=SignatureMode.REQUIRE, api_keys=[DOCUMENTED])


@pytest.mark.parametrize("mode", [SignatureMode.IF_PRESENT, SignatureMode.OFF])
def test_without_a_key_nothing_can_be_wrong(mode: SignatureMode) -> None:
    check_signature(["TSA x:wrong"], BODY, mode=mode, api_keys=[])
