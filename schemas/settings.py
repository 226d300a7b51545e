"""The environment, read once into one frozen value. Nothing else reads an environment variable.

`Settings.load` names every problem at once. A secret `NAME` may also come from the file that `NAME_FILE` names.
"""

import base64
import binascii
import hashlib
import ipaddress
import re
from collections.abc import Mapping
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Any, Final, Self
from urllib.parse import urlsplit

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, SecretBytes, SecretStr, ValidationError

from schemas.errors import SettingsError

Network = IPv4Network | IPv6Network
_HEX_KEY: Final = re.compile(r"[0-9a-fA-F]{64}")
_SHORTEST_PASSPHRASE: Final = 32
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{16,128}")


class SignatureMode(StrEnum):
    """`require`: unsigned is refused. `if-present`: a wrong signature is refused. `off`: not looked at."""

    REQUIRE = "require"
    IF_PRESENT = "if-present"
    OFF = "off"


class AckStore(StrEnum):
    """Which store a message must lie in before its 200. `auto`: Redis if it is proven durable, else the database."""

    AUTO = "auto"
    REDIS = "redis"
    DATABASE = "database"


class LogFormat(StrEnum):
    """`json`: one object a line, for machines. `console`: for a person."""

    JSON = "json"
    CONSOLE = "console"


def _words(value: Any) -> Any:
    return tuple(re.split(r"[\s,]+", value.strip())) if isinstance(value, str) and value.strip() else ()


def _key(value: str) -> bytes:
    """32 bytes from what a person or a PaaS gives: 64 hex digits, base64 of 32 bytes, or at least 32 other characters."""
    if _HEX_KEY.fullmatch(value):
        return bytes.fromhex(value)
    try:
        decoded = base64.b64decode(value.replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError):
        decoded = b""
    if len(decoded) == 32:
        return decoded
    if len(value) < _SHORTEST_PASSPHRASE:
        raise ValueError("give 64 hex digits, base64 of 32 bytes, or at least 32 random characters")
    return hashlib.sha256(value.encode()).digest()


def _keys(value: Any) -> Any:
    return tuple(SecretBytes(_key(word)) for word in _words(value))


def _one_key(value: Any) -> Any:
    return SecretBytes(_key(value)) if isinstance(value, str) else value


def _api_keys(value: Any) -> Any:
    """TeleSign's API keys are base64, as its SDKs decode them."""
    keys = []
    for word in _words(value):
        try:
            keys.append(SecretBytes(base64.b64decode(word, validate=True)))
        except (binascii.Error, ValueError):
            raise ValueError("an API key is not base64; copy it whole from TeleSign's portal") from None
    return tuple(keys)


def _tokens(value: Any) -> Any:
    tokens = _words(value)
    if any(not _TOKEN.fullmatch(token) for token in tokens):
        raise ValueError("a token is 16 to 128 letters, digits, - or _")
    return tuple(SecretStr(token) for token in tokens)


def _networks(value: Any) -> Any:
    return tuple(ipaddress.ip_network(word, strict=False) for word in _words(value))


def _proxies(value: Any) -> Any:
    """A hop count, or the proxies' networks."""
    if isinstance(value, str) and value.strip().isdigit():
        return int(value)
    return _networks(value)


def _redis_url(value: Any) -> Any:
    if isinstance(value, str):
        if not value.startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("give an address that starts with redis://, rediss:// (TLS) or unix:// (socket)")
        _check_port(value)
    return value


def _database_url(value: Any) -> Any:
    """A PaaS gives postgres://; SQLAlchemy wants the driver named."""
    if isinstance(value, str):
        if not re.match(r"(postgres(ql)?(\+psycopg)?|sqlite)://", value):
            raise ValueError("give an address that starts with postgresql:// or sqlite:///")
        _check_port(value)
        return SecretStr(re.sub(r"^postgres(ql)?(\+psycopg)?://", "postgresql+psycopg://", value))
    return value


def _check_port(url: str) -> None:
    try:
        _ = urlsplit(url).port
    except ValueError:
        raise ValueError(
            "its port is not a number from 0 to 65535; signs like / ? # @ in a password are written as %2F %3F %23 %40"
        ) from None


def _home(name: str) -> Any:
    return Field(validation_alias=AliasChoices(name))


def _default(value: Any, name: str) -> Any:
    return Field(default=value, validation_alias=AliasChoices(name))


class Settings(BaseModel):
    """What the operator decided. Durations end in `_s`; secrets are masked wherever this value is printed."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    redis_url: Annotated[SecretStr, BeforeValidator(_redis_url)] = _home("REDIS_URL")
    redis_tls_verify: bool = _default(True, "CROSSLINE_REDIS_TLS")
    database_url: Annotated[SecretStr, BeforeValidator(_database_url)] = _home("DATABASE_URL")
    host: str = _default("0.0.0.0", "HOST")  # noqa: S104  a PaaS routes to every address of its container
    port: Annotated[int, Field(ge=0, le=65535)] = _default(8000, "PORT")
    web_concurrency: Annotated[int, Field(ge=1, le=64)] = _default(1, "WEB_CONCURRENCY")
    callback_tokens: Annotated[tuple[SecretStr, ...], BeforeValidator(_tokens), Field(min_length=1)] = _home("CROSSLINE_CALLBACK_TOKENS")
    signature: SignatureMode = _default(SignatureMode.IF_PRESENT, "CROSSLINE_SIGNATURE")
    telesign_customer_id: str | None = _default(None, "CROSSLINE_TELESIGN_CUSTOMER_ID")
    telesign_api_keys: Annotated[tuple[SecretBytes, ...], BeforeValidator(_api_keys)] = _default((), "CROSSLINE_TELESIGN_API_KEYS")
    allowed_networks: Annotated[tuple[Network, ...], BeforeValidator(_networks)] = _default((), "CROSSLINE_ALLOWED_NETWORKS")
    trusted_proxies: Annotated[int | tuple[Network, ...], BeforeValidator(_proxies)] = _default(0, "CROSSLINE_TRUSTED_PROXIES")
    encryption_keys: Annotated[tuple[SecretBytes, ...], BeforeValidator(_keys), Field(min_length=1)] = _home("CROSSLINE_ENCRYPTION_KEYS")
    index_key: Annotated[SecretBytes, BeforeValidator(_one_key)] = _home("CROSSLINE_INDEX_KEY")
    ack: AckStore = _default(AckStore.AUTO, "CROSSLINE_ACK")
    redis_durable: bool = _default(False, "CROSSLINE_REDIS_DURABLE")
    max_pending: Annotated[int, Field(ge=1)] = _default(1_000_000, "CROSSLINE_MAX_PENDING")
    dedupe_ttl_s: Annotated[int, Field(ge=60)] = _default(86_400, "CROSSLINE_DEDUPE_TTL_S")
    metrics_token: SecretStr | None = _default(None, "CROSSLINE_METRICS_TOKEN")
    default_region: Annotated[str, Field(pattern=r"^[A-Z]{2}$")] | None = _default(None, "CROSSLINE_DEFAULT_REGION")
    log_format: LogFormat = _default(LogFormat.JSON, "LOG_FORMAT")
    log_level: Annotated[str, Field(pattern=r"^(debug|info|warning|error)$")] = _default("info", "LOG_LEVEL")

    @classmethod
    def load(cls, environ: Mapping[str, str]) -> Self:
        """The settings that an environment holds. Raises SettingsError naming every problem."""
        values, problems = _with_files(environ)
        if values.get("CROSSLINE_REDIS_TLS"):
            values["CROSSLINE_REDIS_TLS"] = "no" if values["CROSSLINE_REDIS_TLS"] == "insecure" else "yes"
        try:
            settings = cls.model_validate(values)
        except ValidationError as error:
            problems += [_sentence(dict(problem)) for problem in error.errors()]
            raise SettingsError(problems) from None
        if settings.signature is SignatureMode.REQUIRE and not settings.telesign_api_keys:
            problems.append("CROSSLINE_SIGNATURE is require, but CROSSLINE_TELESIGN_API_KEYS holds no key to check with")
        if problems:
            raise SettingsError(problems)
        return settings


def setting_names() -> tuple[str, ...]:
    """The environment variables that `Settings` reads, in the order of its fields."""
    return tuple(_name(field) for field in Settings.model_fields)


def _name(field: str) -> str:
    alias = Settings.model_fields[field].validation_alias
    assert isinstance(alias, AliasChoices)
    return str(alias.choices[0])


def _with_files(environ: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    values: dict[str, str] = {}
    problems: list[str] = []
    for name in setting_names():
        if environ.get(name, "").strip():
            values[name] = environ[name].strip()
        elif path := environ.get(f"{name}_FILE"):
            try:
                values[name] = Path(path).read_text("utf-8").strip()
            except OSError as error:
                problems.append(f"{name}_FILE names a file that cannot be read ({error.strerror})")
            except UnicodeDecodeError:
                problems.append(f"{name}_FILE names a file that cannot be read (it is not UTF-8)")
    return values, problems


def _sentence(problem: dict[str, Any]) -> str:
    name = str(problem["loc"][0])
    if problem["type"] == "missing":
        return f"{name} is not set"
    return f"{name}: {problem['msg'].removeprefix('Value error, ')}"
