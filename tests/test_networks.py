"""Networks: which address counts behind a proxy, and in what it lies."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from events import networks

ROOT = Path(__file__).resolve().parent.parent
PROXIES = ["10.0.0.0/8", "2001:db8:ffff::/48"]


def called(connected: str, forwarded: str | None = None) -> str:
    meta = {"REMOTE_ADDR": connected}
    if forwarded is not None:
        meta["HTTP_X_FORWARDED_FOR"] = forwarded
    return networks.caller_address(meta)


def test_without_proxies_the_address_that_connects_counts(settings: Any) -> None:
    settings.TXMSG_PROXIES = []
    assert called("192.0.2.7", "203.0.113.9") == "192.0.2.7"
    assert networks.caller_address({}) == ""


@pytest.mark.parametrize(
    ("connected", "forwarded", "counts"),
    [
        pytest.param("10.0.0.1", "192.0.2.7", "192.0.2.7", id="one-proxy"),
        pytest.param("10.0.0.1", "192.0.2.7, 10.0.0.2", "192.0.2.7", id="two-proxies"),
        pytest.param("10.0.0.1", "1.1.1.1,192.0.2.7", "192.0.2.7", id="made-up-left"),
        pytest.param("10.0.0.1", "10.9.9.9, 10.8.8.8", "10.9.9.9", id="only-proxies"),
        pytest.param("192.0.2.9", "198.51.100.1", "192.0.2.9", id="no-proxy-of-ours"),
        pytest.param("10.0.0.1", None, "10.0.0.1", id="no-header"),
        pytest.param("10.0.0.1", "", "10.0.0.1", id="empty-header"),
        pytest.param("10.0.0.1", "192.0.2.7:50400", "192.0.2.7", id="with-port"),
        pytest.param("10.0.0.1", "[2001:db8::7]:50400", "2001:db8::7", id="v6-port"),
        pytest.param("10.0.0.1", "2001:db8::7", "2001:db8::7", id="v6"),
        pytest.param("2001:db8:ffff::1", "2001:db8::7", "2001:db8::7", id="v6-proxy"),
        pytest.param("::ffff:10.0.0.1", "192.0.2.7", "192.0.2.7", id="v4-in-v6"),
        pytest.param("10.0.0.1", "192.0.2.7, unknown", "", id="unknown-is-nobody"),
        pytest.param("10.0.0.1", "192.0.2.7,", "", id="empty-part-is-nobody"),
        pytest.param("10.0.0.1", "x" * 9000, "", id="long"),
    ],
)
def test_behind_a_proxy_of_ours_the_last_address_that_is_none_counts(
    settings: Any, connected: str, forwarded: str | None, counts: str
) -> None:
    settings.TXMSG_PROXIES = PROXIES
    assert called(connected, forwarded) == counts


@pytest.mark.parametrize(
    ("address", "lies_in"),
    [
        ("10.255.0.1", True),
        ("::ffff:10.1.2.3", True),
        ("11.0.0.1", False),
        ("2001:db8:ffff:1::1", True),
        ("2001:db8:fffe::1", False),
        ("", False),
        ("unix", False),
        ("10.0.0", False),
    ],
)
def test_an_address_lies_in_a_network_of_its_own_kind(
    address: str, lies_in: bool
) -> None:
    assert networks.contains(networks.parsed(tuple(PROXIES)), address) is lies_in


def test_what_is_no_network_is_left_out_with_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert networks.parsed(("nonsense-of-this-test",)) == ()
    assert "is no network" in caplog.text


def test_a_proxy_that_is_no_network_stops_the_start() -> None:
    code = "import config.settings"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={"TXMSG_PROXIES": "proxy.internal", "TXMSG_HOME": "/tmp", "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "TXMSG_PROXIES takes networks" in done.stderr
