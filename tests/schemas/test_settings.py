"""The environment read once: every problem by name, secrets never shown, and what a PaaS generates accepted as it is."""

import base64
from ipaddress import ip_network
from pathlib import Path

import pytest

from schemas.errors import SettingsError
from schemas.settings import AckStore, LogFormat, Settings, SignatureMode, setting_names
from tests.support.environment import make_environ, make_settings

HEX = "0123456789abcdef" * 4


def problems(environ: dict[str, str]) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as refused:
        Settings.load(environ)
    return refused.value.problems


def test_the_least_environment_has_defaults_for_everything_else() -> None:
    settings = make_settings(CROSSLINE_TELESIGN_CUSTOMER_ID=None, CROSSLINE_TELESIGN_API_KEYS=None, HOST=None)

    assert (settings.ack, settings.signature, settings.redis_durable) == (AckStore.AUTO, SignatureMode.IF_PRESENT, False)
    assert (settings.port, settings.web_concurrency, settings.log_format, settings.log_level) == (8000, 1, LogFormat.JSON, "info")
    assert (settings.allowed_networks, settings.trusted_proxies, settings.telesign_api_keys) == ((), 0, ())
    assert (settings.redis_tls_verify, settings.default_region, settings.metrics_token) == (True, None, None)


def test_all_problems_are_named_at_once() -> None:
    named = problems(
        make_environ(
            REDIS_URL=None,
            PORT="http",
            CROSSLINE_CALLBACK_TOKENS="short",
            CROSSLINE_SIGNATURE="maybe",
            CROSSLINE_ALLOWED_NETWORKS="10.0.0.0/8 nowhere",
            CROSSLINE_MAX_PENDING="0",
            CROSSLINE_INDEX_KEY_FILE="-",
        )
    )

    assert sorted(problem.split()[0].rstrip(":") for problem in named) == [
        "CROSSLINE_ALLOWED_NETWORKS",
        "CROSSLINE_CALLBACK_TOKENS",
        "CROSSLINE_MAX_PENDING",
        "CROSSLINE_SIGNATURE",
        "PORT",
        "REDIS_URL",
    ]


def test_an_empty_environment_says_what_has_to_be_set() -> None:
    assert sorted(problems({})) == [
        f"{name} is not set"
        for name in ("CROSSLINE_CALLBACK_TOKENS", "CROSSLINE_ENCRYPTION_KEYS", "CROSSLINE_INDEX_KEY", "DATABASE_URL", "REDIS_URL")
    ]


def test_what_is_set_to_nothing_is_not_set() -> None:
    assert make_settings(CROSSLINE_ACK="", PORT=" ").ack is AckStore.AUTO
    assert problems(make_environ(REDIS_URL=" ")) == ("REDIS_URL is not set",)


@pytest.mark.parametrize(
    "value, key",
    [
        pytest.param(HEX, bytes.fromhex(HEX), id="64 hex digits"),
        pytest.param(HEX.upper(), bytes.fromhex(HEX), id="64 hex digits in capitals"),
        pytest.param(base64.b64encode(bytes(32)).decode(), bytes(32), id="base64 of 32 bytes"),
        pytest.param(base64.urlsafe_b64encode(b"\xfb\xff" * 16).decode(), b"\xfb\xff" * 16, id="the same for addresses"),
    ],
)
def test_a_key_is_taken_as_a_paas_generates_it(value: str, key: bytes) -> None:
    settings = make_settings(CROSSLINE_ENCRYPTION_KEYS=value, CROSSLINE_INDEX_KEY=value)

    assert [one.get_secret_value() for one in settings.encryption_keys] == [key]
    assert settings.index_key.get_secret_value() == key


@pytest.mark.parametrize(
    "value, fits",
    [
        pytest.param("correct-horse-battery-staple-again", True, id="34 characters"),
        pytest.param("x" * 32, True, id="32 characters"),
        pytest.param("x" * 31, False, id="31 characters"),
        pytest.param(HEX[:-2], True, id="62 hex digits are a long text"),
        pytest.param(base64.b64encode(bytes(16)).decode(), False, id="base64 of 16 bytes"),
        pytest.param("changeme", False, id="a word"),
    ],
)
def test_any_other_key_is_at_least_32_characters(value: str, *, fits: bool) -> None:
    environ = make_environ(CROSSLINE_INDEX_KEY=value)
    if fits:
        assert len(Settings.load(environ).index_key.get_secret_value()) == 32
    else:
        [problem] = problems(environ)
        assert problem.startswith("CROSSLINE_INDEX_KEY: give 64 hex digits")
        assert value not in problem


def test_several_keys_and_tokens_stand_in_their_order() -> None:
    settings = make_settings(CROSSLINE_ENCRYPTION_KEYS=f"{'11' * 32}, {'22' * 32}", CROSSLINE_CALLBACK_TOKENS="a" * 16 + "\n" + "b" * 16)

    assert [key.get_secret_value() for key in settings.encryption_keys] == [b"\x11" * 32, b"\x22" * 32]
    assert [token.get_secret_value() for token in settings.callback_tokens] == ["a" * 16, "b" * 16]


@pytest.mark.parametrize(
    "token, fits",
    [("a" * 16, True), ("A-z_0" * 5, True), ("a" * 128, True), ("a" * 15, False), ("a" * 129, False), ("a/" * 9, False), ("ä" * 16, False)],
)
def test_a_token_can_stand_in_an_address(token: str, *, fits: bool) -> None:
    environ = make_environ(CROSSLINE_CALLBACK_TOKENS=token)
    if fits:
        assert Settings.load(environ).callback_tokens[0].get_secret_value() == token
    else:
        [problem] = problems(environ)
        assert token not in problem


@pytest.mark.parametrize("name", setting_names())
def test_every_setting_may_come_from_a_file(name: str, tmp_path: Path) -> None:
    path = tmp_path / "value"
    environ = make_environ()
    path.write_text(f"{environ.pop(name, '') or _some_value(name)}\n")
    read = Settings.load(environ | {f"{name}_FILE": str(path)})

    assert read == Settings.load(environ | {name: path.read_text()})


def _some_value(name: str) -> str:
    return {
        "CROSSLINE_ACK": "redis",
        "CROSSLINE_SIGNATURE": "off",
        "CROSSLINE_ALLOWED_NETWORKS": "10.0.0.0/8",
        "CROSSLINE_TRUSTED_PROXIES": "2",
        "CROSSLINE_REDIS_TLS": "insecure",
        "CROSSLINE_REDIS_DURABLE": "yes",
        "CROSSLINE_DEFAULT_REGION": "GB",
        "LOG_FORMAT": "console",
        "LOG_LEVEL": "debug",
    }.get(name, "61")


def test_the_value_itself_counts_before_its_file(tmp_path: Path) -> None:
    path = tmp_path / "value"
    path.write_text("database")

    assert make_settings(CROSSLINE_ACK="redis", CROSSLINE_ACK_FILE=str(path)).ack is AckStore.REDIS


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00"], ids=["missing", "not text"])
def test_a_file_that_cannot_be_read_is_named(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "value"
    if content is not None:
        path.write_bytes(content)
    named = problems(make_environ(CROSSLINE_INDEX_KEY=None, CROSSLINE_INDEX_KEY_FILE=str(path)))

    assert any(problem.startswith("CROSSLINE_INDEX_KEY_FILE names a file that cannot be read") for problem in named)


def test_no_secret_is_shown() -> None:
    environ = make_environ(
        redis_url="redis://:redis-password@h", database_url="postgresql://u:database-password@h/d", CROSSLINE_METRICS_TOKEN="m" * 20
    )
    settings = Settings.load(environ)
    shown = f"{settings!r} {settings} {settings.model_dump_json()}"
    secret = ["redis-password", "database-password", "m" * 20]
    secret += [environ[name] for name in environ if name.endswith(("_TOKENS", "_KEYS", "_KEY"))]

    assert [value for value in secret if value in shown] == []


def test_no_refusal_shows_a_secret() -> None:
    named = problems(make_environ(CROSSLINE_ENCRYPTION_KEYS="half-a-secret", CROSSLINE_TELESIGN_API_KEYS="not base64!"))

    assert "half-a-secret" not in str(named)
    assert "base64!" not in str(named)


@pytest.mark.parametrize(
    "value, proxies",
    [
        ("2", 2),
        ("10.0.0.0/8, 192.168.1.7", (ip_network("10.0.0.0/8"), ip_network("192.168.1.7/32"))),
        ("fd00::/8", (ip_network("fd00::/8"),)),
        ("10.1.2.3/8", (ip_network("10.0.0.0/8"),)),
    ],
)
def test_proxies_are_a_hop_count_or_networks(value: str, proxies: object) -> None:
    assert make_settings(CROSSLINE_TRUSTED_PROXIES=value).trusted_proxies == proxies


@pytest.mark.parametrize("value, verified", [("insecure", False), ("secure", True), ("no", True), ("Insecure", True)])
def test_only_one_word_turns_the_verification_of_tls_off(value: str, *, verified: bool) -> None:
    assert make_settings(CROSSLINE_REDIS_TLS=value).redis_tls_verify is verified


def test_signatures_cannot_be_required_without_a_key() -> None:
    environ = make_environ(CROSSLINE_SIGNATURE="require", CROSSLINE_TELESIGN_API_KEYS=None)

    assert problems(environ) == ("CROSSLINE_SIGNATURE is require, but CROSSLINE_TELESIGN_API_KEYS holds no key to check with",)
    assert make_settings(CROSSLINE_SIGNATURE="require").signature is SignatureMode.REQUIRE


def test_a_setting_cannot_be_changed() -> None:
    settings = make_settings()
    with pytest.raises(ValueError, match="frozen"):
        settings.port = 1
