"""Toy packages, version 1.0 (published as v1) and 2.0 (v2), each with one habit that upgrades stumble over."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from tests.bed.process import run

VERSIONS = {"v1": "1.0", "v2": "2.0"}
"""What is published under which name."""

APP_PORT = 8080
"""Where bed-app listens unless /etc/bed-app.conf says otherwise."""

_APP = """#!/usr/bin/python3
import http.server, os, pathlib, socket
conf = dict(line.split("=", 1) for line in pathlib.Path("/etc/bed-app.conf").read_text().split())
class Hello(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = b"bed-app VERSION\\n"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
server = http.server.ThreadingHTTPServer(("", int(conf["port"])), Hello)
manager = os.environ.get("NOTIFY_SOCKET", "")
if manager:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready:
        ready.connect(manager.replace("@", chr(0), 1))
        ready.send(b"READY=1")
server.serve_forever()
"""

# Whoever has started or restarted it can ask it at once: started means that it listens.
_UNIT = """[Unit]
Description=Toy service of the test bed
[Service]
Type=notify
ExecStart=/usr/lib/bed-app/serve
Restart=on-failure
[Install]
WantedBy=multi-user.target
"""

_START = """if [ -d /run/systemd/system ]; then
    systemctl daemon-reload
    systemctl --quiet enable bed-app.service
    systemctl restart bed-app.service
fi
"""

_STOP = """if [ "$1" = remove ] && [ -d /run/systemd/system ]; then
    systemctl --quiet disable --now bed-app.service
fi
"""

_DAEMON = """[Unit]
Description=Service of the test bed whose program is replaced under it
[Service]
ExecStart=/usr/lib/bed-stale/daemon infinity
[Install]
WantedBy=multi-user.target
"""

_REPLACE = """mkdir -p /usr/lib/bed-stale
cp /usr/bin/sleep /usr/lib/bed-stale/daemon.new
mv /usr/lib/bed-stale/daemon.new /usr/lib/bed-stale/daemon
if [ -d /run/systemd/system ]; then
    systemctl daemon-reload
    systemctl --quiet enable bed-stale.service
    systemctl start bed-stale.service
fi
"""

_REBOOT = """echo '*** System restart required ***' >/run/reboot-required
echo bed-kernel >>/run/reboot-required.pkgs
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Toy:
    """
    One package in one version. files: path -> text; executable if it starts with `#!`.

    conffiles are among the files; control holds further control fields; scripts: `postinst`, `prerm` -> body for sh -e.
    """

    name: str
    version: str
    files: dict[str, str] = field(default_factory=dict)
    conffiles: tuple[str, ...] = ()
    control: dict[str, str] = field(default_factory=dict)
    scripts: dict[str, str] = field(default_factory=dict)


def debs(version: str) -> tuple[Toy, ...]:
    """The Debian packages published with this version, `1.0` or `2.0`."""
    second = version == "2.0"
    app = {
        "/usr/lib/bed-app/serve": _APP.replace("VERSION", version),
        "/lib/systemd/system/bed-app.service": _UNIT,
        "/etc/bed-app.conf": f"port={APP_PORT}\nlevel={'info' if second else 'debug'}\n",
    }
    toys = [
        _toy(
            "bed-app",
            version,
            files=app,
            conffiles=("/etc/bed-app.conf",),
            scripts={"postinst": _START, "prerm": _STOP},
        ),
        _toy("bed-held", version),
        _toy(
            "bed-broken",
            version,
            scripts={
                "postinst": "if [ -e /etc/bed-broken.fail ]; then echo 'bed-broken: told to fail' >&2; exit 1; fi\n"
            }
            if second
            else {},
        ),
        _toy("bed-kernel", version, scripts={"postinst": _REBOOT} if second else {}),
        _toy(
            "bed-slow",
            version,
            scripts={"postinst": 'sleep "$(cat /etc/bed-slow.seconds 2>/dev/null || echo 5)"\n'} if second else {},
        ),
        _toy("bed-dep", version, control={"Depends": "bed-newdep"} if second else {}),
        _toy("bed-conflict", version, control={"Conflicts": "bed-rival"} if second else {}),
        _toy("bed-rival", "1.0"),
        _toy(
            "bed-stale",
            version,
            files={"/lib/systemd/system/bed-stale.service": _DAEMON},
            scripts={"postinst": _REPLACE},
        ),
    ]
    return (*toys, _toy("bed-newdep", version)) if second else tuple(toys)


def others() -> tuple[Toy, ...]:
    """Debian packages of a publisher that is not one of security updates; no host has it among its sources at first."""
    return (_toy("bed-kernel", "3.0"), _toy("bed-app", "3.0", control={"Conflicts": "bed-rival"}))


def rpms(version: str) -> tuple[Toy, ...]:
    """The RPM packages published with this version; bed-rpm-base stands for the shell that scripts need."""
    second = version == "2.0"
    conf = {"/etc/bed-rpm-app.conf": f"level={'info' if second else 'debug'}\n"}
    toys = [
        _toy("bed-rpm-base", "1.0", control={"Provides": "/bin/sh"}),
        _toy(
            "bed-rpm-app",
            version,
            files=conf,
            conffiles=tuple(conf),
            scripts={"postinst": "date +%s >/run/bed-rpm-app.configured\n"},
        ),
        _toy("bed-rpm-plain", version),
        _toy("bed-rpm-kernel", version, scripts={"postinst": "touch /run/reboot-required\n"} if second else {}),
        _toy("bed-rpm-dep", version, control={"Requires": "bed-rpm-newdep"} if second else {}),
        _toy(
            "bed-rpm-stale",
            version,
            files={"/lib/systemd/system/bed-rpm-stale.service": _DAEMON.replace("bed-stale", "bed-rpm-stale")}
            | {"/usr/lib/bed-rpm-stale/daemon": f"replaced, {version}\n"},
            scripts={"postinst": _REPLACE.replace("bed-stale", "bed-rpm-stale")},
        ),
    ]
    return (*toys, _toy("bed-rpm-newdep", version)) if second else tuple(toys)


def old_rpms() -> tuple[Toy, ...]:
    """Those of version 1.0 that the repository still has beside version 2.0."""
    return tuple(toy for toy in rpms("1.0") if toy.name in ("bed-rpm-app", "bed-rpm-plain"))


def build_deb(toy: Toy, folder: Path, scratch: Path) -> Path:
    """Build the .deb into folder; returns its path."""
    tree = scratch / toy.name
    fields = {
        "Package": toy.name,
        "Version": toy.version,
        "Architecture": "all",
        "Maintainer": "Bed <bed@localhost>",
        **toy.control,
    }
    control = "".join(f"{key}: {value}\n" for key, value in fields.items()) + "Description: toy of the test bed\n"
    _put(tree / "DEBIAN/control", control)
    if toy.conffiles:
        _put(tree / "DEBIAN/conffiles", "".join(f"{path}\n" for path in toy.conffiles))
    for name, body in toy.scripts.items():
        _put(tree / "DEBIAN" / name, f"#!/bin/sh\nset -e\n{body}")
    for path, text in toy.files.items():
        _put(tree / path.lstrip("/"), text)
    target = folder / f"{toy.name}_{toy.version}_all.deb"
    run(["dpkg-deb", "--root-owner-group", "-Znone", "--build", str(tree), str(target)])
    return target


def build_rpm(toy: Toy, folder: Path, scratch: Path) -> None:
    """Build the .rpm into folder."""
    fields = {
        "Name": toy.name,
        "Version": toy.version,
        "Release": "1",
        "Summary": "toy of the test bed",
        "License": "none",
        **toy.control,
    }
    spec = "".join(f"{key}: {value}\n" for key, value in fields.items()) + "BuildArch: noarch\nAutoReqProv: no\n"
    spec += "%description\nToy of the test bed.\n%install\n"
    for path, text in toy.files.items():
        spec += f"install -D -m 644 /dev/stdin %{{buildroot}}{path} <<'END'\n{text}END\n"
    if "postinst" in toy.scripts:
        spec += f"%post\n{toy.scripts['postinst']}"
    spec += "%files\n" + "".join(
        f"{'%config(noreplace) ' if path in toy.conffiles else ''}{path}\n" for path in toy.files
    )
    file = scratch / f"{toy.name}.spec"
    _put(file, spec)
    places = {
        "_topdir": scratch / "rpmbuild",
        "_rpmdir": folder,
        "_rpmfilename": f"{toy.name}-{toy.version}-1.noarch.rpm",
    }
    defines = [word for key, value in places.items() for word in ("--define", f"{key} {value}")]
    run(["rpmbuild", "-bb", "--quiet", *defines, str(file)])


def _toy(name: str, version: str, **more: object) -> Toy:
    files: dict[str, str] = {f"/usr/share/{name}/version": f"{version}\n"}
    given = more.pop("files", {})
    assert isinstance(given, dict)
    return Toy(name=name, version=version, files={**files, **given}, **more)  # type: ignore[arg-type]


def _put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755 if text.startswith("#!") else 0o644)
