"""How large a request may be, and how slowly it may come."""

LARGEST_BODY = 8_000_000
"""Bytes of a body, as it is sent."""
LARGEST_HEAD = 65_536
"""Bytes of the request line and all headers."""
HEAD_SECONDS = 10.0
"""Within which a request's line and headers must be here, from when the connection is made or the first byte came."""
PATIENCE_SECONDS = 20.0
"""For which a body may stand still, or an answer may not be read."""
SLOWEST_BYTES_PER_SECOND = 20_000
"""Beyond that patience, a body must come at least so fast, and an answer be read so fast."""
