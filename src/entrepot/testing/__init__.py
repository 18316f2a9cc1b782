"""For tests, ours and plug-in authors': worlds to build, the ports' contracts, and faults.

- `builders`: a whole registry in a temporary folder, callers, images, and a client that needs no socket.
- `memory`: a blob store that forgets.
- `contracts`: the ports' specifications, as suites that a driver's tests inherit (they need pytest and pytest-asyncio).
- `faults`: crash at every call of a port, once each.
"""
