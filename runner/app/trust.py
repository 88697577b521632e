"""`rawat trust`: the only way to make a host known."""

from __future__ import annotations

import shlex
from pathlib import Path

from runner.app.prepare import inventory_of, looked_for, settings_of
from runner.app.request import Context
from runner.document.paths import expanded
from runner.errors import InvalidInput
from runner.frozen import frozen


@frozen
class Trusted:
    added: bool
    message: str


def trust_host(
    context: Context, name: str, fingerprint: str, inventories: tuple[str, ...], file: Path | None, *, replace: bool
) -> Trusted:
    """Without a fingerprint nothing is added: the key that the host shows is named, and what to compare it with."""
    from runner.transport.host_keys import trust_words
    from runner.transport.ssh import SshTransport
    from runner.transport.trust import scan, trust

    settings = settings_of(context)
    with looked_for(settings, inventories):
        hosts = inventory_of(settings, inventories).select(name).hosts
    if len(hosts) > 1:
        names = ", ".join(host.name for host in hosts[:8]) + (", ..." if len(hosts) > 8 else "")
        raise InvalidInput(f"'{name}' means {len(hosts)} hosts; a key is trusted for one", hint=f"name one of: {names}")
    host = hosts[0]
    if host.transport == "local":
        raise InvalidInput(f"{name} is this machine, worked on without SSH: it has no key to trust")
    transport = SshTransport(known_hosts=settings.known_hosts, connect_timeout_s=settings.connect_timeout_s)
    known = file or next(iter(transport.route(host)[-1].known_hosts), None)
    if known is None:
        raise InvalidInput("no file of known hosts is set", hint="name one with --known-hosts")
    try:
        key = scan(transport, host)
    finally:
        transport.close()
    if not fingerprint:
        words = trust_words(name, inventories, key.fingerprint)
        return Trusted(
            added=False,
            message=(
                f"{name} shows the {key.key_type} key {key.fingerprint}\n"
                "  Ask its owner, or read it at its console: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub\n"
                f"  If it is the same: {shlex.join(words)}"
            ),
        )
    path = expanded(known)
    trust(path, key, expected=fingerprint, replace=replace)
    return Trusted(added=True, message=f"{name} is known by {key.fingerprint} in {path}")
