"""The REST API: latest prices, ticks and bars over HTTP."""

from mdstream.errors import brought_by

with brought_by("serving"):
    from mdstream.serving.rest.app import create_app

__all__ = ["create_app"]
