"""Connections that nobody waits for in vain: a client that asks for nothing is cut off."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol


class Connection(H11Protocol):
    """A connection that ends once the client lets the service wait for too long.

    It may take so long as uvicorn keeps a connection alive between two requests: until the head of
    a request is there, from the first one on, and until the client has read some of an answer.
    uvicorn alone waits for ever for both. Bodies are the business of `arginator.service.limits`.
    """

    _head: asyncio.TimerHandle | None = None
    _reading: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._await_head()

    def data_received(self, data: bytes) -> None:
        """Read on; wait for the rest of a head, if no request is being answered."""
        super().data_received(data)
        if self.cycle is None or self.cycle.response_complete:
            self._await_head()
        elif self._head is not None:
            self._head.cancel()
            self._head = None

    def pause_writing(self) -> None:
        """Wait for the client to read."""
        super().pause_writing()
        self._reading = self.loop.call_later(self.timeout_keep_alive, self.transport.abort)

    def resume_writing(self) -> None:
        """Write on."""
        super().resume_writing()
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        super().connection_lost(exc)
        for timer in (self._head, self._reading):
            if timer is not None:
                timer.cancel()

    def _await_head(self) -> None:
        """Set the time by which a head has to be whole, unless it is set."""
        if self._head is None:
            self._head = self.loop.call_later(self.timeout_keep_alive, self.transport.close)
