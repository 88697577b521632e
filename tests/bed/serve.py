"""Serve a folder over http at an address and port: `python serve.py FOLDER ADDRESS PORT`; stands alone on purpose."""

from __future__ import annotations

import functools
import http.server
import sys


class Handler(http.server.SimpleHTTPRequestHandler):
    """Always sends the file: a repository that flips back to v1 must not be answered with "not modified"."""

    protocol_version = "HTTP/1.1"

    def send_head(self):  # type: ignore[no-untyped-def]
        """As in the base class, the client's own copy disregarded."""
        del self.headers["If-Modified-Since"]
        return super().send_head()


if __name__ == "__main__":
    folder, address, port = sys.argv[1:]
    handler = functools.partial(Handler, directory=folder)
    http.server.ThreadingHTTPServer((address, int(port)), handler).serve_forever()
