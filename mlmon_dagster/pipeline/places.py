"""Places that a pipeline file names: where a machine is told its own secrets is refused before any connection."""

import re
import socket
import unicodedata
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import unquote

NETWORKS = tuple(
    ip_network(network)
    for network in ("169.254.0.0/16", "fe80::/10", "fd00:ec2::/32", "100.100.100.200/32", "192.0.0.192/32")
)
"""Link-local addresses, among them those at which clouds hand out credentials, and the ones that are not link-local."""

NAMES = ("metadata", "metadata.google.internal", "instance-data", "instance-data.ec2.internal")
"""Names that clouds give to them."""

_EMBEDDED = ip_network("64:ff9b::/96")
_AUTHORITY = re.compile(r"(?<=://)[^/?#]*")


def not_inside(url: str) -> str:
    """The URL as it is; `ValueError` where one of its hosts is an address of the machine's own metadata.

    Every notation of an address counts. A name that leads there is not looked up here: the network has to refuse that.

    >>> not_inside("https://example.org/sales.csv")
    'https://example.org/sales.csv'
    >>> not_inside("http://0xA9FEA9FE/latest")
    Traceback (most recent call last):
        ...
    ValueError: 169.254.169.254 is where a machine is told its own credentials, not a place
    """
    plain = unicodedata.normalize("NFKC", unquote(url)).replace("\u3002", ".").lower()
    for authority in _AUTHORITY.findall(plain):
        for text in (authority, authority.partition("\\")[0]):
            host = _host(text.rpartition("@")[2])
            if host in NAMES or _inside(host):
                raise ValueError(
                    f"{_address(host) or host} is where a machine is told its own credentials, not a place"
                )
    return url


def no_file(url: str) -> str:
    """The URL as it is, where it is one of another machine; `ValueError` for `file://`, also inside of another URL."""
    if re.search(r"(^|::)\s*(file|local):", unquote(url).lower()):
        raise ValueError("expected no file: URL; a file on this machine is named by its path")
    return url


def _host(text: str) -> str:
    if text.startswith("["):
        return text[1:].partition("]")[0].partition("%")[0]
    return text.partition(":")[0].strip().rstrip(".")


def _inside(host: str) -> bool:
    found = _address(host)
    return found is not None and any(found in network for network in NETWORKS if network.version == found.version)


def _address(host: str) -> IPv4Address | IPv6Address | None:
    """The address that a host is, in decimal, octal, hexadecimal, shortened, or carried in one of IPv6."""
    try:
        found = ip_address(host)
    except ValueError:
        try:
            return IPv4Address(socket.inet_aton(host)) if host and " " not in host else None
        except (OSError, UnicodeEncodeError):
            return None
    if isinstance(found, IPv6Address):
        carried = found.ipv4_mapped or found.sixtofour
        if found in _EMBEDDED:
            carried = IPv4Address(int(found) & 0xFFFFFFFF)
        return carried or found
    return found
