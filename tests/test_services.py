"""The servers that tests start answer, and are gone afterwards."""

import httpx
import psycopg
import pytest
import redis

from tests.services import nginx_server, postgresql_server, redis_server


@pytest.mark.redis
def test_redis_answers_and_is_gone_afterwards():
    with redis_server() as url:
        client = redis.from_url(url)
        assert client.ping()
    with pytest.raises(redis.ConnectionError):
        redis.from_url(url).ping()


@pytest.mark.postgresql
def test_postgresql_answers_and_is_gone_afterwards():
    with postgresql_server() as url, psycopg.connect(url) as connection:
        assert connection.execute("select current_database()").fetchone() == ("tamago",)
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url)


@pytest.mark.nginx
def test_nginx_serves_what_its_configuration_says():
    with nginx_server('server { listen 127.0.0.1:PORT; location / { return 200 "egg"; } }') as address:
        assert httpx.get(address).text == "egg"
