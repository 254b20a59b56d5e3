"""Servers of uvicorn that wake once a second at rest, and not ten times."""

import asyncio

from uvicorn import Server

TURN_SECONDS = 1.0
"""Between two looks whether the server is to end; the date in answers is as old at most."""


def wake_seldom() -> None:
    """Let uvicorn's servers of this process do so; to be called before they start."""
    Server.main_loop = _main_loop  # type: ignore[method-assign,assignment]


async def _main_loop(server: Server) -> None:
    while not await server.on_tick(0):
        await asyncio.sleep(TURN_SECONDS)
