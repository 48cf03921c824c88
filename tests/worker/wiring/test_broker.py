"""What makes a broker's address safe to use."""

import ssl

import pytest

from worker.wiring.broker import BadBroker, broker


@pytest.mark.parametrize("url", ["redis://localhost:6379/0", "redis://127.0.0.1/3", "redis://[::1]:6379", None])
def test_on_this_machine_neither_password_nor_tls_is_needed(url: str | None) -> None:
    assert broker(url, {}).tls is None


def test_elsewhere_a_password_or_tls_is_needed() -> None:
    with pytest.raises(BadBroker, match="neither a password nor TLS"):
        broker("redis://redis.example:6379/0", {})

    assert broker("redis://:word@redis.example:6379/0", {}).tls is None
    assert broker("rediss://redis.example:6379/0", {}).tls


def test_a_closed_network_is_said_to_be_one() -> None:
    assert broker("redis://redis:6379/0", {"PQL_REDIS_OPEN": "true"}).url == "redis://redis:6379/0"


def test_tls_checks_the_certificate() -> None:
    tls = broker("rediss://:word@redis.example:6379/0", {}).tls

    assert tls == {"ssl_cert_reqs": ssl.CERT_REQUIRED, "ssl_check_hostname": True}


def test_tls_without_check_is_possible_and_never_silent() -> None:
    found = broker("rediss://:word@redis.example:6379/0", {"PQL_REDIS_TLS_VERIFY": "false"})

    assert found.tls == {"ssl_cert_reqs": ssl.CERT_NONE, "ssl_check_hostname": False}
    assert "PQL_REDIS_TLS_VERIFY=false" in found.warning


def test_the_check_cannot_be_switched_off_in_the_address() -> None:
    with pytest.raises(BadBroker, match="PQL_REDIS_TLS_VERIFY"):
        broker("rediss://:word@redis.example:6379/0?ssl_cert_reqs=none", {})


@pytest.mark.parametrize("url", ["amqp://localhost", "sqla+sqlite:///x", "memory://"])
def test_other_brokers_are_refused(url: str) -> None:
    with pytest.raises(BadBroker, match="redis://"):
        broker(url, {})


def test_a_switch_is_true_or_false() -> None:
    with pytest.raises(BadBroker, match="maybe"):
        broker("rediss://h", {"PQL_REDIS_TLS_VERIFY": "maybe"})


def test_a_password_does_not_show() -> None:
    assert "word" not in repr(broker("redis://:word@redis.example/0", {}))
