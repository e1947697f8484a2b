import pytest

from embedsvc.server.access import Access
from embedsvc.server.problems import Forbidden, Unauthorized
from embedsvc.server.settings import ServeSettings


class OneKey:
    def name_of(self, presented):
        return "alice" if presented == "right" else None


def check(path="/v1/embeddings", *, keys=None, method="POST", settings=None, **headers):
    headers = {"host": "localhost:8080"} | headers
    scope = {
        "path": path,
        "method": method,
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    return Access(ServeSettings(**(settings or {})), keys).check(scope)


def test_without_keys_everybody_on_this_machine_may_call():
    assert check() is None


@pytest.mark.parametrize("value", ["Bearer right", "bearer right", "BEARER  right "])
def test_a_known_key_is_known_by_its_name(value):
    assert check(keys=OneKey(), authorization=value) == "alice"


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (None, "missing_api_key"),
        ("", "missing_api_key"),
        ("right", "missing_api_key"),
        ("Basic right", "missing_api_key"),
        ("Bearer wrong", "invalid_api_key"),
        ("Bearer ", "missing_api_key"),
        ("Bearer right right", "invalid_api_key"),
    ],
)
def test_other_keys_are_refused(value, code):
    headers = {} if value is None else {"authorization": value}
    with pytest.raises(Unauthorized) as found:
        check(keys=OneKey(), **headers)
    assert found.value.code in (code, "invalid_api_key")
    assert "right" not in str(found.value)


@pytest.mark.parametrize("path", ["/", "/healthz", "/readyz", "/openapi.json", "/docs"])
def test_what_tells_nothing_needs_no_key(path):
    assert check(path, keys=OneKey(), method="GET") is None


def test_metrics_need_a_key():
    with pytest.raises(Unauthorized):
        check("/metrics", keys=OneKey(), method="GET")


def test_a_browser_may_ask_before_it_sends_the_key():
    assert check(keys=OneKey(), method="OPTIONS") is None


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8080", "[::1]:8080", "LOCALHOST:1"])
def test_loopback_is_called_by_its_names(host):
    assert check(host=host) is None


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "[::1", "a b"])
def test_another_name_for_loopback_is_refused(host):
    with pytest.raises(Forbidden, match="localhost") as found:
        check(host=host)
    assert found.value.code == "unknown_host"


def test_with_keys_or_on_a_network_any_name_will_do():
    assert check(host="proxy.example", keys=OneKey(), authorization="Bearer right") == "alice"
    assert check(host="proxy.example", settings={"host": "0.0.0.0"}) is None  # noqa: S104


def test_allowed_hosts_are_the_only_ones():
    settings = {"allowed_hosts": ("a.example",)}
    assert check(host="a.example", settings=settings) is None
    with pytest.raises(Forbidden):
        check(host="localhost", settings=settings)


def test_the_services_own_page_may_call():
    assert check(host="localhost:8080", origin="http://localhost:8080") is None


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:9999", "x"])
def test_a_foreign_page_may_not_unless_it_was_let_in(origin):
    with pytest.raises(Forbidden) as found:
        check(origin=origin)
    assert found.value.code == "foreign_origin"
    assert check(origin=origin, settings={"cors_origins": (origin,)}) is None


@pytest.mark.parametrize("origin", ["http://[", "http://[::1", "http://a]b", "\xff", ""])
def test_an_origin_that_is_none_is_a_foreign_one(origin):
    with pytest.raises(Forbidden, match="--cors-origin") as found:
        check(origin=origin)
    assert found.value.code == "foreign_origin"


def test_no_origin_and_no_host_are_not_the_same_place():
    settings = {"host": "0.0.0.0"}  # noqa: S104
    assert check(host="", settings=settings) is None
    with pytest.raises(Forbidden):
        check(host="", origin="null", settings=settings)
