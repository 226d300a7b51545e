"""The stores' addresses: what cannot be one is refused at start, by name, and never quoted."""

import pytest

from schemas.errors import SettingsError
from tests.support.environment import make_settings


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("redis://h", id="plain"),
        pytest.param("rediss://:p%40ss@h:6380/1", id="tls-and-password"),
        pytest.param("unix:///run/redis.sock?db=2", id="socket"),
    ],
)
def test_an_address_of_redis_is_taken(url: str) -> None:
    assert make_settings(REDIS_URL=url).redis_url.get_secret_value() == url


@pytest.mark.parametrize(
    "url, becomes",
    [
        pytest.param("postgres://u:p@h/d", "postgresql+psycopg://u:p@h/d", id="as-a-paas-gives-it"),
        pytest.param("postgresql://h:5433/d", "postgresql+psycopg://h:5433/d", id="plain"),
        pytest.param("postgresql+psycopg://h/d", "postgresql+psycopg://h/d", id="driver-named"),
        pytest.param("sqlite:////data/c.db", "sqlite:////data/c.db", id="sqlite"),
    ],
)
def test_an_address_of_a_database_is_taken(url: str, becomes: str) -> None:
    assert make_settings(DATABASE_URL=url).database_url.get_secret_value() == becomes


@pytest.mark.parametrize(
    "name, url",
    [
        pytest.param("REDIS_URL", "secret.example:6379", id="redis-without-scheme"),
        pytest.param("REDIS_URL", "http://secret.example", id="redis-of-another-kind"),
        pytest.param("REDIS_URL", "redis://:secret/word@h:6379", id="redis-password-with-a-slash"),
        pytest.param("DATABASE_URL", "mysql://secret/d", id="another-database"),
        pytest.param("DATABASE_URL", "postgresql+asyncpg://secret/d", id="another-driver"),
        pytest.param("DATABASE_URL", "/data/secret.db", id="a-path"),
        pytest.param("DATABASE_URL", "postgresql://secret:99999/d", id="no-port"),
    ],
)
def test_what_is_no_address_is_refused_by_name_and_not_quoted(name: str, url: str) -> None:
    with pytest.raises(SettingsError, match=name) as refused:
        make_settings(**{name: url})

    assert "secret" not in refused.value.message
